//! Bytes in Redis that nobody vouches for: compressed, sealed, forged, exchanged.
#![allow(clippy::unused_async, reason = "a loader of a test need not wait for anything")]

mod support;

use cachet_core::{Builder, Cachet, Origin, Seal, cached};
use support::Redis;

#[cached(ttl = 3600, tier = "redis", key = "{id}", name = "text")]
async fn text(id: u64) -> String {
    format!("{id}: {}", "all the same, ".repeat(500))
}

/// A node that seals and compresses as told.
fn node(redis: &Redis, configure: impl FnOnce(Builder) -> Builder) -> Cachet {
    let builder = Cachet::builder().namespace("bytes").redis(redis.url());
    configure(builder).build().expect("the configuration is valid")
}

fn key_of(redis: &Redis, id: u64) -> String {
    redis.command(&["KEYS", &format!("bytes:text:*:{id}")]).trim().to_owned()
}

async fn origin(node: &Cachet, id: u64) -> Origin {
    let read = node.scope(text::fetch(id)).await;
    assert_eq!(*read, format!("{id}: {}", "all the same, ".repeat(500)), "whatever is stored, the value is right");
    read.origin()
}

#[tokio::test]
async fn what_is_compressed_is_short_and_every_node_reads_it() {
    let redis = Redis::start();
    let compressing = node(&redis, |builder| builder.compress_over(1024));
    origin(&compressing, 1).await;
    let length: usize = redis.command(&["STRLEN", &key_of(&redis, 1)]).trim().parse().expect("a length");
    assert!(length < 500, "{length}");
    assert_eq!(origin(&node(&redis, |builder| builder), 1).await, Origin::Shared);
}

#[tokio::test]
async fn an_entry_is_neither_forged_nor_moved_nor_taken_unsealed() {
    let redis = Redis::start();
    let sealing = || node(&redis, |builder| builder.seal(Seal::new([7; 32])));
    let (one, other) = (sealing(), sealing());
    for id in [1, 2] {
        origin(&one, id).await;
        assert_eq!(origin(&other, id).await, Origin::Shared);
    }
    // Another key's entry, whole and well sealed.
    redis.command(&["COPY", &key_of(&redis, 2), &key_of(&redis, 1), "REPLACE"]);
    assert_eq!(origin(&other, 1).await, Origin::Loaded);
    assert_eq!(origin(&one, 1).await, Origin::Shared, "it was overwritten");
    // One byte of the value.
    redis.command(&["SETRANGE", &key_of(&redis, 1), "150", "X"]);
    assert_eq!(origin(&other, 1).await, Origin::Loaded);
    // One that a node wrote which does not seal.
    let plain = node(&redis, |builder| builder);
    plain.scope(text::invalidate(1)).await;
    origin(&plain, 1).await;
    assert_eq!(origin(&other, 1).await, Origin::Loaded);
    assert_eq!(other.scope(async { text::stats().undecodable }).await, 3);
}

#[tokio::test]
async fn a_key_is_changed_while_nodes_run() {
    let redis = Redis::start();
    let (old, new) = ([1; 32], [2; 32]);
    let before = node(&redis, |builder| builder.seal(Seal::new(old).accept(new)));
    let after = node(&redis, |builder| builder.seal(Seal::new(new).accept(old)));
    let last = node(&redis, |builder| builder.seal(Seal::new(new)));
    origin(&before, 1).await;
    origin(&after, 2).await;
    assert_eq!((origin(&after, 1).await, origin(&before, 2).await), (Origin::Shared, Origin::Shared));
    assert_eq!((origin(&last, 1).await, origin(&last, 2).await), (Origin::Loaded, Origin::Shared));
}
