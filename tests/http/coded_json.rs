//! Content codings of `CachedJson`: one cached value, a body for each.

use std::sync::atomic::{AtomicUsize, Ordering};

use actix_web::{
    App, Responder, get,
    middleware::Compress,
    route,
    test::{TestRequest, init_service, read_body},
    web::{Path, ServiceConfig},
};
use cachet_actix::{CacheControl, CachedJson};
use cachet_core::{Validator, cached};
use serde::{Serialize, Serializer};

use crate::{coded::plain, fields, server::Server, support::Reply};

#[cached(ttl = "1h", tags = ["lists"])]
async fn list(length: usize) -> Vec<u32> {
    vec![1234; length]
}

/// 5 bytes an item.
#[route("/lists/{length}", method = "GET", method = "HEAD")]
async fn show(length: Path<usize>) -> impl Responder {
    CachedJson::new(list::fetch(*length).await).cache(CacheControl::public())
}

#[get("/mapped/{length}")]
async fn mapped(length: Path<usize>) -> impl Responder {
    CachedJson::new(list::fetch(*length).await.map(|items| ("items", items))).cache(CacheControl::public())
}

/// A list that counts how often it is serialised.
#[derive(Clone)]
struct Counted;

static SERIALISED: AtomicUsize = AtomicUsize::new(0);

impl Serialize for Counted {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        SERIALISED.fetch_add(1, Ordering::Relaxed);
        "counted ".repeat(500).serialize(serializer)
    }
}

#[cached(ttl = "1h")]
async fn counted() -> Counted {
    Counted
}

#[get("/counted")]
async fn show_counted() -> impl Responder {
    CachedJson::new(counted::fetch().await).cache(CacheControl::public())
}

fn routes(config: &mut ServiceConfig) {
    config.service(show).service(mapped).service(show_counted);
}

fn get_as(server: &Server, target: &str, codings: &str) -> Reply {
    server.get_with(target, "accept-encoding", codings)
}

fn tag(reply: &Reply) -> &str {
    reply.header("etag").expect("a cached value has a tag")
}

#[test]
fn each_coding_has_its_own_body_and_its_own_strong_tag() {
    let server = Server::start(routes);
    let whole = server.get("/lists/1000");
    let version = tag(&whole).trim_matches('"').to_owned();
    for (asked, coding, suffix) in [
        ("gzip", Some("gzip"), "-gz"),
        ("br", Some("br"), "-br"),
        ("zstd", Some("zstd"), "-zst"),
        ("gzip, deflate, br, zstd", Some("br"), "-br"),
        ("gzip;q=1, br;q=0.9", Some("gzip"), "-gz"),
        ("identity;q=0, *;q=0.1, br;q=0", Some("zstd"), "-zst"),
        ("deflate", Some(""), ""),
        ("identity", None, ""),
        ("gzip;q=0", None, ""),
    ] {
        for _ in 0..2 {
            let reply = get_as(&server, "/lists/1000", asked);
            let expected = [coding, Some("accept-encoding"), Some("application/json")];
            assert_eq!(fields(&reply, &["content-encoding", "vary", "content-type"]), expected, "{asked}");
            assert_eq!(tag(&reply), format!("\"{version}{suffix}\""), "{asked}");
            assert_eq!(plain(&reply), whole.body, "{asked}");
            assert!(suffix.is_empty() || reply.body.len() < whole.body.len() / 10, "{asked}");
        }
    }
    assert_eq!(fields(&whole, &["vary", "content-encoding"]), [Some("accept-encoding"), None]);
    assert_eq!(server.loads("list"), 1);
}

#[test]
fn a_304_has_the_tag_that_the_client_holds_whichever_coding_that_is() {
    let server = Server::start(routes);
    let version = tag(&server.get("/lists/1000")).trim_matches('"').to_owned();
    for suffix in ["", "-gz", "-br", "-zst"] {
        for accepted in ["gzip", "br, gzip", "identity"] {
            let request = server.request("GET", "/lists/1000").header("accept-encoding", accepted);
            let held = format!("\"{version}{suffix}\"");
            let short = request.header("if-none-match", &format!("\"other\", W/{held}")).send();
            assert_eq!((short.status, short.body.len()), (304, 0), "{held} {accepted}");
            let said = fields(&short, &["etag", "vary", "cache-control", "content-encoding", "content-type"]);
            let policy = Some("public, max-age=3600");
            assert_eq!(said, [Some(held.as_str()), Some("accept-encoding"), policy, None, None]);
        }
    }
    assert_eq!(server.get_with("/lists/1000", "if-none-match", &format!("\"{version}-xz\"")).status, 200);
    let several = server.request("GET", "/lists/1000").header("accept-encoding", "gzip");
    let short = several.header("if-none-match", &format!("\"{version}\", \"{version}-gz\"")).send();
    assert_eq!(tag(&short), format!("\"{version}-gz\""), "the one that it would be given comes first");
}

#[test]
fn a_value_is_written_once_for_a_coding_and_not_for_a_304() {
    let server = Server::start(routes);
    // The hash serialises it as well.
    let first = get_as(&server, "/counted", "gzip");
    let before = SERIALISED.load(Ordering::Relaxed);
    for _ in 0..10 {
        assert_eq!(get_as(&server, "/counted", "gzip").body, first.body);
        assert_eq!(server.get_with("/counted", "if-none-match", tag(&first)).status, 304);
    }
    assert_eq!(SERIALISED.load(Ordering::Relaxed), before);
    get_as(&server, "/counted", "br");
    assert_eq!(SERIALISED.load(Ordering::Relaxed), before + 1);
}

