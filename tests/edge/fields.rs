//! What answers carry: around a `ResponseCache` and inside it, on short answers, and when it is much.

use actix_web::{
    App, HttpResponse, Responder,
    dev::ServiceResponse,
    get,
    http::{StatusCode, header::HeaderMap},
    test::{TestRequest, call_service, init_service},
    web::{self, Path},
};
use cachet_actix::{EdgeTags, ResponseCache};
use cachet_core::{Cachet, cached};

fn runtime() -> Cachet {
    Cachet::builder().memory_only().build().expect("a valid configuration")
}

fn values(headers: &HeaderMap, name: &str) -> Vec<String> {
    headers.get_all(name).map(|line| line.to_str().expect("visible characters").to_owned()).collect()
}

fn keys(response: &ServiceResponse<impl actix_web::body::MessageBody>) -> String {
    values(response.headers(), "surrogate-key").join(" | ")
}

fn get(target: &str) -> TestRequest {
    TestRequest::get().uri(target).insert_header(("host", "shop.test"))
}

fn tagged() -> HttpResponse {
    let mut response =
        HttpResponse::Ok().insert_header(("cache-control", "max-age=60")).insert_header(("etag", "\"1\"")).body("b");
    EdgeTags::mark(&mut response, ["inner", "both"]);
    response
}

fn cache(runtime: &Cachet) -> ResponseCache {
    ResponseCache::new(runtime).tags(|_| vec!["outer".into(), "both".into()])
}

#[actix_web::test]
async fn around_a_response_cache_its_own_tags_go_out_with_every_answer() {
    let app = App::new().route("/", web::get().to(async || tagged()));
    let app = init_service(app.wrap(cache(&runtime())).wrap(EdgeTags::surrogate_key())).await;
    let fetched = call_service(&app, get("/").to_request()).await;
    assert_eq!(keys(&fetched), "inner both outer", "each once");
    for request in [get("/"), get("/").method(actix_web::http::Method::HEAD)] {
        assert_eq!(keys(&call_service(&app, request.to_request()).await), "outer both");
    }
    let short = call_service(&app, get("/").insert_header(("if-none-match", "\"1\"")).to_request()).await;
    assert_eq!((short.status(), keys(&short).as_str()), (StatusCode::NOT_MODIFIED, "outer both"));
}

#[actix_web::test]
async fn inside_a_response_cache_the_handlers_tags_are_stored_with_the_answer() {
    let app = App::new().route("/", web::get().to(async || tagged())).wrap(EdgeTags::surrogate_key());
    let app = init_service(app.wrap(cache(&runtime()))).await;
    for _ in 0..2 {
        assert_eq!(keys(&call_service(&app, get("/").to_request()).await), "inner both");
    }
    let short = call_service(&app, get("/").insert_header(("if-none-match", "\"1\"")).to_request()).await;
    assert_eq!((short.status(), keys(&short).as_str()), (StatusCode::NOT_MODIFIED, "inner both"));
}

#[actix_web::test]
async fn around_and_inside_all_tags_go_out_with_every_answer() {
    let app = App::new().route("/", web::get().to(async || tagged())).wrap(EdgeTags::surrogate_key());
    let app = init_service(app.wrap(cache(&runtime())).wrap(EdgeTags::surrogate_key())).await;
    for _ in 0..2 {
        assert_eq!(keys(&call_service(&app, get("/").to_request()).await), "inner both outer", "in one line");
    }
}

#[get("/posts/{id}")]
#[cached(ttl = "1h", tags = ["post:{id}"], http = "public, max-age=60")]
async fn post(id: Path<u64>) -> impl Responder {
    format!("post {id}")
}

#[actix_web::test]
async fn a_304_carries_the_tags_of_its_200() {
    let app = init_service(App::new().service(post).wrap(EdgeTags::surrogate_key())).await;
    let whole = call_service(&app, get("/posts/1").to_request()).await;
    let tag = whole.headers().get("etag").expect("a kept answer has a tag").clone();
    let short = call_service(&app, get("/posts/1").insert_header(("if-none-match", tag)).to_request()).await;
    assert_eq!((short.status(), keys(&short).as_str()), (StatusCode::NOT_MODIFIED, "post:1"));
    let failed = call_service(&app, get("/posts/1").insert_header(("if-match", "\"x\"")).to_request()).await;
    assert_eq!(failed.status(), StatusCode::PRECONDITION_FAILED);
}

#[actix_web::test]
async fn without_the_middleware_no_tag_leaves_the_service() {
    let app = init_service(App::new().service(post).route("/", web::get().to(async || tagged()))).await;
    for target in ["/", "/posts/1"] {
        assert_eq!(keys(&call_service(&app, get(target).to_request()).await), "");
    }
}

async fn of_so_many(tags: Path<usize>) -> HttpResponse {
    let mut response = HttpResponse::Ok()
        .insert_header(("cache-control", "public, max-age=60, s-maxage=600"))
        .insert_header(("cdn-cache-control", "max-age=600"))
        .body("");
    EdgeTags::mark(&mut response, (0..*tags).map(|number| format!("product:{number}")));
    response
}

#[actix_web::test]
async fn a_thousand_tags_go_out_in_lines_that_every_edge_reads() {
    for (fields, name, separator) in [
        (EdgeTags::surrogate_key(), "surrogate-key", " "),
        (EdgeTags::cache_tag(), "cache-tag", ","),
        (EdgeTags::xkey(), "xkey", " "),
        (EdgeTags::cache_groups(), "cache-groups", ", "),
    ] {
        let app = init_service(App::new().route("/{tags}", web::get().to(of_so_many)).wrap(fields)).await;
        let lines = values(call_service(&app, get("/1000").to_request()).await.headers(), name);
        let longest = if name == "surrogate-key" { 16_000 } else { 4096 };
        assert!(lines.iter().all(|line| line.len() <= longest) && lines.concat().len() <= 16_000);
        assert_eq!(lines.iter().map(|line| line.split(separator).count()).sum::<usize>(), 1000);
    }
}

#[actix_web::test]
async fn an_answer_with_more_tags_than_an_edge_reads_is_kept_by_none() {
    let app = App::new().route("/{tags}", web::get().to(of_so_many)).wrap(EdgeTags::surrogate_key());
    let app = init_service(app).await;
    let answer = call_service(&app, get("/2000").to_request()).await;
    let headers = answer.headers();
    assert_eq!(values(headers, "cache-control"), ["private, max-age=60"], "its client keeps it as before");
    assert!(!headers.contains_key("surrogate-key") && !headers.contains_key("cdn-cache-control"));
}
