//! `#[cached(http = "…")]` on handlers: what is kept, and what of it clients see.

use std::{thread, time::Duration};

use actix_web::{
    HttpRequest, HttpResponse, Responder,
    body::BoxBody,
    get,
    http::{
        Method,
        header::{CONTENT_TYPE, ETAG},
    },
    route,
    web::{Data, Json, Path, Query, ServiceConfig},
};
use cachet_core::{CacheKey, Invalidation, cached, invalidate_tag};
use serde::{Deserialize, Serialize};
use tokio::sync::Semaphore;

use crate::{fields, server::Server, support::eventually};

#[derive(Serialize)]
struct Post {
    id: u64,
}

#[get("/under/{id}")]
#[cached(ttl = 60, tags = ["posts"], http = "public, max-age=30")]
async fn under(id: Path<u64>) -> impl Responder {
    Json(Post { id: *id })
}

#[cached(ttl = 60, http = "public, stale-while-revalidate=10", handle = over_cache)]
#[get("/over/{id}")]
async fn over(id: Path<u64>) -> Json<Post> {
    Json(Post { id: *id })
}

#[route("/both/{id}", method = "GET", method = "HEAD", method = "POST")]
#[cached(ttl = 60, http = "private, max-age=5")]
async fn both(id: Path<u64>) -> impl Responder {
    Json(Post { id: *id })
}

#[derive(Clone, Deserialize, CacheKey)]
struct Page {
    page: u32,
}

#[get("/pages")]
#[cached(ttl = 60, http = "public")]
async fn pages(page: Query<Page>) -> String {
    format!("page {}", page.page)
}

#[get("/moved")]
#[cached(ttl = 60, http = "public")]
async fn moved() -> HttpResponse {
    HttpResponse::MovedPermanently().insert_header(("location", "/new")).finish()
}

#[get("/own")]
#[cached(ttl = 60, http = "public")]
async fn own_fields() -> HttpResponse {
    HttpResponse::Ok()
        .insert_header((ETAG, "W/\"own,with,commas\""))
        .insert_header((CONTENT_TYPE, "text/csv"))
        .insert_header(("cache-control", "public, max-age=7"))
        .insert_header(("content-location", "/own/1"))
        .body("a,b")
}

#[get("/lines")]
#[cached(ttl = 60, http = "public")]
async fn two_lines() -> HttpResponse {
    HttpResponse::Ok()
        .append_header(("cache-control", "public"))
        .append_header(("cache-control", "max-age=7"))
        .body("a")
}

#[get("/gone")]
#[cached(ttl = 60, http = "public")]
async fn gone() -> HttpResponse {
    HttpResponse::Gone().insert_header(("vary", "accept-encoding")).body("gone")
}

#[get("/gated/{id}")]
#[cached(ttl = 60, http = "public")]
async fn gated(id: Path<u64>, gate: Data<Semaphore>) -> Option<String> {
    gate.acquire().await.expect("nobody closes the gate").forget();
    (*id < 100).then(|| id.to_string())
}

/// A responder that knows HEAD.
struct Headless;

impl Responder for Headless {
    type Body = BoxBody;

    fn respond_to(self, request: &HttpRequest) -> HttpResponse {
        if request.method() == Method::HEAD { HttpResponse::Ok().finish() } else { HttpResponse::Ok().body("body") }
    }
}

#[route("/headless", method = "GET", method = "HEAD")]
#[cached(ttl = 60, http = "public")]
async fn headless() -> Headless {
    Headless
}

fn routes(config: &mut ServiceConfig) {
    config.service(under).service(over).service(both).service(headless);
    config.service(pages).service(moved).service(own_fields).service(two_lines).service(gone);
}

#[test]
fn a_handler_under_its_route_runs_once() {
    let server = Server::start(routes);
    let (first, second) = (server.get("/under/1"), server.get("/under/1"));

    assert_eq!((first.status, first.json()["id"].as_u64()), (200, Some(1)));
    let all = ["etag", "content-type", "content-length", "cache-control"];
    assert_eq!(fields(&first, &all), fields(&second, &all));
    assert_eq!(first.body, second.body);
    assert_eq!(first.header("cache-control"), Some("public, max-age=30"));
    assert_eq!(server.loads("under"), 1);
    server.get("/under/2");
    assert_eq!(server.loads("under"), 2, "another argument is another entry");
}

#[test]
fn a_handler_over_its_route_runs_once() {
    let server = Server::start(routes);
    let (first, second) = (server.get("/over/1"), server.get("/over/1"));
    assert_eq!((first.status, &first.body), (200, &second.body));
    assert_eq!(server.loads("over"), 1);
    assert_eq!(server.within(over_cache::invalidate(1)), Invalidation::Done);
    server.get("/over/1");
    assert_eq!(server.loads("over"), 2);
}

#[test]
fn a_client_that_has_the_answer_gets_a_304_without_a_body() {
    let server = Server::start(routes);
    let full = server.get("/under/1");
    let short = server.get_with("/under/1", "if-none-match", full.header("etag").expect("a kept answer has a tag"));
    assert_eq!((short.status, short.body.len()), (304, 0));
    let same = ["etag", "cache-control", "age"];
    assert_eq!(fields(&short, &same), fields(&full, &same));
    assert_eq!(fields(&short, &["content-type", "content-length", "last-modified"]), [None; 3]);
    assert_eq!(server.get_with("/under/1", "if-match", "\"other\"").status, 412);
}

