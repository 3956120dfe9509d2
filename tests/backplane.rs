//! What other nodes change, memory learns at once: over a real `redis-server`, whatever happens to the connection.
#![allow(clippy::unused_async, reason = "a loader of a test need not wait for anything")]

mod support;

use std::{
    sync::atomic::{AtomicU64, Ordering},
    time::{Duration, Instant},
};

use cachet_core::{Cachet, Invalidation, Origin, cached, invalidate_tag, invalidates, testing::Gate};
use support::{DEADLINE, Redis, until};

/// A node of the namespace, which hears of the others' changes.
async fn node(redis: &Redis, namespace: &str) -> Cachet {
    let node = Cachet::builder().namespace(namespace).redis(redis.url()).build().expect("the configuration is valid");
    assert!(node.is_ready(DEADLINE).await, "the server answers");
    node
}

static LOADS: AtomicU64 = AtomicU64::new(1);

#[cached(ttl = 3600, tier = "memory,redis", key = "{id}", name = "numbered", tags = ["all", "id:{id}"])]
async fn numbered(id: u64) -> (u64, u64) {
    (id, LOADS.fetch_add(1, Ordering::SeqCst))
}

#[invalidates(numbered(id))]
async fn write(id: u64) -> Result<(), ()> {
    let _ = id;
    Ok(())
}

/// Where a node's answer comes from.
async fn origin(node: &Cachet, id: u64) -> Origin {
    node.scope(numbered::fetch(id)).await.origin()
}

#[tokio::test]
async fn memory_on_another_node_drops_what_was_invalidated_by_key_tag_function_namespace_put_and_writer() {
    let redis = Redis::start();
    let (one, other) = (node(&redis, "heard").await, node(&redis, "heard").await);
    for by in ["key", "tag", "function", "namespace", "put", "writer"] {
        let old = other.scope(numbered(1)).await;
        assert_eq!(origin(&other, 1).await, Origin::Memory);
        one.scope(async {
            match by {
                "key" => drop(numbered::invalidate(1).await),
                "tag" => drop(invalidate_tag("id:1").await),
                "function" => drop(numbered::clear().await),
                "namespace" => drop(Cachet::current().clear().await),
                "put" => drop(numbered::put(1, (1, u64::MAX)).await),
                _ => write(1).await.expect("it writes"),
            }
        })
        .await;
        let begun = Instant::now();
        until("the other node hears of it", async || other.scope(numbered(1)).await != old).await;
        // Far less than the bound of a second, which is for when no news come.
        assert!(begun.elapsed() < Duration::from_millis(500), "by {by}: {:?}", begun.elapsed());
    }
}

#[tokio::test]
async fn what_nobody_changed_stays_in_memory_and_this_nodes_own_changes_are_no_news_to_it() {
    let redis = Redis::start();
    let (one, other) = (node(&redis, "kept").await, node(&redis, "kept").await);
    for id in [1, 2] {
        other.scope(numbered(id)).await;
    }
    one.scope(numbered::invalidate(1)).await;
    until("the news come", async || origin(&other, 1).await != Origin::Memory).await;
    assert_eq!(origin(&other, 2).await, Origin::Memory);
    other.scope(numbered::invalidate(1)).await;
    other.scope(numbered(1)).await;
    one.scope(numbered(1)).await;
    // Were its own invalidation news to it, one that comes after this load would make the value dead.
    one.scope(numbered::invalidate(2)).await;
    until("later news come", async || origin(&other, 2).await != Origin::Memory).await;
    assert_eq!(origin(&other, 1).await, Origin::Memory);
}

/// Who: a load on one node, an invalidation on another. When: the value is on its way from the shared tier into memory.
/// What stops it: the key's stamp was noted before the tier was asked.
#[tokio::test]
async fn a_value_that_was_invalidated_on_its_way_into_memory_is_dead_on_arrival() {
    use cachet_core::testing::{Faults, FaultyTier, Injection, Operation, redis_tier};
    use std::sync::Arc;

    let redis = Redis::start();
    let one = node(&redis, "cachet").await;
    let faults = Faults::new();
    let tier = FaultyTier::over(redis_tier(redis.url()).expect("the URL is valid"), &faults);
    let other = Cachet::builder().namespace("cachet").shared_tier(tier).build().expect("the configuration is valid");
    assert!(other.is_ready(DEADLINE).await);
    let old = one.scope(numbered(7)).await;
    let gate = Arc::new(Gate::closed());
    faults.next(Operation::Read, Injection::HoldReply(Arc::clone(&gate)));
    let reading = other.scope(numbered(7));
    let writing = async {
        gate.arrived(1).await;
        one.scope(numbered::invalidate(7)).await;
        // Another key's news, after this one's on the same connection, show that it has come.
        one.scope(numbered(8)).await;
        gate.open();
    };
    let (read, ()) = tokio::join!(reading, writing);
    assert_eq!(read, old, "it asked before the invalidation");
    until("memory does not keep it", async || other.scope(numbered(7)).await != old).await;
}

