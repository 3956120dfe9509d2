//! Namespaces share nothing, though they are in one Redis and the name of one begins with that of the other.
#![allow(clippy::unused_async, reason = "a loader of a test need not wait for anything")]

mod support;

use std::sync::atomic::{AtomicU64, Ordering};

use cachet_core::{Cachet, Origin, cached, invalidate_tag, invalidates};
use support::{DEADLINE, Redis, until};

static LOADS: AtomicU64 = AtomicU64::new(1);

#[cached(ttl = 3600, tier = "memory,redis", key = "{id}", name = "spaced", tags = ["all", "id:{id}"])]
async fn row(id: u64) -> u64 {
    let _ = id;
    LOADS.fetch_add(1, Ordering::SeqCst)
}

#[invalidates(row(id))]
async fn write(id: u64) -> Result<(), ()> {
    let _ = id;
    Ok(())
}

async fn node(redis: &Redis, namespace: &str) -> Cachet {
    let node = Cachet::builder().namespace(namespace).redis(redis.url()).build().expect("the configuration is valid");
    assert!(node.is_ready(DEADLINE).await, "the server answers");
    node
}

async fn invalidate(by: &str) {
    let done = match by {
        "key" => row::invalidate(1).await,
        "tag" => invalidate_tag("id:1").await,
        "tag of all" => invalidate_tag("all").await,
        "function" => row::clear().await,
        "namespace" => Cachet::current().clear().await,
        "put" => row::put(1, u64::MAX).await,
        _ => return write(1).await.expect("it writes"),
    };
    assert!(done.is_done(), "by {by}");
}

#[tokio::test]
async fn an_invalidation_of_any_kind_is_felt_in_its_own_namespace_only() {
    let redis = Redis::start();
    let (one, other) = (node(&redis, "space").await, node(&redis, "space").await);
    let (apart, beside) = (node(&redis, "space2").await, node(&redis, "space2").await);
    let kept = apart.scope(row(1)).await;
    for by in ["key", "tag", "tag of all", "function", "namespace", "put", "writer"] {
        let old = one.scope(row(1)).await;
        assert_eq!(other.scope(row(1)).await, old, "by {by}");
        assert_ne!(old, kept, "one namespace's value is not the other's");
        one.scope(invalidate(by)).await;
        until("the namespace's other node hears of it", async || other.scope(row(1)).await != old).await;
        // On the same connection later news show that there were none of this.
        let later = beside.scope(row(2)).await;
        apart.scope(row::invalidate(2)).await;
        until("later news come", async || beside.scope(row(2)).await != later).await;
        for node in [&apart, &beside] {
            assert_eq!(*node.scope(row::fetch(1)).await, kept, "by {by}");
        }
        let found = apart.scope(row::fetch(1)).await;
        assert_eq!((*found, found.origin()), (kept, Origin::Memory), "by {by}: memory has it still");
        let found = node(&redis, "space2").await.scope(row::fetch(1)).await;
        assert_eq!((*found, found.origin()), (kept, Origin::Shared), "by {by}: Redis has it still");
    }
    let keys = redis.command(&["KEYS", "*"]);
    let is_named = |key: &str| key.starts_with("space:") || key.starts_with("space2:");
    assert!(keys.lines().all(is_named), "every key begins with its namespace: {keys}");
}