#[test]
fn a_304_for_what_this_process_has_not_written_yet_has_the_fields_of_the_200() {
    let server = Server::start(routes);
    let version = Validator::of(&vec![1234; 1000]).expect("a list has a JSON form");
    for suffix in ["", "-gz"] {
        let short = server.get_with("/lists/1000", "if-none-match", &format!("\"{version}{suffix}\""));
        let full = get_as(&Server::start(routes), "/lists/1000", if suffix.is_empty() { "identity" } else { "gzip" });
        assert_eq!(short.status, 304);
        let same = ["etag", "vary", "cache-control"];
        assert_eq!(fields(&short, &same), fields(&full, &same));
    }
}

#[test]
fn a_new_value_has_new_bodies() {
    let server = Server::start(routes);
    let old = get_as(&server, "/lists/1000", "gzip");
    server.within(list::put(1000, vec![4321; 1000]));
    let new = get_as(&server, "/lists/1000", "gzip");
    assert_eq!(plain(&new), serde_json::to_vec(&vec![4321; 1000]).expect("a list has a JSON form"));
    assert_ne!(tag(&old), tag(&new));
}

#[test]
fn what_does_not_gain_by_it_is_sent_as_it_is() {
    let server = Server::start(routes);
    // Below 1024 bytes, and above 1 MiB.
    for target in ["/lists/200", "/lists/300000"] {
        let (plainly, reply) = (server.get(target), get_as(&server, target, "gzip, br"));
        assert_eq!((tag(&plainly), &plainly.body), (tag(&reply), &reply.body), "{target}");
        assert_eq!(fields(&plainly, &["vary", "content-encoding"]), [None; 2], "{target}");
        assert_eq!(fields(&reply, &["vary", "content-encoding"]), [None, Some("")], "{target}");
        let short =
            server.request("GET", target).header("accept-encoding", "gzip").header("if-none-match", tag(&reply));
        assert_eq!(fields(&short.send(), &["etag", "vary"]), [Some(tag(&plainly)), None], "{target}");
    }
}

#[test]
fn a_value_that_was_changed_on_its_way_is_encoded_as_it_is_now() {
    let server = Server::start(routes);
    get_as(&server, "/lists/1000", "gzip");
    let (plainly, reply) = (server.get("/mapped/1000"), get_as(&server, "/mapped/1000", "gzip"));
    assert_eq!(plainly.json()[0], "items");
    assert_eq!((reply.header("content-encoding"), plain(&reply)), (Some("gzip"), plainly.body));
}

#[test]
fn head_has_the_fields_of_get_in_every_coding() {
    let server = Server::start(routes);
    for asked in ["gzip", "br", "zstd", "identity"] {
        let full = get_as(&server, "/lists/1000", asked);
        let head = server.request("HEAD", "/lists/1000").header("accept-encoding", asked).send();
        assert_eq!((head.status, head.body.len()), (200, 0));
        let all = ["content-length", "content-type", "content-encoding", "etag", "vary", "cache-control"];
        assert_eq!(fields(&head, &all), fields(&full, &all), "{asked}");
    }
}

#[test]
fn if_match_is_held_against_the_coding_that_is_selected() {
    let server = Server::start(routes);
    let gzipped = get_as(&server, "/lists/1000", "gzip");
    let ask = |codings: &str| {
        server.request("GET", "/lists/1000").header("accept-encoding", codings).header("if-match", tag(&gzipped)).send()
    };
    assert_eq!([ask("gzip").status, ask("identity").status], [200, 412]);
}

#[test]
fn parts_are_those_of_the_coded_body() {
    let server = Server::start(routes);
    let whole = get_as(&server, "/lists/1000", "gzip");
    let request = server.request("GET", "/lists/1000").header("accept-encoding", "gzip").header("range", "bytes=2-9");
    let part = request.header("if-range", tag(&whole)).send();
    assert_eq!((part.status, &part.body[..]), (206, &whole.body[2..10]));
    assert_eq!(fields(&part, &["etag", "content-encoding"]), [Some(tag(&whole)), Some("gzip")]);
}

#[actix_web::test]
async fn beside_actix_webs_compression_nothing_is_encoded_twice_and_no_strong_tag_is_shared() {
    let app = init_service(App::new().wrap(Compress::default()).configure(routes)).await;
    for (target, coding) in [("/lists/1000", "gzip"), ("/lists/10", "")] {
        let request = TestRequest::get().uri(target).insert_header(("accept-encoding", "gzip"));
        let response = request.send_request(&app).await;
        let field = |name| response.headers().get(name).and_then(|value| value.to_str().ok()).map(str::to_owned);
        assert_eq!(field("content-encoding").as_deref(), Some(coding), "{target}");
        assert_eq!(field("etag").expect("a tag").ends_with("-gz\""), coding == "gzip");
        let headers = vec![("content-encoding".to_owned(), coding.to_owned())];
        let body = read_body(response).await.to_vec();
        let reply = Reply { status: 200, headers, body, took: std::time::Duration::ZERO };
        assert!(plain(&reply).starts_with(b"[1234,"), "{target} was encoded twice");
    }
}
