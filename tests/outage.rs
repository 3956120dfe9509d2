//! Loads without the shared tier take turns, and nobody waits for a turn for ever.
#![allow(clippy::unused_async, reason = "a loader of a test need not wait for anything")]

mod support;

use std::{
    collections::HashMap,
    future::Future,
    sync::atomic::{AtomicUsize, Ordering},
    time::{Duration, Instant},
};

use cachet_core::{
    Cachet, cached,
    testing::{Faults, FaultyTier, Gate, InProcessTier},
};
use futures_util::FutureExt as _;
use support::{DEADLINE, until};
use tokio::task::{JoinSet, yield_now};

/// Far longer than any test takes.
const LONG: Duration = Duration::from_mins(1);

#[derive(Clone, Debug, PartialEq)]
struct Unavailable;

impl From<cachet_core::Error> for Unavailable {
    fn from(_: cachet_core::Error) -> Self {
        Self
    }
}

#[cached(ttl = 3600, tier = "memory,redis", on_outage = "fail", name = "outage_failing")]
async fn failing(id: u64) -> Result<u64, Unavailable> {
    Ok(id)
}

#[cached(ttl = 3600, tier = "memory,redis", skip(gate), name = "outage_gated")]
async fn gated(id: u64, gate: &Gate) -> u64 {
    gate.pass().await;
    id
}

/// A node whose tier is known to be away, and the way to bring it back.
async fn node(outage_loads: usize, lease: Duration) -> (Cachet, Faults) {
    let faults = Faults::new();
    faults.cut_off();
    let tier = FaultyTier::new(InProcessTier::new(), &faults);
    let node = Cachet::builder().shared_tier(tier).outage_loads(outage_loads).lease(lease).build();
    let node = node.expect("the configuration is valid");
    // So many failures in a row open the breaker.
    for id in 0..3 {
        assert_eq!(node.scope(failing(id)).await, Err(Unavailable));
    }
    (node, faults)
}

/// # Panics
///
/// If it does not end: whoever waits, waits for himself.
async fn ends<T>(what: impl Future<Output = T>) -> T {
    tokio::time::timeout(DEADLINE, what).await.expect("nobody waits for himself")
}

/// How many loads run, and the most of them that ever did at once.
struct Crowd {
    now: AtomicUsize,
    most: AtomicUsize,
}

impl Crowd {
    const fn new() -> Self {
        Self { now: AtomicUsize::new(0), most: AtomicUsize::new(0) }
    }

