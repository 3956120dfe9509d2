//! Parts of answers: which answers have them, and what stands between.

use std::convert::Infallible;

use actix_web::{
    App, HttpResponse, Responder,
    body::SizedStream,
    get,
    http::StatusCode,
    middleware::Compress,
    post,
    test::{TestRequest, init_service},
    web::{Bytes, Json, ServiceConfig, scope},
};
use cachet_actix::{Validated, Validators};

use crate::server::Server;

#[get("/text")]
async fn text() -> impl Responder {
    Validated::new("good day to you", Validators::etag("v1"))
}

#[post("/posted")]
async fn posted() -> impl Responder {
    Validated::new("good day to you", Validators::etag("v1"))
}

#[get("/streamed")]
async fn streamed() -> impl Responder {
    let chunk = futures_util::stream::once(async { Ok::<_, Infallible>(Bytes::from_static(b"good day")) });
    let body = SizedStream::new(8, Box::pin(chunk));
    Validated::new(HttpResponse::Ok().body(body), Validators::etag("v1"))
}

#[get("/encoded")]
async fn encoded() -> impl Responder {
    let gzipped = HttpResponse::Ok().insert_header(("content-encoding", "gzip")).body("bytes of gzip");
    Validated::new(gzipped, Validators::etag("v1-gz"))
}

#[get("/found")]
async fn found() -> impl Responder {
    Validated::new(
        Json("elsewhere").customize().with_status(StatusCode::NON_AUTHORITATIVE_INFORMATION),
        Validators::etag("v1"),
    )
}

fn start() -> Server {
    Server::start(|config: &mut ServiceConfig| {
        config.service(text).service(posted).service(streamed).service(encoded).service(found);
        config.service(scope("/compressed").wrap(Compress::default()).service(text));
    })
}

#[test]
fn only_a_200_to_a_get_with_its_body_in_memory_has_parts() {
    let server = start();
    for (method, target, status, accepts) in [
        ("GET", "/text", 206, Some("bytes")),
        ("POST", "/posted", 200, None),
        ("GET", "/streamed", 200, None),
        ("GET", "/found", 203, None),
    ] {
        let reply = server.request(method, target).header("range", "bytes=0-3").send();
        assert_eq!((reply.status, reply.header("accept-ranges")), (status, accepts), "{method} {target}");
    }
}

#[test]
fn a_client_that_accepts_codings_gets_the_whole_unless_the_coding_is_settled() {
    let server = start();
    for (target, status) in [("/text", 200), ("/encoded", 206)] {
        let request = server.request("GET", target).header("accept-encoding", "gzip, br");
        assert_eq!(request.header("range", "bytes=0-3").send().status, status, "{target}");
    }
    let part = server.get_with("/compressed/text", "range", "bytes=5-7");
    assert_eq!((part.status, part.header("content-encoding"), &part.body[..]), (206, None, &b"day"[..]));
}

#[actix_web::test]
async fn an_answer_that_is_encoded_on_its_way_is_whole() {
    let app = init_service(App::new().wrap(Compress::default()).service(text)).await;
    let request = TestRequest::get().uri("/text").insert_header(("accept-encoding", "gzip"));
    let reply = request.insert_header(("range", "bytes=0-3")).send_request(&app).await;
    assert_eq!(reply.status(), 200);
    assert_eq!(reply.headers().get("content-encoding").expect("it is encoded"), "gzip");
}

#[test]
fn a_range_that_is_not_there_is_a_416_that_says_how_long_it_is() {
    let reply = start().get_with("/text", "range", "bytes=15-");
    assert_eq!((reply.status, reply.body.len()), (416, 0));
    assert_eq!(reply.header("content-range"), Some("bytes */15"));
    assert_eq!(reply.header("etag"), None);
}
