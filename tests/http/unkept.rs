//! Answers of cached handlers that are not kept.

use std::{
    convert::Infallible,
    io::{Read, Write},
    net::TcpStream,
    pin::Pin,
    task::{Context, Poll},
};

use actix_web::{
    HttpResponse, ResponseError,
    body::{BodySize, MessageBody},
    get,
    http::StatusCode,
    web::{Bytes, Path, ServiceConfig},
};
use cachet_core::cached;

use crate::{fields, server::Server};

#[derive(Debug, thiserror::Error)]
#[error("{0}")]
struct Refused(StatusCode);

impl ResponseError for Refused {
    fn status_code(&self) -> StatusCode {
        self.0
    }
}

#[get("/status/{status}")]
#[cached(ttl = 60, http = "public, max-age=30")]
async fn status(status: Path<u16>) -> Result<&'static str, Refused> {
    Err(Refused(StatusCode::from_u16(*status).expect("the tests ask for real ones")))
}

#[get("/cookie")]
#[cached(ttl = 60, http = "public, max-age=30")]
async fn cookie() -> HttpResponse {
    HttpResponse::Ok().insert_header(("set-cookie", "session=secret")).body("yours")
}

#[get("/varied")]
#[cached(ttl = 60, http = "public, max-age=30")]
async fn varied() -> HttpResponse {
    HttpResponse::Ok().insert_header(("vary", "accept-language")).body("good day")
}

#[get("/own/{directive}")]
#[cached(ttl = 60, http = "public, max-age=30")]
async fn own(directive: Path<String>) -> HttpResponse {
    HttpResponse::Ok().insert_header(("cache-control", directive.as_str())).body("secret")
}

/// A body in pieces, of which the given number is promised.
struct Pieces {
    left: u8,
    size: BodySize,
}

impl MessageBody for Pieces {
    type Error = Infallible;

    fn size(&self) -> BodySize {
        self.size
    }

    fn poll_next(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Result<Bytes, Infallible>>> {
        let more = self.left > 0;
        self.left = self.left.saturating_sub(1);
        Poll::Ready(more.then(|| Ok(Bytes::from_static(b"piece "))))
    }
}

#[get("/streamed")]
#[cached(ttl = 60, http = "public, max-age=30")]
async fn streamed() -> HttpResponse<Pieces> {
    HttpResponse::with_body(StatusCode::OK, Pieces { left: 3, size: BodySize::Stream })
}

#[get("/sized")]
#[cached(ttl = 60, http = "public, max-age=30")]
async fn sized() -> HttpResponse<Pieces> {
    HttpResponse::with_body(StatusCode::OK, Pieces { left: 3, size: BodySize::Sized(18) })
}

#[get("/short")]
#[cached(ttl = 60, http = "public, max-age=30")]
async fn short() -> HttpResponse<Pieces> {
    HttpResponse::with_body(StatusCode::OK, Pieces { left: 2, size: BodySize::Sized(18) })
}

fn routes(config: &mut ServiceConfig) {
    config.service(status).service(cookie).service(varied).service(own);
    config.service(streamed).service(sized).service(short);
}

#[test]
fn an_error_is_never_kept_here_or_elsewhere() {
    let server = Server::start(routes);
    for (before, code) in [400, 401, 403, 404, 429, 500, 503].into_iter().enumerate() {
        for _ in 0..2 {
            let reply = server.get(&format!("/status/{code}"));
            assert_eq!(reply.status, code);
            assert_eq!(fields(&reply, &["cache-control", "etag", "age"]), [Some("no-store"), None, None], "{code}");
        }
        assert_eq!(server.loads("status"), 2 * (before as u64 + 1), "{code} was asked for twice");
    }
}

#[test]
fn preconditions_do_not_hide_an_error() {
    let server = Server::start(routes);
    assert_eq!(server.get_with("/status/404", "if-none-match", "*").status, 404);
    assert_eq!(server.get_with("/status/404", "if-match", "\"x\"").status, 404);
}

#[test]
fn an_answer_with_a_cookie_is_its_callers_alone() {
    let server = Server::start(routes);
    for load in 1..=2 {
        let reply = server.get("/cookie");
        assert_eq!((reply.status, reply.body.as_slice()), (200, &b"yours"[..]));
        let said = fields(&reply, &["set-cookie", "cache-control", "age"]);
        assert_eq!(said, [Some("session=secret"), Some("no-store"), None]);
        assert_eq!(server.loads("cookie"), load);
    }
}

#[test]
fn an_answer_that_varies_by_what_is_not_in_the_key_is_left_to_caches_that_know_how() {
    let server = Server::start(routes);
    for load in 1..=2 {
        let reply = server.get("/varied");
        let said = fields(&reply, &["vary", "cache-control"]);
        assert_eq!(said, [Some("accept-language"), Some("public, max-age=30")]);
        assert_eq!(server.loads("varied"), load);
    }
}

#[test]
fn a_handlers_own_word_against_keeping_is_heeded() {
    let server = Server::start(routes);
    for (before, directive) in ["no-store", "private", "no-cache"].into_iter().enumerate() {
        for _ in 0..2 {
            assert_eq!(server.get(&format!("/own/{directive}")).header("cache-control"), Some(directive));
        }
        assert_eq!(server.loads("own"), 2 * (before as u64 + 1), "{directive}");
    }
    server.get("/own/max-age=5");
    assert_eq!(server.get("/own/max-age=5").header("cache-control"), Some("max-age=5"));
    assert_eq!(server.stats("own").memory_hits, 1);
}

#[test]
fn a_stream_of_unknown_length_is_passed_on_with_the_handlers_policy() {
    let server = Server::start(routes);
    for load in 1..=2 {
        let mut stream = TcpStream::connect(server.address()).expect("the server accepts connections");
        stream
            .write_all(b"GET /streamed HTTP/1.1\r\nhost: test\r\nconnection: close\r\n\r\n")
            .expect("the server reads");
        let mut reply = String::new();
        stream.read_to_string(&mut reply).expect("the server closes the connection");
        let chunk = "6\r\npiece \r\n";
        assert!(reply.ends_with(&format!("\r\n\r\n{chunk}{chunk}{chunk}0\r\n\r\n")), "{reply}");
        assert!(reply.contains("cache-control: public, max-age=30\r\n"), "{reply}");
        assert_eq!(server.loads("streamed"), load);
    }
}

#[test]
fn a_body_of_known_size_is_kept_whole_or_not_at_all() {
    let server = Server::start(routes);
    for _ in 0..2 {
        let reply = server.get("/sized");
        assert_eq!((reply.body.as_slice(), reply.header("content-length")), (&b"piece piece piece "[..], Some("18")));
    }
    assert_eq!(server.loads("sized"), 1);
    for load in 1..=2 {
        assert_eq!(server.get("/short").status, 500, "half a body is not the whole");
        assert_eq!(server.loads("short"), load);
    }
}