#[test]
fn without_max_age_the_client_gets_the_entrys_lifetime_and_age() {
    let server = Server::start(routes);
    server.get("/over/1");
    server.advance(Duration::from_secs(25));
    let reply = server.get("/over/1");
    let expected = [Some("public, stale-while-revalidate=10, max-age=60"), Some("25")];
    assert_eq!(fields(&reply, &["cache-control", "age"]), expected);
    server.advance(Duration::from_secs(50));
    assert_eq!(server.get("/over/1").header("age"), Some("0"), "it was loaded anew");
}

#[test]
fn head_shares_the_entry_of_get_and_other_methods_go_past_it() {
    let server = Server::start(routes);
    let full = server.get("/both/1");
    let head = server.request("HEAD", "/both/1").send();
    assert_eq!((head.status, head.body.len()), (200, 0));
    let all = ["content-length", "content-type", "etag", "cache-control"];
    assert_eq!(fields(&head, &all), fields(&full, &all));
    assert_eq!(full.header("cache-control"), Some("private, max-age=5"));
    assert_eq!(server.loads("both"), 1);

    let posted = server.request("POST", "/both/1").send();
    assert_eq!((posted.status, &posted.body), (200, &full.body));
    assert_eq!(fields(&posted, &["etag", "cache-control", "age"]), [None; 3]);
    assert_eq!(server.stats("both").memory_hits, 1, "only the HEAD was a hit");
}

#[test]
fn a_head_on_a_cold_handler_leaves_what_get_needs() {
    let server = Server::start(routes);
    assert_eq!(server.request("HEAD", "/both/1").send().body.len(), 0);
    let full = server.get("/both/1");
    assert_eq!(full.json()["id"], 1);
    assert_eq!(server.loads("both"), 1);

    // This one leaves the body out by itself.
    assert_eq!(server.request("HEAD", "/headless").send().status, 200);
    assert_eq!(server.get("/headless").body, b"body");
}

#[test]
fn a_query_is_a_key_by_its_fields() {
    let server = Server::start(routes);
    for (target, body) in [("/pages?page=1", "page 1"), ("/pages?page=2", "page 2"), ("/pages?page=1", "page 1")] {
        assert_eq!(server.get(target).body, body.as_bytes());
    }
    assert_eq!(server.loads("pages"), 2);
}

#[test]
fn a_permanent_redirection_is_kept_and_not_held_against_preconditions() {
    let server = Server::start(routes);
    for _ in 0..2 {
        let reply = server.get_with("/moved", "if-none-match", "*");
        assert_eq!((reply.status, reply.header("location")), (301, Some("/new")));
        assert_eq!(fields(&reply, &["cache-control", "etag"]), [Some("public, max-age=60"), None]);
    }
    assert_eq!(server.loads("moved"), 1);
}

#[test]
fn what_a_handler_says_itself_comes_first() {
    let server = Server::start(routes);
    let reply = server.get("/own");
    let said = ["etag", "cache-control", "content-type"];
    assert_eq!(fields(&reply, &said), [Some("W/\"own,with,commas\""), Some("public, max-age=7"), Some("text/csv")]);
    let short = server.get_with("/own", "if-none-match", "\"x\", \"own,with,commas\"");
    assert_eq!(short.status, 304, "a comma inside a tag separates nothing");
    let kept = ["etag", "cache-control", "content-location", "content-type"];
    let expected = [Some("W/\"own,with,commas\""), Some("public, max-age=7"), Some("/own/1"), None];
    assert_eq!(fields(&short, &kept), expected);
}

#[test]
fn all_lines_of_what_a_handler_says_reach_the_client() {
    let server = Server::start(routes);
    for _ in 0..2 {
        let reply = server.get("/lines");
        assert_eq!(reply.headers.iter().filter(|(name, _)| name == "cache-control").count(), 2);
        assert_eq!(server.get("/gone").header("vary"), Some("accept-encoding"), "nobody else says it of an error");
    }
    assert_eq!((server.loads("two_lines"), server.loads("gone")), (1, 1));
}

#[test]
fn a_tag_invalidates_the_answers_that_carry_it() {
    let server = Server::start(routes);
    server.get("/under/1");
    assert_eq!(server.within(invalidate_tag("posts")), Invalidation::Done);
    server.get("/under/1");
    assert_eq!(server.loads("under"), 2);
}

/// Sends many requests for one cold key, and opens the gate once all of them wait for the first.
fn rush(target: &'static str) -> (Server, Vec<(u16, Vec<u8>)>) {
    const CLIENTS: u64 = 40;
    let gate = Data::new(Semaphore::new(0));
    let app = gate.clone();
    let server = Server::start(move |config| {
        config.app_data(app.clone()).service(gated);
    });
    let clients: Vec<_> = (0..CLIENTS).map(|_| server.request("GET", target)).collect();
    let clients: Vec<_> = clients.into_iter().map(|request| thread::spawn(|| request.send())).collect();
    eventually("all but the leader wait", || server.stats("gated").followers == CLIENTS - 1);
    gate.add_permits(1);
    let replies = clients.into_iter().map(|client| client.join().expect("a client does not panic"));
    let replies = replies.map(|reply| (reply.status, reply.body)).collect();
    (server, replies)
}

#[test]
fn a_rush_on_a_cold_handler_runs_it_once() {
    let (server, replies) = rush("/gated/7");
    assert!(replies.iter().all(|reply| *reply == (200, b"7".to_vec())), "{replies:?}");
    assert_eq!(server.loads("gated"), 1);
}

#[test]
fn a_rush_on_what_is_not_there_runs_the_handler_once() {
    let (server, replies) = rush("/gated/700");
    assert!(replies.iter().all(|(status, _)| *status == 404), "{replies:?}");
    assert_eq!(server.loads("gated"), 1);
}
