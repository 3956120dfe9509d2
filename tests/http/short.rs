//! A 304 of what only Redis holds: how much of it is read.

use std::time::Duration;

use actix_web::{HttpRequest, HttpResponse, get, http::header::ACCEPT_LANGUAGE, web::Path, web::ServiceConfig};
use cachet_core::{Builder, Cachet, Invalidation, Seal, cached};

use crate::{
    fields,
    server::Server,
    support::{Redis, Reply, Request},
};

/// Far more than a beginning, and than what else goes to and fro.
const LENGTH: usize = 1 << 20;

fn page(id: u64) -> HttpResponse {
    let text = format!("page {id}, ").repeat(LENGTH / 8);
    HttpResponse::Ok().insert_header(("content-location", format!("/pages/{id}"))).body(text[..LENGTH].to_owned())
}

#[get("/remote/{id}")]
#[cached(ttl = "1h", tier = "redis", tags = ["pages"], http = "public, max-age=30")]
async fn remote(id: Path<u64>) -> HttpResponse {
    page(*id)
}

#[cached(ttl = "1h", tier = "memory,redis", http = "public, max-age=30", handle = both_cache)]
#[get("/both/{id}")]
async fn both(id: Path<u64>) -> HttpResponse {
    page(*id)
}

#[get("/varied/{id}")]
#[cached(ttl = "1h", tier = "memory,redis", skip(request), http = "public", vary = ["accept-language"])]
async fn varied(id: Path<u64>, request: HttpRequest) -> HttpResponse {
    let languages = request.headers().get_all(ACCEPT_LANGUAGE).count();
    page(*id + languages as u64)
}

#[get("/dated/{id}")]
#[cached(ttl = "1h", tier = "redis", http = "public")]
async fn dated(id: Path<u64>) -> HttpResponse {
    let mut dated = page(*id);
    let date = "Sun, 06 Nov 1994 08:49:37 GMT".parse().expect("a field value");
    dated.headers_mut().insert(actix_web::http::header::LAST_MODIFIED, date);
    dated
}

#[get("/endless/{id}")]
#[cached(ttl = "1h", tier = "redis", http = "public")]
async fn endless(id: Path<u64>) -> HttpResponse {
    let mut endless = page(*id);
    let value = "x".repeat(10_000).parse().expect("a field value");
    endless.headers_mut().insert("x-endless".parse().expect("a name"), value);
    endless
}

fn tiers(redis: &Redis) -> Builder {
    Cachet::builder().redis(redis.url()).deadline(Duration::from_secs(5))
}

fn node(tiers: Builder) -> Server {
    Server::with(tiers, |config: &mut ServiceConfig| {
        config.service(remote).service(both).service(varied).service(dated).service(endless);
    })
}

/// How many bytes Redis sends meanwhile.
fn sent<T>(redis: &Redis, work: impl FnOnce() -> T) -> (T, usize) {
    let total = || -> usize {
        let info = redis.command(&["INFO", "stats"]);
        let line = info.lines().find_map(|line| line.strip_prefix("total_net_output_bytes:"));
        line.and_then(|count| count.trim().parse().ok()).expect("redis counts what it sends")
    };
    let before = total();
    let done = work();
    (done, total() - before)
}

fn is_little(bytes: usize) -> bool {
    bytes < LENGTH / 10
}

/// A request under one name, whichever node it goes to: with `vary` that is a part of what tells answers apart.
fn named(server: &Server, target: &str) -> Request {
    server.request("GET", target).at("shop.test")
}

fn held(server: &Server, target: &str, tag: &str) -> Reply {
    server.get_with(target, "if-none-match", tag)
}

