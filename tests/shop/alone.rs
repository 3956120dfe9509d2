//! One node without Redis: what each endpoint answers, and what a second request costs.

use serde_json::json;

use crate::{at_once, support::Shop};

/// Every endpoint that a client may keep, with its `Cache-Control`.
const KEPT: [(&str, &str); 7] = [
    ("/products/1", "public, max-age=1800"),
    ("/products?category=garden&page=2", "public, no-cache"),
    ("/products", "public, no-cache"),
    ("/users/1", "private, max-age=300"),
    ("/users/1/permissions", "private, no-cache"),
    ("/posts/1", "public, max-age=300"),
    ("/config", "public, max-age=86400"),
];

#[test]
fn every_endpoint_says_how_long_a_client_may_keep_its_answer() {
    let shop = Shop::new();
    let node = shop.node();
    for (target, policy) in KEPT {
        let reply = node.get(target);
        assert_eq!(reply.status, 200, "{target}");
        assert_eq!(reply.header("cache-control"), Some(policy), "{target}");
        assert!(reply.header("etag").is_some_and(|tag| tag.starts_with('"')), "{target} has a strong tag");
        assert!(reply.header("age").is_some(), "{target} has an age");
        assert!(reply.json().is_object(), "{target}");
    }
}

#[test]
fn a_second_request_loads_nothing() {
    let shop = Shop::new();
    let node = shop.node();
    // Posts are in Redis alone.
    let targets = KEPT.map(|(target, _)| target).into_iter().filter(|target| !target.starts_with("/posts"));
    for target in targets.chain(["/data/1"]) {
        let first = node.get(target);
        let loads = node.all_loads();
        let second = node.get(target);
        assert_eq!(node.all_loads(), loads, "{target}");
        assert_eq!(second.header("etag"), first.header("etag"), "{target}");
    }
    assert_eq!(node.loads("product"), 1);
}

#[test]
fn a_client_that_has_the_answer_gets_a_304_without_a_body() {
    let shop = Shop::new();
    let node = shop.node();
    for (target, policy) in KEPT {
        let first = node.get(target);
        let tag = first.header("etag").expect("a tag");
        for method in ["GET", "HEAD"] {
            let reply = node.request(method, target).header("if-none-match", tag).send();
            assert_eq!(reply.status, 304, "{method} {target}");
            assert!(reply.body.is_empty(), "{method} {target}: {reply:?}");
            assert_eq!(reply.header("etag"), Some(tag), "{method} {target}");
            assert_eq!(reply.header("cache-control"), Some(policy), "{method} {target}");
        }
        let other = node.request("GET", target).header("if-none-match", "\"other\"").send();
        assert_eq!((other.status, other.body), (200, first.body.clone()), "{target}");
    }
}

#[test]
fn head_answers_as_get_does_without_the_body() {
    let shop = Shop::new();
    let node = shop.node();
    for target in KEPT.map(|(target, _)| target).into_iter().chain(["/stats", "/loads"]) {
        // The first call fills the cache, so that both see the same counters.
        node.get(target);
        let (get, head) = (node.get(target), node.head(target));
        assert_eq!((get.status, head.status), (200, 200), "{target}");
        assert!(head.body.is_empty(), "{target}: {head:?}");
        assert!(!get.body.is_empty(), "{target}");
        assert_eq!(head.header("etag"), get.header("etag"), "{target}");
        assert_eq!(head.header("content-length"), get.header("content-length"), "{target}");
    }
}

#[test]
fn data_says_whether_it_was_cached() {
    let shop = Shop::new();
    let node = shop.node();
    let (first, second) = (node.get("/data/1"), node.get("/data/1"));
    assert_eq!(first.json()["cached"], json!(false));
    assert_eq!(second.json()["cached"], json!(true));
    assert_eq!(first.json()["data"], second.json()["data"]);
    assert_eq!(second.header("cache-control"), Some("no-store"), "the next client's answer is another one");
    assert!(second.took < first.took / 2, "{:?} after {:?}", second.took, first.took);
}

#[test]
fn two_hundred_requests_for_a_cold_key_cost_one_load() {
    let shop = Shop::new();
    let node = shop.node();
    for (target, name) in [("/data/7", "data"), ("/products/7", "product"), ("/products?page=7", "listing")] {
        let replies = at_once(200, || node.get(target));
        assert!(replies.iter().all(|reply| reply.status == 200), "{target}");
        assert_eq!(node.loads(name), 1, "{target}");
    }
}

#[test]
fn two_hundred_requests_for_nothing_cost_few_loads() {
    let shop = Shop::new();
    let node = shop.node();
    let replies = at_once(200, || node.get("/data/99999999"));
    assert!(replies.iter().all(|reply| reply.status == 404));
    // Whoever came during a load shares its error; whoever came after it loads, because errors are not kept.
    assert!(node.loads("data") < 200, "{} loads", node.loads("data"));
}

#[test]
fn the_counters_agree_with_the_loaders() {
    let shop = Shop::new();
    let node = shop.node();
    for target in ["/products/1", "/products/1", "/products/2", "/products/99999999", "/config", "/users/1"] {
        node.get(target);
    }
    let (stats, loads) = (node.get("/stats").json(), node.all_loads());
    for (name, count) in loads.as_object().expect("an object") {
        assert_eq!(&stats[name]["loads"], count, "{name}");
    }
    assert_eq!(stats["product"]["memory_hits"], json!(1));
    assert_eq!(stats["product"]["load_errors"], json!(1));
    assert_eq!(stats["product"]["entries"], json!(2));
}
