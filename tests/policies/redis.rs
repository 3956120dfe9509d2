//! The policies of two nodes beside a real Redis, whose time no test moves.

use std::{
    sync::atomic::{AtomicBool, Ordering},
    time::{Duration, Instant},
};

use cachet_core::{
    Builder, Cachet, Origin, cached,
    testing::{Faults, FaultyTier, Gate, LoadCounter, ManualClock, Nodes, redis_tier},
};

use crate::{eventually, nodes::one_early_refresh_for_both, support::Redis};

/// How long the first value is fresh; later ones are for an hour.
const MOMENT: Duration = Duration::from_millis(20);

fn first_for_a_moment(count: usize) -> Duration {
    if count == 1 { MOMENT } else { Duration::from_hours(1) }
}

/// Nodes whose memory lives by a test's clock.
fn nodes(redis: &Redis) -> Nodes {
    Nodes::over(redis_tier(redis.url()).expect("the URL is valid"), &ManualClock::new())
}

/// A node that lives by the system's clock.
fn node(redis: &Redis, faults: &Faults, configure: impl FnOnce(Builder) -> Builder) -> Cachet {
    let tier = FaultyTier::over(redis_tier(redis.url()).expect("the URL is valid"), faults);
    let builder = Cachet::builder().namespace("policies").deadline(Duration::from_secs(5)).shared_tier(tier);
    configure(builder).build().expect("the configuration is valid")
}

static LOADS: LoadCounter = LoadCounter::new();
static HELD: Gate = Gate::closed();

#[cached(ttl = "1h", ttl_of = |count| first_for_a_moment(*count), stale = "10m", tier = "memory,redis", memory_ttl = "1h")]
async fn report() -> usize {
    let _load = LOADS.load();
    if LOADS.count() == 2 {
        HELD.pass().await;
    }
    LOADS.count()
}

#[tokio::test]
async fn both_nodes_serve_the_stale_value_while_one_of_them_refreshes_it() {
    let (redis, faults) = (Redis::start(), Faults::new());
    let [one, other] = [(); 2].map(|()| node(&redis, &faults, |builder| builder));
    for node in [&one, &other] {
        assert_eq!(node.scope(report()).await, 1);
    }
    eventually("one of them refreshes it", async || {
        assert_eq!((one.scope(report()).await, other.scope(report()).await), (1, 1));
        HELD.arrivals() == 1
    })
    .await;
    for _ in 0..500 {
        for node in [&one, &other] {
            assert_eq!(node.scope(report()).await, 1, "served while the refresh is held");
            tokio::task::yield_now().await;
        }
    }
    assert_eq!((LOADS.count(), LOADS.running()), (2, 1), "one refresh for both");
    HELD.open();
    for node in [&one, &other] {
        eventually("it has the new value", async || node.scope(report()).await == 2).await;
    }
    assert_eq!((LOADS.count(), LOADS.peak()), (2, 1));
}

static TAKEN_OVER: LoadCounter = LoadCounter::new();
static DYING: Gate = Gate::closed();

#[cached(ttl = "1h", ttl_of = |count| first_for_a_moment(*count), stale = "10m", tier = "memory,redis", memory_ttl = "1h")]
async fn left_behind() -> usize {
    let _load = TAKEN_OVER.load();
    if TAKEN_OVER.count() == 2 {
        DYING.pass().await;
    }
    TAKEN_OVER.count()
}

#[tokio::test]
async fn after_the_lease_of_a_refresher_that_died_another_node_refreshes() {
    const LEASE: Duration = Duration::from_millis(300);
    let redis = Redis::start();
    let faults = [Faults::new(), Faults::new()];
    let [one, other] = [0, 1].map(|index: usize| node(&redis, &faults[index], |builder| builder.lease(LEASE)));
    for node in [&one, &other] {
        assert_eq!(node.scope(left_behind()).await, 1);
    }
    let (begun, process) = (Instant::now(), tokio::runtime::Runtime::new().expect("a thread can be started"));
    process.spawn(async move {
        loop {
            one.scope(left_behind()).await;
            tokio::task::yield_now().await;
        }
    });
    DYING.arrived(1).await;
    faults[0].cut_off();
    process.shutdown_background();
    eventually("another node refreshes", async || {
        let served = other.scope(left_behind()).await;
        assert!([1, 3].contains(&served), "stale until then, and never what the dead one loaded: {served}");
        served == 3
    })
    .await;
    assert!(begun.elapsed() >= LEASE, "a lease stands until its end");
    assert_eq!(TAKEN_OVER.count(), 3);
}