#[test]
fn a_304_reads_the_fields_and_no_body() {
    let redis = Redis::start();
    let one = node(tiers(&redis));
    for target in ["/remote/1", "/both/1", "/varied/1"] {
        let whole = named(&one, target).send();
        let tag = whole.header("etag").expect("a kept answer has a tag");
        let other = node(tiers(&redis));
        // The backplane's own beginnings are not to be counted.
        other.get("/remote/2");
        for coding in ["identity", "gzip"] {
            let request = || {
                let request = named(&other, target).header("accept-encoding", coding);
                request.header("if-none-match", &format!("\"other\", {tag}")).send()
            };
            let (short, bytes) = sent(&redis, request);
            assert_eq!((short.status, short.body.len()), (304, 0), "{target} {coding}");
            let same = ["etag", "cache-control", "content-location", "vary"];
            assert_eq!(fields(&short, &same), fields(&whole, &same), "{target} {coding}");
            assert!(short.header("age").is_some() && short.header("content-type").is_none());
            assert!(is_little(bytes) || coding == "gzip", "{target}: {bytes}");
            // Where there is no memory the second one reads as little as the first.
            assert!(is_little(bytes) || target != "/remote/1", "{target}: {bytes}");
        }
        assert_eq!(named(&one, target).send().body, whole.body);
        let (again, bytes) = sent(&redis, || named(&other, target).send());
        assert_eq!((again.status, again.body == whole.body), (200, true));
        assert!(is_little(bytes) != (target == "/remote/1"), "{target}: memory was given it: {bytes}");
        let function = target.split('/').nth(1).expect("a path");
        assert_eq!(other.loads(function), u64::from(function == "remote"), "{target}");
    }
}

#[test]
fn a_304_by_date_and_a_head_read_no_more() {
    let redis = Redis::start();
    node(tiers(&redis)).get("/dated/1");
    let other = node(tiers(&redis));
    other.get("/remote/2");
    let date = "Sun, 06 Nov 1994 08:49:37 GMT";
    let (short, bytes) = sent(&redis, || other.get_with("/dated/1", "if-modified-since", date));
    assert_eq!((short.status, is_little(bytes)), (304, true), "{bytes}");
    let newer = other.get_with("/dated/1", "if-modified-since", "Sun, 06 Nov 1994 08:49:36 GMT");
    assert_eq!((newer.status, newer.body.len()), (200, LENGTH));
}

#[test]
fn what_a_beginning_does_not_tell_is_read_whole() {
    let redis = Redis::start();
    let one = node(tiers(&redis));
    let (usual, long) = (one.get("/remote/1"), one.get("/endless/1"));
    for (target, whole) in [("/remote/1", &usual), ("/endless/1", &long)] {
        let reply = held(&one, target, "\"another\"");
        assert_eq!((reply.status, &reply.body), (200, &whole.body), "{target}");
        assert_eq!(held(&one, target, whole.header("etag").expect("a tag")).status, 304, "{target}");
    }
    let compressing = node(tiers(&redis).compress_over(1024));
    let packed = compressing.get("/remote/3");
    assert_eq!(held(&compressing, "/remote/3", packed.header("etag").expect("a tag")).status, 304);
    assert_eq!(held(&one, "/remote/3", packed.header("etag").expect("a tag")).status, 304);
    let sealed = node(tiers(&redis).seal(Seal::new([7; 32])));
    assert_eq!(held(&sealed, "/remote/1", usual.header("etag").expect("a tag")).status, 304);
    assert_eq!(sealed.loads("remote"), 1, "what is not sealed is not believed, not even its beginning");
    assert_eq!(one.loads("remote"), 1);
}

#[test]
fn what_was_invalidated_is_no_longer_confirmed_by_its_beginning() {
    let redis = Redis::start();
    let (one, other) = (node(tiers(&redis)), node(tiers(&redis)));
    let tag = |reply: Reply| reply.header("etag").expect("a kept answer has a tag").to_owned();
    let [in_redis, in_both] = ["/remote/1", "/both/1"].map(|target| tag(one.get(target)));
    assert_eq!([held(&other, "/remote/1", &in_redis).status, held(&other, "/both/1", &in_both).status], [304, 304]);
    assert_eq!(one.within(cachet_core::invalidate_tag("pages")), Invalidation::Done);
    assert_eq!(one.within(both_cache::invalidate(1)), Invalidation::Done);
    for (target, tag) in [("/remote/1", &in_redis), ("/both/1", &in_both)] {
        // The handler makes the same again.
        assert_eq!(held(&other, target, tag).status, 304, "{target}");
    }
    assert_eq!((other.loads("remote"), other.loads("both")), (1, 1));
}
