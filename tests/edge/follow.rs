//! Every way to invalidate reaches the edge, once, from the node that went it.

use std::{future::Future, pin::pin, sync::mpsc, task::Poll};

use actix_web::{
    App, HttpResponse, Responder, get,
    http::header::{HeaderMap, LOCATION},
    put, test,
    web::{self, Path},
};
use cachet_actix::{CacheControl, CachedJson, Edge, EdgePurger, EdgeTags, Purge, Purging, ResponseCache};
use cachet_core::{Cached, Cachet, cached, invalidate_tag, invalidates, testing::Nodes, updates};

use crate::{
    quick,
    recorder::{Recorder, followed},
    support::{DEADLINE, Redis, until},
};

#[cached(ttl = "1h", tier = "memory,redis", tags = ["item:{id}"])]
async fn item(id: u64) -> u64 {
    id
}

#[cached(ttl = "1h")]
fn plain(id: u64) -> u64 {
    id
}

#[invalidates(item(id), tag = "items")]
async fn write(id: u64, succeeds: bool) -> Result<(), ()> {
    if succeeds { Ok(()) } else { Err(()) }
}

#[invalidates(item(id), tag = "items")]
async fn never_done(id: u64) -> Result<(), ()> {
    std::future::pending().await
}

#[updates(item(id))]
async fn change(id: u64) -> u64 {
    id + 1
}

/// A runtime, what is in front of it, and what answers made of `item(1)` and `plain(1)` carry.
struct Fronted {
    runtime: Cachet,
    edge: Edge,
    recorder: Recorder,
    item: Vec<String>,
    plain: Vec<String>,
}

impl Fronted {
    fn new(runtime: &Cachet) -> Self {
        let (edge, recorder) = followed(runtime);
        let (item, plain) = runtime.scope_blocking(|| (item::tags(1), plain::tags(1)));
        Self { runtime: runtime.clone(), edge, recorder, item, plain }
    }

    /// Does something, and gives the tags that were purged by it.
    async fn purged<F: Future>(&self, act: F) -> Vec<String> {
        self.runtime.scope(act).await;
        assert_eq!(self.edge.purged().await, Purge::Done);
        self.recorder.purged()
    }
}

/// The edge's tags of an item: its own, then those of the entry, the function, everything.
async fn every_way_is_gone(node: &Fronted) {
    let [tag, entry, function, everything] = &node.item[..] else { panic!("{:?}", node.item) };
    assert_eq!(node.purged(async { item(1).await }).await, [""; 0], "a load changes nothing");
    assert_eq!(node.purged(item::invalidate(1)).await, [entry.as_str()]);
    assert_eq!(node.purged(item::put(1, 5)).await, [entry.as_str()]);
    assert_eq!(node.purged(item::refresh(1)).await, [entry.as_str()]);
    assert_eq!(node.purged(item::clear()).await, [function.as_str()]);
    assert_eq!(node.purged(invalidate_tag("item:1")).await, [tag.as_str()]);
    assert_eq!(node.purged(async { Cachet::current().clear().await }).await, [everything.as_str()]);
    assert_eq!(node.purged(node.edge.invalidate_tag("item:1")).await, [tag.as_str()]);
    assert_eq!(node.purged(change(1)).await, [entry.as_str()]);
    let mut both = ["items".to_owned(), entry.clone()];
    both.sort();
    assert_eq!(node.purged(write(1, true)).await, both);
    assert_eq!(node.purged(write(1, false)).await, [""; 0], "nothing was written");
}

async fn every_plain_way_is_gone(node: &Fronted) {
    let [entry, function, everything] = &node.plain[..] else { panic!("{:?}", node.plain) };
    assert!(node.item[3] == *everything && node.item[2] != *function && node.item[1] != *entry);
    assert_eq!(node.purged(async { plain::invalidate(1) }).await, [entry.as_str()]);
    assert_eq!(node.purged(async { plain::put(1, 5) }).await, [entry.as_str()]);
    assert_eq!(node.purged(async { plain::clear() }).await, [function.as_str()]);
    assert_ne!(node.purged(async { plain::invalidate(2) }).await, [entry.as_str()]);
}