    /// A load that gives all others the time to run as well.
    async fn load(&self) {
        self.most.fetch_max(self.now.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
        for _ in 0..10 {
            yield_now().await;
        }
        self.now.fetch_sub(1, Ordering::SeqCst);
    }

    fn most(&self) -> usize {
        self.most.load(Ordering::SeqCst)
    }
}

#[tokio::test]
async fn single_calls_and_batches_take_turns() {
    static CROWD: Crowd = Crowd::new();

    #[cached(ttl = 3600, tier = "memory,redis")]
    async fn single(id: u64) -> u64 {
        CROWD.load().await;
        id
    }

    #[cached(ttl = 3600, tier = "redis", batch = ids)]
    async fn many(ids: Vec<u64>) -> HashMap<u64, u64> {
        CROWD.load().await;
        ids.into_iter().map(|id| (id, id)).collect()
    }

    let (node, _faults) = node(3, LONG).await;
    let mut calls = JoinSet::new();
    for id in 0..50 {
        let (one, other) = (node.clone(), node.clone());
        calls.spawn(async move { one.scope(single(id)).await });
        // Their keys overlap.
        calls.spawn(async move { other.scope(many(vec![id, id + 1, id + 2])).await[&id] });
    }
    assert_eq!(ends(calls.join_all()).await.len(), 100);
    assert_eq!(CROWD.most(), 3);
    assert_eq!(node.scope(async { single::stats().bypassed }).await, 50);
}

#[tokio::test]
async fn who_waited_longer_than_a_lease_goes_on_waiting() {
    const LEASE: Duration = Duration::from_millis(500);
    static GATE: Gate = Gate::closed();

    let (node, _faults) = node(2, LEASE).await;
    let mut calls = JoinSet::new();
    for id in 0..20 {
        let node = node.clone();
        calls.spawn(async move { node.scope(gated(id, &GATE)).await });
    }
    GATE.arrived(2).await;
    let begun = Instant::now();
    until("three leases are over", async || begun.elapsed() > LEASE * 3).await;
    assert_eq!(GATE.arrivals(), 2);
    GATE.open();
    assert_eq!(ends(calls.join_all()).await.len(), 20);
}

#[tokio::test]
async fn a_load_that_does_not_end_gives_its_turn_on_after_twelve_leases() {
    const LEASE: Duration = Duration::from_millis(40);

    let (node, _faults) = node(1, LEASE).await;
    let (hung, open) = (Gate::closed(), Gate::closed());
    open.open();
    let begun = Instant::now();
    let other = async {
        hung.arrived(1).await;
        assert_eq!(node.scope(gated(2, &open)).await, 2);
        assert!(begun.elapsed() >= LEASE * 12, "{:?}", begun.elapsed());
        hung.open();
    };
    ends(async { tokio::join!(node.scope(gated(1, &hung)), other) }).await;
}

#[tokio::test]
async fn who_waits_for_a_turn_asks_the_tier_once_it_answers() {
    let (node, faults) = node(1, LONG).await;
    let (hung, open) = (Gate::closed(), Gate::closed());
    open.open();
    let others = async {
        hung.arrived(1).await;
        let back = async {
            yield_now().await;
            faults.clear();
        };
        let batch = batched(vec![3, 4], &open);
        let (single, batch, ()) = tokio::join!(node.scope(gated(2, &open)), node.scope(batch), back);
        assert_eq!((single, batch.len()), (2, 2));
        hung.open();
    };
    ends(async { tokio::join!(node.scope(gated(1, &hung)), others) }).await;
    let bypassed = node.scope(async { gated::stats().bypassed + batched::stats().bypassed }).await;
    assert_eq!(bypassed, 1, "only the first one's");
}

#[cached(ttl = 3600, tier = "memory,redis", batch = ids, skip(gate), name = "outage_batched")]
async fn batched(ids: Vec<u64>, gate: &Gate) -> HashMap<u64, u64> {
    gate.pass().await;
    ids.into_iter().map(|id| (id, id)).collect()
}

/// One for each test that calls it.
static INNER: [Crowd; 2] = [Crowd::new(), Crowd::new()];

#[cached(ttl = 3600, tier = "memory,redis", name = "outage_inner")]
async fn inner(id: u64) -> u64 {
    INNER[usize::from(id > 300)].load().await;
    id
}

/// Calls others, after it was let through.
#[cached(ttl = 3600, tier = "memory,redis", skip(gate), name = "outage_outer")]
async fn outer(id: u64, gate: &Gate) -> u64 {
    gate.pass().await;
    inner(id).await + inner(id + 100).await
}

#[cached(ttl = 3600, name = "outage_in_memory")]
async fn in_memory(id: u64) -> u64 {
    inner(id).await
}

#[tokio::test]
async fn a_load_with_a_turn_calls_others_and_one_without_takes_turns() {
    let (node, _faults) = node(1, LONG).await;
    let open = Gate::closed();
    open.open();
    assert_eq!(ends(node.scope(outer(1, &open))).await, 102);
    let mut calls = JoinSet::new();
    for id in 200..220 {
        let node = node.clone();
        calls.spawn(async move { node.scope(in_memory(id)).await });
    }
    assert_eq!(ends(calls.join_all()).await.len(), 20);
    assert_eq!(INNER[0].most(), 1);
}

/// Who: a load that has the only turn, and a caller that leads the flight of a key and waits for a turn. When: the load
/// comes to need that key. What ends it: the caller's load is a part of the load that waits for it.
#[tokio::test]
async fn a_load_with_a_turn_does_not_wait_for_one_that_waits_for_its_turn() {
    let (node, _faults) = node(1, LONG).await;
    let gate = Gate::closed();
    // What the outer load follows: a call, and one that a load without a turn makes.
    let waiting = async {
        gate.arrived(1).await;
        let opening = async {
            yield_now().await;
            gate.open();
        };
        tokio::join!(node.scope(inner(301)), node.scope(in_memory(401)), opening)
    };
    let (sum, (one, other, ())) = ends(async { tokio::join!(node.scope(outer(301, &gate)), waiting) }).await;
    assert_eq!((sum, one, other), (301 + 401, 301, 401));
    assert_eq!(INNER[1].most(), 1);
}

#[tokio::test]
async fn a_load_with_a_turn_does_not_wait_for_a_batch_that_waits_for_its_turn() {
    #[cached(ttl = 3600, tier = "memory,redis", batch = ids, name = "outage_rows")]
    async fn rows(ids: Vec<u64>) -> HashMap<u64, u64> {
        ids.into_iter().map(|id| (id, id)).collect()
    }

    #[cached(ttl = 3600, tier = "memory,redis", skip(gate), name = "outage_table")]
    async fn table(gate: &Gate) -> usize {
        gate.pass().await;
        rows(vec![2, 3]).await.len()
    }

    let (node, _faults) = node(1, LONG).await;
    let gate = Gate::closed();
    let waiting = async {
        gate.arrived(1).await;
        let opening = async {
            yield_now().await;
            gate.open();
        };
        tokio::join!(node.scope(rows(vec![1, 2])), opening)
    };
    let (rows, (batch, ())) = ends(async { tokio::join!(node.scope(table(&gate)), waiting) }).await;
    assert_eq!((rows, batch.len()), (2, 2));
}

/// A caller that goes away leaves its place in the queue.
#[tokio::test]
async fn a_caller_that_no_longer_waits_takes_no_turn() {
    let (node, _faults) = node(1, LONG).await;
    let (hung, open) = (Gate::closed(), Gate::closed());
    open.open();
    let others = async {
        hung.arrived(1).await;
        let mut waiting = Box::pin(node.scope(gated(2, &open)));
        assert!((&mut waiting).now_or_never().is_none(), "there is no turn for it");
        drop(waiting);
        hung.open();
        assert_eq!(node.scope(gated(3, &open)).await, 3);
    };
    ends(async { tokio::join!(node.scope(gated(1, &hung)), others) }).await;
}