static BRIEF: LoadCounter = LoadCounter::new();
static REFRESHING: Gate = Gate::closed();

#[cached(ttl = "1h", ttl_of = |count| first_for_a_moment(*count), stale = "10m", tier = "memory,redis", memory_ttl = "5s")]
async fn brief() -> usize {
    let _load = BRIEF.load();
    if BRIEF.count() == 2 {
        REFRESHING.pass().await;
    }
    BRIEF.count()
}

#[tokio::test]
async fn memory_serves_a_stale_value_no_longer_than_memory_ttl() {
    let redis = Redis::start();
    let nodes = nodes(&redis);
    let [one, other] = nodes.start();
    for node in [&one, &other] {
        assert_eq!(node.scope(brief()).await, 1);
    }
    let loaded = Instant::now();
    eventually("it is stale by Redis' time as well", async || loaded.elapsed() > 2 * MOMENT).await;
    nodes.clock().advance(Duration::from_secs(1));
    assert_eq!(one.scope(brief()).await, 1, "served, and refreshed");
    REFRESHING.arrived(1).await;
    let served = other.scope(brief::fetch()).await;
    assert!(served.is_stale() && served.origin() == Origin::Memory);
    nodes.clock().advance(Duration::from_millis(3_999));
    assert_eq!(other.scope(brief::fetch()).await.origin(), Origin::Memory, "the last moment");
    nodes.clock().advance(Duration::from_millis(1));
    let served = other.scope(brief::fetch()).await;
    assert!(served.is_stale() && served.origin() == Origin::Shared, "Redis still has it");
    one.scope(brief::invalidate()).await;
    nodes.clock().advance(Duration::from_secs(5));
    assert_eq!(other.scope(brief()).await, 3, "nor longer than that after another node invalidated it");
    REFRESHING.open();
    eventually("the refresh is refused", async || BRIEF.running() == 0).await;
    assert_eq!((one.scope(brief()).await, other.scope(brief()).await), (3, 3));
}

static DOWN: AtomicBool = AtomicBool::new(false);

#[cached(ttl = "1h", ttl_of = |_| MOMENT, stale_if_error = "10m", tier = "memory,redis", memory_ttl = "1s")]
async fn rates() -> Result<u8, String> {
    if DOWN.load(Ordering::SeqCst) { Err("down".into()) } else { Ok(7) }
}

#[tokio::test]
async fn what_one_node_invalidated_stands_in_for_a_dead_source_on_no_node() {
    let redis = Redis::start();
    let nodes = nodes(&redis);
    let [one, other] = [(); 2].map(|()| nodes.start_with(|builder| builder.throttle(Duration::ZERO)));
    assert_eq!(one.scope(rates()).await, Ok(7));
    DOWN.store(true, Ordering::SeqCst);
    for node in [&one, &other] {
        eventually("it stands in for the source", async || {
            nodes.clock().advance(Duration::from_secs(1));
            assert_eq!(node.scope(rates()).await, Ok(7));
            node.scope(async { rates::stats().stale }).await > 0
        })
        .await;
    }
    assert!(one.scope(rates::invalidate()).await.is_done());
    nodes.clock().advance(Duration::from_secs(1));
    for node in [&one, &other] {
        assert_eq!(node.scope(rates()).await, Err("down".into()));
    }
}

#[tokio::test]
async fn an_early_refresh_loads_once_beside_redis_too() {
    let redis = Redis::start();
    one_early_refresh_for_both(&nodes(&redis)).await;
}