#[tokio::test]
async fn a_lost_connection_is_noticed_and_nothing_old_is_served_after_it() {
    let redis = Redis::start();
    let (one, other) = (node(&redis, "lost").await, node(&redis, "lost").await);
    let old = other.scope(numbered(3)).await;
    redis.command(&["CLIENT", "KILL", "TYPE", "pubsub"]);
    one.scope(numbered::invalidate(3)).await;
    let begun = Instant::now();
    until("the value is gone", async || other.scope(numbered(3)).await != old).await;
    assert!(begun.elapsed() < Duration::from_secs(1), "{:?}", begun.elapsed());
    assert!(other.is_ready(DEADLINE).await, "it subscribes anew");
    until("memory answers again", async || origin(&other, 3).await == Origin::Memory).await;
}

/// A server that hangs sends no news; memory is not asked past the bound, and again once the server goes on.
#[tokio::test]
async fn a_connection_that_hangs_ends_trust_within_the_bound() {
    let redis = Redis::start();
    let node = node(&redis, "hangs").await;
    node.scope(numbered(4)).await;
    redis.pause();
    let begun = Instant::now();
    until("memory is not trusted any more", async || origin(&node, 4).await != Origin::Memory).await;
    assert!(begun.elapsed() < Duration::from_millis(1500), "{:?}", begun.elapsed());
    redis.resume();
    until("memory answers again", async || origin(&node, 4).await == Origin::Memory).await;
}

#[tokio::test]
async fn a_server_that_is_emptied_is_noticed() {
    let redis = Redis::start();
    let node = node(&redis, "flushed").await;
    let old = node.scope(numbered(5)).await;
    redis.command(&["FLUSHALL"]);
    until("memory hears of it", async || node.scope(numbered(5)).await != old).await;
}

