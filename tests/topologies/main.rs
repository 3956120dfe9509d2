//! Every way in which a Redis may stand there, with real servers: the tier's promises on each, and two nodes over it.
#![allow(clippy::unused_async, reason = "a loader of a test need not wait for anything")]

mod acl;
mod cluster;
mod failover;
mod frozen;
mod migration;
mod sentinel;
mod silent;
mod standalone;
mod tls;
mod unix;

#[path = "../support/mod.rs"]
mod support;

use std::{
    sync::atomic::{AtomicU64, Ordering},
    time::{Duration, Instant},
};

use cachet_core::{
    Cachet, Invalidation, Origin, Redis, cached, invalidate_tag,
    testing::{redis_tier, tier_conformance},
};

static LOADS: AtomicU64 = AtomicU64::new(0);

/// No two loads give the same.
#[cached(ttl = 3600, tier = "memory,redis", key = "{id}", name = "numbered", tags = ["id:{id}"])]
async fn numbered(id: u64) -> (u64, u64) {
    (id, LOADS.fetch_add(1, Ordering::SeqCst))
}

#[cached(ttl = 3600, tier = "memory,redis", name = "spelled", batch = ids)]
async fn spelled(ids: Vec<u64>) -> std::collections::HashMap<u64, (u64, u64)> {
    ids.into_iter().map(|id| (id, (id, LOADS.fetch_add(1, Ordering::SeqCst)))).collect()
}

/// What is refused fails at once; a machine with much to do is given time.
const DEADLINE: Duration = Duration::from_secs(5);

fn node(redis: impl Into<Redis>, namespace: &str) -> Cachet {
    node_that_waits(DEADLINE, redis, namespace)
}

fn node_that_waits(deadline: Duration, redis: impl Into<Redis>, namespace: &str) -> Cachet {
    let builder = Cachet::builder().namespace(namespace).redis(redis).deadline(deadline);
    builder.build().expect("the configuration is valid")
}

async fn ready_node(redis: impl Into<Redis>, namespace: &str) -> Cachet {
    ready(node(redis, namespace)).await
}

async fn ready(node: Cachet) -> Cachet {
    assert!(node.is_ready(support::DEADLINE).await, "news of the other nodes come in");
    node
}

async fn read(node: &Cachet, id: u64) -> (u64, u64) {
    node.scope(numbered(id)).await
}

async fn origin(node: &Cachet, id: u64) -> Origin {
    node.scope(numbered::fetch(id)).await.origin()
}

/// Waits without blocking the test's runtime, and tells how long.
async fn until(what: &str, mut condition: impl AsyncFnMut() -> bool) -> Duration {
    let begun = Instant::now();
    while !condition().await {
        assert!(begun.elapsed() < support::DEADLINE, "gave up waiting: {what}");
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
    begun.elapsed()
}

/// The tier's own promises, with scripts that the servers know and with scripts they do not.
async fn keeps_the_promises(redis: &Redis, prefix: &str) {
    let tier = redis_tier(redis.clone()).expect("the configuration is valid");
    tier_conformance(tier, prefix).await.expect("the servers answer");
}

/// The attribute from end to end: two nodes share what they load, one at a time and many, and hear of invalidations.
async fn joins_two_nodes(redis: &Redis, namespace: &str) {
    let (one, other) = (ready_node(redis.clone(), namespace).await, ready_node(redis.clone(), namespace).await);
    for (id, by) in [(1, "key"), (2, "tag"), (3, "function")] {
        let loaded = read(&one, id).await;
        let shared = other.scope(numbered::fetch(id)).await;
        assert_eq!((*shared, shared.origin()), (loaded, Origin::Shared), "before invalidating by {by}");
        let done = one.scope(async {
            match by {
                "key" => numbered::invalidate(id).await,
                "tag" => invalidate_tag("id:2").await,
                _ => numbered::clear().await,
            }
        });
        assert_eq!(done.await, Invalidation::Done, "by {by}");
        assert_ne!(read(&one, id).await, loaded, "this node does not serve it again, by {by}");
        until("the other node hears of it", async || read(&other, id).await != loaded).await;
    }
    let ids: Vec<u64> = (0..100).collect();
    let many = one.scope(spelled(ids.clone())).await;
    assert_eq!(other.scope(spelled(ids)).await, many, "a batch over many slots is shared");
    assert_eq!(other.scope(async { spelled::stats().loads }).await, 0);
}