#[tokio::test]
async fn in_memory_alone_every_way_to_invalidate_purges_once() {
    let runtime = Cachet::builder().memory_only().build().expect("a valid configuration");
    let node = Fronted::new(&runtime);
    every_way_is_gone(&node).await;
    every_plain_way_is_gone(&node).await;
}

#[tokio::test]
async fn with_a_shared_tier_the_node_that_invalidates_purges_and_those_that_hear_of_it_do_not() {
    let redis = Redis::start();
    let [one, other] = [(); 2].map(|()| Cachet::builder().redis(redis.url()).build().expect("a valid configuration"));
    assert!(one.is_ready(DEADLINE).await && other.is_ready(DEADLINE).await);
    let (one, other) = (Fronted::new(&one), Fronted::new(&other));
    assert_eq!(one.item, other.item, "an answer of any node is purged");
    every_way_is_gone(&one).await;
    every_plain_way_is_gone(&one).await;

    other.runtime.scope(async { item(1).await }).await;
    one.purged(invalidate_tag("item:1")).await;
    until("the other node has heard of it", async || other.runtime.scope(item::peek(1)).await.is_none()).await;
    assert_eq!(other.edge.purged().await, Purge::Done);
    assert_eq!(other.recorder.purged(), [""; 0]);
}

#[tokio::test]
async fn a_writer_that_is_cancelled_may_have_written() {
    let [shared] = Nodes::new().start();
    let alone = Cachet::builder().memory_only().build().expect("a valid configuration");
    for runtime in [&alone, shared.cachet()] {
        let node = Fronted::new(runtime);
        let started = node.runtime.scope(async {
            let mut writing = pin!(never_done(1));
            // Until the fences are set, which takes the shared tier a moment.
            for _ in 0..1_000 {
                let is_pending = std::future::poll_fn(|cx| Poll::Ready(writing.as_mut().poll(cx).is_pending())).await;
                assert!(is_pending);
                tokio::task::yield_now().await;
            }
        });
        started.await;
        let mut expected = ["items".to_owned(), node.item[1].clone()];
        expected.sort();
        let mut purged = Vec::new();
        until("both are purged", async || {
            purged.extend(node.recorder.purged());
            purged.len() >= 2
        })
        .await;
        purged.sort();
        assert_eq!(purged, expected);
    }
}

#[cached(ttl = "1h", tags = ["post:{id}"], http = "public, max-age=60", handle = post_cache)]
#[get("/posts/{id}")]
async fn post(id: Path<u64>) -> impl Responder {
    format!("post {id}")
}

#[get("/items/{id}")]
async fn show(id: Path<u64>) -> impl Responder {
    CachedJson::new(item::fetch(*id).await).cache(CacheControl::public()).tags(item::tags(*id))
}

fn keys(headers: &HeaderMap) -> Vec<String> {
    let lines = headers.get_all("xkey").map(|line| line.to_str().expect("visible characters"));
    lines.flat_map(|line| line.split(' ')).map(str::to_owned).collect()
}

#[actix_web::test]
async fn answers_carry_what_is_purged() {
    let runtime = Cachet::builder().memory_only().build().expect("a valid configuration");
    let node = Fronted::new(&runtime);
    let app = test::init_service(App::new().wrap(EdgeTags::xkey()).service(post).service(show)).await;
    let get = async |target: &str| {
        let request = test::TestRequest::get().uri(target).to_request();
        keys(runtime.scope(test::call_service(&app, request)).await.headers())
    };
    assert_eq!(get("/items/1").await, node.item);
    let carried = get("/posts/7").await;
    assert_eq!((carried.len(), carried[0].as_str()), (4, "post:7"));
    for purged in [
        node.purged(post_cache::invalidate(7)).await,
        node.purged(post_cache::clear()).await,
        node.purged(runtime.clear()).await,
    ] {
        assert!(purged.len() == 1 && carried.contains(&purged[0]), "{purged:?} of {carried:?}");
    }
    let other = node.purged(post_cache::invalidate(8)).await;
    assert!(!carried.contains(&other[0]) && get("/posts/8").await.contains(&other[0]));
}