#[tokio::test]
async fn a_load_that_takes_longer_than_its_lease_keeps_it() {
    static RUNS: AtomicU64 = AtomicU64::new(0);

    #[cached(ttl = 3600, tier = "memory,redis", key = "{id}", skip(gate))]
    async fn long(id: u64, gate: &Gate) -> u64 {
        gate.pass().await;
        id + RUNS.fetch_add(1, Ordering::SeqCst)
    }

    let redis = Redis::start();
    let node = async || {
        let lease = Duration::from_millis(100);
        let node = Cachet::builder().namespace("renewed").redis(redis.url()).lease(lease).build();
        let node = node.expect("the configuration is valid");
        assert!(node.is_ready(DEADLINE).await);
        node
    };
    let (one, other) = (node().await, node().await);
    let gate = Gate::closed();
    let opening = async {
        gate.arrived(1).await;
        let key = redis.command(&["KEYS", "renewed:*:1"]);
        let begun = Instant::now();
        while begun.elapsed() < Duration::from_millis(350) {
            assert_eq!(redis.command(&["EXISTS", key.trim()]), "1", "the lease is there {:?} later", begun.elapsed());
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        gate.open();
    };
    let (loaded, ()) = tokio::join!(one.scope(long(1, &gate)), opening);
    let read = other.scope(long::fetch(1, &gate)).await;
    assert_eq!((read.origin(), *read), (Origin::Shared, loaded));
}

#[derive(Clone, Debug, PartialEq)]
struct Unavailable;

impl From<cachet_core::Error> for Unavailable {
    fn from(_: cachet_core::Error) -> Self {
        Self
    }
}

#[cached(ttl = 3600, tier = "memory,redis", on_outage = "fail")]
async fn failing(id: u64) -> Result<u64, Unavailable> {
    Ok(id)
}

#[cached(ttl = 3600, tier = "memory,redis", on_outage = "stale")]
async fn holding(id: u64) -> (u64, u64) {
    (id, LOADS.fetch_add(1, Ordering::SeqCst))
}

#[tokio::test]
async fn in_an_outage_a_call_fails_or_takes_what_memory_has_as_its_function_says() {
    let mut redis = Redis::start();
    let node = node(&redis, "as-told").await;
    let held = node.scope(holding(1)).await;
    let untold = node.scope(numbered(1)).await;
    assert_eq!(node.scope(failing(1)).await, Ok(1));
    redis.kill();
    until("the loss is noticed", async || node.scope(failing(2)).await == Err(Unavailable)).await;
    until("memory is not trusted", async || node.scope(numbered(1)).await != untold).await;
    let kept = node.scope(holding::fetch(1)).await;
    assert_eq!((*kept, kept.origin()), (held, Origin::Memory));
    // What this node invalidates itself is not served all the same.
    node.scope(holding::invalidate(1)).await;
    assert_ne!(node.scope(holding(1)).await, held);
    redis.restart();
    until("the tier is asked again", async || node.scope(failing(2)).await == Ok(2)).await;
    let kept = node.scope(holding(1)).await;
    assert_ne!(kept, held);
}

/// Who: a load without the shared tier, an invalidation on another node, and a caller that comes after it. When: no news
/// come in. What stops the old value: nothing confirms such a load, so that only those share it who came before it began.
#[tokio::test]
async fn a_caller_that_comes_after_an_invalidation_does_not_join_a_load_in_an_outage() {
    use cachet_core::{
        testing::{Faults, FaultyTier, Injection, Operation, redis_tier},
        tier::Fault,
    };

    static ROW: AtomicU64 = AtomicU64::new(1);

    #[cached(ttl = 3600, tier = "redis", skip(gate))]
    async fn row(gate: &Gate) -> u64 {
        let read = ROW.load(Ordering::SeqCst);
        gate.pass().await;
        read
    }

    let redis = Redis::start();
    let faults = Faults::new();
    faults.always(Operation::Subscribe, Injection::LostRequest);
    let tier = FaultyTier::over(redis_tier(redis.url()).expect("the URL is valid"), &faults);
    let deaf = Cachet::builder().namespace("cachet").shared_tier(tier).build().expect("the configuration is valid");
    let other = node(&redis, "cachet").await;
    until("the first probe is over", async || faults.answers(Operation::Probe) > 0).await;
    faults.next(Operation::Read, Injection::Error(Fault::Reply));
    let gate = Gate::closed();
    let later = async {
        gate.arrived(1).await;
        ROW.store(2, Ordering::SeqCst);
        assert!(other.scope(row::invalidate()).await.is_done());
        let open = Gate::closed();
        open.open();
        let (after, ()) = tokio::join!(deaf.scope(row(&open)), async { gate.open() });
        after
    };
    let (before, after) = tokio::join!(deaf.scope(row(&gate)), later);
    assert_eq!((before, after), (1, 2), "the first one's value is its own");
}

/// Who: a load under a lease, another node that invalidates a tag of it, and a caller that comes after that. When: no news
/// come in. What stops the old value: the tags' versions are looked at once more with the fill.
#[tokio::test]
async fn a_caller_that_comes_after_an_invalidation_by_tag_is_not_given_the_load_from_before() {
    use cachet_core::testing::{Faults, FaultyTier, Injection, Operation, redis_tier};
    use std::sync::Arc;

    static ROW: AtomicU64 = AtomicU64::new(1);

    #[cached(ttl = 3600, tier = "memory,redis", skip(gate), tags = ["rows"])]
    async fn tagged(gate: &Gate) -> u64 {
        let read = ROW.load(Ordering::SeqCst);
        gate.pass().await;
        read
    }

    let redis = Redis::start();
    let faults = Faults::new();
    faults.always(Operation::Subscribe, Injection::HoldRequest(Arc::new(Gate::closed())));
    let tier = FaultyTier::over(redis_tier(redis.url()).expect("the URL is valid"), &faults);
    let deaf = Cachet::builder().namespace("cachet").shared_tier(tier).build().expect("the configuration is valid");
    let other = node(&redis, "cachet").await;
    let (gate, open) = (Gate::closed(), Gate::closed());
    open.open();
    let later = async {
        gate.arrived(1).await;
        ROW.store(2, Ordering::SeqCst);
        assert!(other.scope(invalidate_tag("rows")).await.is_done());
        let (after, ()) = tokio::join!(deaf.scope(tagged(&open)), async { gate.open() });
        after
    };
    let (before, after) = tokio::join!(deaf.scope(tagged(&gate)), later);
    assert_eq!((before, after), (1, 2), "the first one's value is its own");
    assert_eq!(deaf.scope(tagged(&open)).await, 2, "memory does not keep it either");
    assert_eq!(deaf.scope(async { tagged::stats().refused_fills }).await, 1);
}

/// A writer whose lift was kept leaves no fence behind once that was sent.
#[tokio::test]
async fn a_fence_goes_with_the_lift_that_was_kept() {
    use cachet_core::testing::{Faults, FaultyTier, Injection, Operation, redis_tier};

    let redis = Redis::start();
    let faults = Faults::new();
    let tier = FaultyTier::over(redis_tier(redis.url()).expect("the URL is valid"), &faults);
    let node = Cachet::builder().namespace("cachet").shared_tier(tier).build().expect("the configuration is valid");
    assert!(node.is_ready(DEADLINE).await);
    faults.always(Operation::Lift, Injection::LostRequest);
    node.scope(write(5)).await.expect("it writes");
    let fence = || redis.command(&["KEYS", "cachet:numbered:*:5"]);
    assert_ne!(fence(), "", "nobody can lift it");
    faults.clear();
    assert!(node.is_ready(DEADLINE).await, "what was kept is sent");
    assert_eq!(fence(), "", "long before its time is over");
}

/// Who: a node that cannot send its invalidation, and one whose trust lapses on a connection that does not break. When: the
/// second one's heartbeat is answered again before the first one's invalidation could be sent. What stops the old value:
/// memory from before is dead, and the tier is not asked yet.
#[tokio::test]
async fn memory_from_before_a_lapse_of_trust_is_not_served_after_it() {
    use cachet_core::testing::{Faults, FaultyTier, Gate, Injection, Operation, redis_tier};
    use std::sync::Arc;

    let redis = Redis::start();
    let node = async |faults: &Faults| {
        let tier = FaultyTier::over(redis_tier(redis.url()).expect("the URL is valid"), faults);
        let node = Cachet::builder().namespace("cachet").shared_tier(tier);
        let node = node.staleness_bound(Duration::from_millis(500)).recovery_grace(DEADLINE).build();
        let node = node.expect("the configuration is valid");
        assert!(node.is_ready(DEADLINE).await);
        node
    };
    let (cut_off, lapsing) = (Faults::new(), Faults::new());
    let (one, other) = (node(&cut_off).await, node(&lapsing).await);
    let old = other.scope(numbered(6)).await;
    let heartbeat = Arc::new(Gate::closed());
    lapsing.next(Operation::Heartbeat, Injection::HoldReply(Arc::clone(&heartbeat)));
    heartbeat.arrived(1).await;
    until("trust is over", async || origin(&other, 6).await != Origin::Memory).await;
    cut_off.cut_off();
    assert_eq!(one.scope(numbered::invalidate(6)).await, Invalidation::Queued);
    let heartbeats = lapsing.calls(Operation::Heartbeat);
    heartbeat.open();
    lapsing.called(Operation::Heartbeat, heartbeats + 1).await;
    assert_ne!(other.scope(numbered(6)).await, old);
}

/// Who: a user who may do anything but subscribe. When: the node tries again and again. What keeps the tier: a backplane
/// that is refused says nothing about it.
#[tokio::test]
async fn a_backplane_that_is_refused_takes_nothing_from_the_tier() {
    use cachet_core::{
        testing::{Faults, FaultyTier, Injection, Operation, redis_tier},
        tier::Fault,
    };

    for fault in [Fault::Denied, Fault::Outage] {
        let redis = Redis::start();
        let faults = Faults::new();
        faults.always(Operation::Subscribe, Injection::Error(fault));
        let tier = FaultyTier::over(redis_tier(redis.url()).expect("the URL is valid"), &faults);
        // A breaker that opened would be open for the rest of the test.
        let builder = Cachet::builder().namespace("cachet").shared_tier(tier).recovery_grace(DEADLINE);
        let deaf = builder.build().expect("the configuration is valid");
        let other = node(&redis, "cachet").await;
        for id in 0..6 {
            faults.called(Operation::Subscribe, id + 1).await;
            let loaded = other.scope(numbered(id)).await;
            assert_eq!(
                (origin(&deaf, id).await, deaf.scope(numbered(id)).await),
                (Origin::Shared, loaded),
                "{fault:?}"
            );
        }
    }
}
