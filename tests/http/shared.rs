//! Cached handlers and values on two nodes with one Redis.

use std::time::Duration;

use actix_web::{
    HttpResponse, Responder, get,
    web::{Path, ServiceConfig},
};
use cachet_actix::{CacheControl, CachedJson};
use cachet_core::{Cachet, cached};

use crate::{
    fields,
    server::Server,
    support::{Redis, eventually},
};

#[get("/pages/{id}")]
#[cached(ttl = "1h", tier = "memory,redis", http = "public")]
async fn page(id: Path<u64>) -> HttpResponse {
    HttpResponse::Ok().content_type("text/html").insert_header(("link", "</next>")).body(format!("<p>{id}"))
}

#[cached(ttl = "1h", tier = "memory,redis")]
async fn price(id: u64) -> u64 {
    id * 100
}

#[get("/prices/{id}")]
async fn show(id: Path<u64>) -> impl Responder {
    CachedJson::new(price::fetch(*id).await).cache(CacheControl::public())
}

fn nodes(redis: &Redis) -> [Server; 2] {
    [(); 2].map(|()| {
        let tiers = Cachet::builder().redis(redis.url()).deadline(Duration::from_secs(5));
        Server::with(tiers, |config: &mut ServiceConfig| {
            config.service(page).service(show);
        })
    })
}

#[test]
fn two_nodes_answer_alike_and_load_once() {
    let redis = Redis::start();
    let [one, other] = nodes(&redis);
    for (target, function) in [("/pages/7", "page"), ("/prices/7", "price")] {
        let (first, second) = (one.get(target), other.get(target));
        assert_eq!((first.status, second.status), (200, 200));
        assert_eq!(first.body, second.body);
        let same = ["etag", "cache-control", "content-type", "link"];
        assert_eq!(fields(&first, &same), fields(&second, &same));
        assert_eq!(first.header("cache-control"), Some("public, max-age=3600"));
        assert_eq!((one.loads(function), other.loads(function)), (1, 0), "{function}");

        let tag = first.header("etag").expect("a kept answer has a tag");
        assert_eq!(other.get_with(target, "if-none-match", tag).status, 304);
    }
}

#[test]
fn two_nodes_agree_on_when_it_was_modified() {
    let redis = Redis::start();
    let [one, other] = nodes(&redis);
    let mut date = None;
    eventually("the second of the load is over", || {
        date = one.get("/prices/8").header("last-modified").map(str::to_owned);
        date.is_some()
    });
    assert_eq!(other.get("/prices/8").header("last-modified"), date.as_deref());
}
