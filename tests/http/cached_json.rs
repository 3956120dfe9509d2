//! `CachedJson`: a cached function's value as an answer.

use std::{
    collections::HashMap,
    sync::atomic::{AtomicUsize, Ordering},
    time::Duration,
};

use actix_web::{
    Responder, get,
    http::header,
    route,
    web::{Path, ServiceConfig},
};
use cachet_actix::{CacheControl, CachedJson};
use cachet_core::cached;
use serde::{Serialize, Serializer};

use crate::{
    fields,
    server::Server,
    support::{Reply, eventually},
};

#[derive(Clone, Serialize)]
struct Product {
    id: u64,
    name: &'static str,
}

#[cached(ttl = "1h")]
async fn product(id: u64) -> Product {
    Product { id, name: "lamp" }
}

#[route("/products/{id}", method = "GET", method = "HEAD")]
async fn show(id: Path<u64>) -> impl Responder {
    CachedJson::new(product::fetch(*id).await).cache(CacheControl::public()).vary(header::ACCEPT_LANGUAGE)
}

#[get("/limited/{id}")]
async fn limited(id: Path<u64>) -> impl Responder {
    CachedJson::new(product::fetch(*id).await).cache(CacheControl::public().max_age(1800))
}

#[get("/unsaid/{id}")]
async fn unsaid(id: Path<u64>) -> impl Responder {
    CachedJson::new(product::fetch(*id).await)
}

/// Counts how often it is serialised.
#[derive(Clone)]
struct Counted;

static SERIALISED: AtomicUsize = AtomicUsize::new(0);

impl Serialize for Counted {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        SERIALISED.fetch_add(1, Ordering::Relaxed);
        serializer.serialize_str("counted")
    }
}

#[cached(ttl = "1h")]
async fn counted() -> Counted {
    Counted
}

#[get("/counted")]
async fn show_counted() -> impl Responder {
    CachedJson::new(counted::fetch().await)
}

/// JSON has no keys that are pairs.
#[cached(ttl = "1h")]
async fn unwritable() -> HashMap<(u8, u8), u8> {
    HashMap::from([((1, 2), 3)])
}

#[get("/unwritable")]
async fn show_unwritable() -> impl Responder {
    CachedJson::new(unwritable::fetch().await).cache(CacheControl::public())
}

fn routes(config: &mut ServiceConfig) {
    config.service(show).service(limited).service(unsaid).service(show_counted).service(show_unwritable);
}

fn tag(reply: &Reply) -> String {
    reply.header("etag").expect("a cached value has a tag").to_owned()
}

#[test]
fn the_first_answer_says_what_caches_need() {
    let server = Server::start(routes);
    let reply = server.get("/products/1");

    assert_eq!(reply.status, 200);
    assert_eq!(reply.json()["name"], "lamp");
    let told = fields(&reply, &["cache-control", "age", "vary", "content-type"]);
    assert_eq!(told, [Some("public, max-age=3600"), Some("0"), Some("accept-language"), Some("application/json")]);
    let tag = tag(&reply);
    let token = tag.strip_prefix('"').and_then(|tag| tag.strip_suffix('"')).expect("the tag is strong");
    assert!(token.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte)), "{tag}");
    assert_eq!(reply.header("last-modified"), None, "a date of this second would not tell two states apart");
}

#[test]
fn a_client_that_has_the_value_gets_a_304_with_the_fields_of_the_200_and_no_body() {
    let server = Server::start(routes);
    let full = server.get("/products/1");
    let short = server.get_with("/products/1", "if-none-match", &tag(&full));

    assert_eq!(short.status, 304);
    assert!(short.body.is_empty(), "{:?}", short.body);
    let same = ["cache-control", "etag", "vary", "age"];
    assert_eq!(fields(&short, &same), fields(&full, &same));
    assert!(short.header("date").is_some());
    let of_representation = ["content-type", "content-length", "last-modified", "transfer-encoding"];
    assert_eq!(fields(&short, &of_representation), [None; 4]);
}

#[test]
fn a_304_serialises_nothing() {
    let server = Server::start(routes);
    let tag = tag(&server.get("/counted"));
    let before = SERIALISED.load(Ordering::Relaxed);
    assert!(before > 0, "the first answer was written");
    for _ in 0..10 {
        assert_eq!(server.get_with("/counted", "if-none-match", &tag).status, 304);
    }
    assert_eq!(SERIALISED.load(Ordering::Relaxed), before);
}