#[get("/{name}")]
async fn page(name: Path<String>) -> impl Responder {
    HttpResponse::Ok().insert_header(("cache-control", "max-age=60")).body(name.into_inner())
}

#[put("/{name}")]
async fn write_page(name: Path<String>) -> impl Responder {
    match name.as_str() {
        "broken" => HttpResponse::InternalServerError().finish(),
        "refused" => HttpResponse::Conflict().finish(),
        "moved" => HttpResponse::Created().insert_header((LOCATION, "/a")).finish(),
        _ => HttpResponse::NoContent().finish(),
    }
}

#[actix_web::test]
async fn an_unsafe_method_through_a_response_cache_purges_its_uri() {
    let runtime = Cachet::builder().memory_only().build().expect("a valid configuration");
    let (edge, recorder) = followed(&runtime);
    let app = App::new()
        .service(web::scope("").service(page).service(write_page))
        .wrap(ResponseCache::new(&runtime))
        .wrap(EdgeTags::xkey());
    let app = test::init_service(app).await;
    let carried = async |target: &str| {
        let request = test::TestRequest::get().uri(target).insert_header(("host", "shop.test")).to_request();
        keys(test::call_service(&app, request).await.headers())
    };
    let purged = async |target: &str| {
        let request = test::TestRequest::put().uri(target).insert_header(("host", "shop.test")).to_request();
        test::call_service(&app, request).await;
        assert_eq!(edge.purged().await, Purge::Done);
        recorder.purged()
    };
    let (missed, hit, other) = (carried("/a").await, carried("/a").await, carried("/b").await);
    assert_eq!((missed.len(), &missed), (2, &hit), "the URI and everything");
    assert!(missed[0] != other[0] && missed[1] == other[1]);
    assert_eq!(purged("/a").await, [missed[0].as_str()]);
    let mut both = [carried("/moved").await[0].clone(), missed[0].clone()];
    both.sort();
    assert_eq!(purged("/moved").await, both, "and what the answer refers to");
    assert_eq!(purged("/broken").await.len(), 1, "it may have changed something before it failed");
    assert_eq!(purged("/refused").await, [""; 0], "it changed nothing");
}

#[tokio::test]
async fn a_runtime_is_followed_once_and_by_as_many_as_there_are() {
    let runtime = Cachet::builder().memory_only().build().expect("a valid configuration");
    let ((one, first), (other, second)) = (followed(&runtime), followed(&runtime));
    one.follow(&runtime);
    runtime.invalidate_tag("both").await;
    runtime.scope(one.invalidate_tag("both of one")).await;
    for (edge, recorder) in [(one, first), (other, second)] {
        assert_eq!(edge.purged().await, Purge::Done);
        assert_eq!(recorder.purged(), ["both", "both%20of%20one"]);
    }
}

/// Asks for the value as an edge does that is purged.
struct Asking(Cachet, mpsc::Sender<Option<u64>>);

impl EdgePurger for Asking {
    fn purge<'a>(&'a self, _: &'a [String], _: bool) -> Purging<'a> {
        Box::pin(async move {
            let found = self.0.scope(item::peek(3)).await;
            self.1.send(found.map(Cached::into_inner)).expect("the test waits for it");
            Ok(())
        })
    }
}

#[tokio::test]
async fn what_was_put_is_there_when_the_edge_asks() {
    let [node] = Nodes::new().start();
    let (sender, asked) = mpsc::channel();
    let edge = quick(Edge::builder(Asking(node.cachet().clone(), sender)));
    edge.follow(node.cachet());
    node.scope(item::put(3, 30)).await;
    assert_eq!((edge.purged().await, asked.try_iter().collect::<Vec<_>>()), (Purge::Done, vec![Some(30)]));
}
