//! Nodes that share a Redis.

use std::{
    sync::atomic::{AtomicBool, AtomicU64, Ordering},
    thread,
};

use serde_json::json;

use crate::support::{Node, Redis, Shop, eventually};

#[test]
fn what_one_node_loaded_another_one_need_not() {
    let (shop, redis) = (Shop::new(), Redis::start());
    let (one, other) = (shop.node_with(&redis), shop.node_with(&redis));
    for target in ["/products/1", "/products?category=toys&page=3", "/users/1", "/posts/1"] {
        let loaded = one.get(target);
        let shared = other.get(target);
        assert_eq!(shared.body, loaded.body, "{target}");
        assert_eq!(shared.header("etag"), loaded.header("etag"), "{target}: one tag on all nodes");
    }
    assert_eq!(other.all_loads(), json!({}));
}

#[test]
fn permissions_are_each_nodes_own() {
    let (shop, redis) = (Shop::new(), Redis::start());
    let (one, other) = (shop.node_with(&redis), shop.node_with(&redis));
    one.get("/users/1/permissions");
    other.get("/users/1/permissions");
    assert_eq!(other.loads("permissions"), 1);
}

#[test]
fn a_cold_key_is_loaded_once_across_nodes() {
    let (shop, redis) = (Shop::new(), Redis::start());
    let nodes = [shop.node_with(&redis), shop.node_with(&redis)];
    thread::scope(|scope| {
        for node in &nodes {
            for _ in 0..100 {
                scope.spawn(|| assert_eq!(node.get("/products/9").status, 200));
            }
        }
    });
    assert_eq!(nodes.iter().map(|node| node.loads("product")).sum::<u64>(), 1);
}

#[test]
fn after_a_write_neither_its_node_nor_redis_serves_the_old_price() {
    let (shop, redis) = (Shop::new(), Redis::start());
    let (writer, reader) = (shop.node_with(&redis), shop.node_with(&redis));
    for target in ["/products/1", "/products", "/users/1"] {
        writer.get(target);
        reader.get(target);
    }
    let (price, name) = (writer.put("/products/1", r#"{"price": 3.21}"#), writer.put("/users/1?name=Bob", ""));
    assert_eq!(
        (price.json()["invalidation"].clone(), name.json()["invalidation"].clone()),
        (json!("done"), json!("done"))
    );

    // A node that starts now has nothing in memory, so it shows what Redis has.
    for node in [writer, shop.node_with(&redis)] {
        assert_eq!(node.get("/products/1").json()["price"], json!(3.21));
        assert_eq!(node.get("/products").json()["items"][0]["price"], json!(3.21));
        assert_eq!(node.get("/users/1").json()["name"], json!("Bob"));
    }
}

/// Readers hammer a product while its price only ever rises. A load that began before a write and ends after it must
/// not bring the price back that it saw.
#[test]
fn a_price_never_goes_back_under_load() {
    let (shop, redis) = (Shop::new(), Redis::start());
    let node = shop.node_with(&redis);
    let (acknowledged, done) = (AtomicU64::new(0), AtomicBool::new(false));
    node.put("/products/1", r#"{"price": 0}"#);
    thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                while !done.load(Ordering::Acquire) {
                    let least = acknowledged.load(Ordering::Acquire);
                    let seen = price(&node);
                    assert!(seen >= least, "{seen} after {least} was acknowledged");
                }
            });
        }
        for next in 1..=200 {
            let reply = node.put("/products/1", &format!(r#"{{"price": {next}}}"#));
            assert_eq!(reply.status, 200);
            acknowledged.store(next, Ordering::Release);
        }
        done.store(true, Ordering::Release);
    });
    assert_eq!(price(&shop.node_with(&redis)), 200, "and so it is in Redis");
}

#[test]
fn posts_survive_a_restart_of_the_service() {
    let (shop, redis) = (Shop::new(), Redis::start());
    let before = shop.node_with(&redis);
    let loaded = before.get("/posts/1");
    drop(before);

    let after = shop.node_with(&redis);
    let kept = after.get("/posts/1");
    assert_eq!(kept.body, loaded.body);
    assert_eq!(kept.header("etag"), loaded.header("etag"));
    assert_eq!(after.loads("post"), 0);
}

#[test]
fn garbage_under_our_key_is_a_miss_and_is_overwritten() {
    let (shop, redis) = (Shop::new(), Redis::start());
    let node = shop.node_with(&redis);
    // Posts have no place in memory, so each request asks Redis.
    let good = node.get("/posts/1").body;
    let key = redis.command(&["KEYS", "*post:*"]);
    assert!(!key.contains('\n') && key != "(nil)" && !key.is_empty(), "one key: {key}");
    let entry = redis.command(&["STRLEN", &key]).parse::<usize>().expect("a length");

    let noise: Vec<u8> = (0..4096_u32).map(|n| n.wrapping_mul(2_654_435_761).to_be_bytes()[0]).collect();
    let cases: [&[u8]; 8] = [b"", b"x", b"V", b"L", b"hello, I am another program's", &[0; 64], &[0xFF; 200], &noise];
    for (index, garbage) in cases.into_iter().enumerate() {
        redis.command(&[b"SET", key.as_bytes(), garbage]);
        overwritten(&node, &good, &format!("case {index}"));
    }
    // Our own entry with its end cut off.
    for end in [1, entry / 2, entry - 1] {
        let head = redis.command(&["EVAL", CUT, "1", &key, &end.to_string()]);
        assert_eq!(head, end.to_string());
        overwritten(&node, &good, &format!("cut at {end}"));
    }
    // Another type altogether.
    redis.command(&["DEL", &key]);
    redis.command(&["LPUSH", &key, "x"]);
    assert_eq!(node.get("/posts/1").body, good, "a list under our key");
}

/// Shortens a string, and gives its new length.
const CUT: &str = "local v = redis.call('GET', KEYS[1])
    redis.call('SET', KEYS[1], string.sub(v, 1, ARGV[1]))
    return redis.call('STRLEN', KEYS[1])";

fn overwritten(node: &Node, good: &[u8], what: &str) {
    let before = node.loads("post");
    let reply = node.get("/posts/1");
    assert_eq!((reply.status, reply.body.as_slice()), (200, good), "{what}");
    assert_eq!(node.loads("post"), before + 1, "{what} is a miss");
    assert_eq!(node.get("/posts/1").body, good, "{what}");
    assert_eq!(node.loads("post"), before + 1, "{what} is overwritten");
}

#[test]
fn an_emptied_redis_is_filled_again() {
    let (shop, redis) = (Shop::new(), Redis::start());
    let node = shop.node_with(&redis);
    node.get("/posts/1");
    redis.command(&["FLUSHALL"]);
    node.get("/posts/1");
    eventually("the post is in Redis again", || redis.command(&["KEYS", "*post:*"]).contains("post"));
    node.get("/posts/1");
    assert_eq!(node.loads("post"), 2);
}

fn price(node: &Node) -> u64 {
    let price = node.get("/products/1").json()["price"].clone();
    format!("{:.0}", price.as_f64().expect("a number")).parse().expect("a whole number")
}