#[test]
fn any_form_of_the_tag_that_section_13_1_2_allows_gets_a_304() {
    let server = Server::start(routes);
    let tag = tag(&server.get("/products/1"));
    for (field, status) in [
        (format!("W/{tag}"), 304),
        (format!("\"a,b\",, W/\"c\" ,\t{tag}"), 304),
        ("*".to_owned(), 304),
        (format!("{tag}, *"), 304),
        ("\"other\"".to_owned(), 200),
        (tag.trim_matches('"').to_owned(), 200),
    ] {
        assert_eq!(server.get_with("/products/1", "if-none-match", &field).status, status, "{field}");
    }
    let two_lines = server.request("GET", "/products/1").header("if-none-match", "\"a\"").header("if-none-match", &tag);
    assert_eq!(two_lines.send().status, 304);
}

#[test]
fn head_is_answered_as_get_is_without_the_body() {
    let server = Server::start(routes);
    let full = server.get("/products/1");
    let head = server.request("HEAD", "/products/1").send();

    assert_eq!(head.status, 200);
    assert!(head.body.is_empty());
    let all = ["content-length", "content-type", "etag", "cache-control", "age", "vary", "last-modified"];
    assert_eq!(fields(&head, &all), fields(&full, &all));
    assert_eq!(head.header("content-length"), Some(full.body.len().to_string().as_str()));
    let short = server.request("HEAD", "/products/1").header("if-none-match", &tag(&full)).send();
    assert_eq!((short.status, short.body.len()), (304, 0));
}

#[test]
fn what_the_client_has_left_is_what_the_entry_has_left() {
    let server = Server::start(routes);
    server.get("/products/1");
    server.advance(Duration::from_mins(10));
    let later = server.get("/products/1");
    assert_eq!(fields(&later, &["cache-control", "age"]), [Some("public, max-age=3600"), Some("600")]);
    let short = server.get_with("/products/1", "if-none-match", &tag(&later));
    assert_eq!(fields(&short, &["cache-control", "age"]), [Some("public, max-age=3600"), Some("600")]);

    server.advance(Duration::from_mins(50));
    assert_eq!(server.get("/products/1").header("age"), Some("0"), "it was loaded anew");
}

#[test]
fn a_max_age_of_the_handlers_own_is_written_as_it_is() {
    let server = Server::start(routes);
    server.get("/limited/1");
    server.advance(Duration::from_mins(10));
    let reply = server.get("/limited/1");
    assert_eq!(fields(&reply, &["cache-control", "age"]), [Some("public, max-age=1800"), Some("600")]);
}

#[test]
fn without_a_policy_only_the_clients_own_cache_may_keep_the_answer() {
    let reply = Server::start(routes).get("/unsaid/1");
    assert_eq!(reply.header("cache-control"), Some("private, max-age=3600"));
}

#[test]
fn last_modified_comes_with_the_next_second_and_validates() {
    let server = Server::start(routes);
    server.get("/products/1");
    let mut modified = None;
    eventually("the second of the load is over", || {
        modified = server.get("/products/1").header("last-modified").map(str::to_owned);
        modified.is_some()
    });
    let date = modified.expect("it was just seen");

    let short = server.get_with("/products/1", "if-modified-since", &date);
    assert_eq!((short.status, short.body.len()), (304, 0));
    assert_eq!(short.header("last-modified"), None, "the tag says it better");
    for (field, status) in [("Sun, 06 Nov 1994 08:49:37 GMT", 200), ("not a date", 200), ("", 200)] {
        assert_eq!(server.get_with("/products/1", "if-modified-since", field).status, status, "{field}");
    }
    let both = server.request("GET", "/products/1").header("if-none-match", "\"other\"");
    assert_eq!(both.header("if-modified-since", &date).send().status, 200, "the tag comes first");
}

#[test]
fn an_answer_keeps_the_date_of_its_making() {
    let server = Server::start(routes);
    server.get("/products/1");
    eventually("the second of the load is over", || server.get("/products/1").header("last-modified").is_some());
    server.advance(Duration::from_mins(10));
    let full = server.get("/products/1");
    let made = full.header("last-modified").expect("it was just there");
    // The wall clock has not been moved ten minutes, and a date is never earlier than the modification.
    assert_eq!(fields(&full, &["age", "date"]), [Some("600"), Some(made)]);
    let short = server.get_with("/products/1", "if-none-match", &tag(&full));
    assert_eq!(fields(&short, &["age", "date"]), [Some("600"), Some(made)]);
}

#[test]
fn a_condition_that_fails_is_a_412() {
    let reply = Server::start(routes).get_with("/products/1", "if-match", "\"other\"");
    assert_eq!(reply.status, 412);
    assert!(reply.json()["error"].is_string());
    assert_eq!(fields(&reply, &["etag", "cache-control"]), [None, None]);
}

#[test]
fn a_value_that_cannot_be_written_is_an_error_that_no_cache_is_told_to_keep() {
    let reply = Server::start(routes).get("/unwritable");
    assert_eq!(reply.status, 500);
    assert_eq!(fields(&reply, &["etag", "cache-control", "last-modified", "age"]), [None; 4]);
}
