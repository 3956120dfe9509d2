//! `timeout`: how long a load keeps its callers waiting while there is a stale value. Time is tokio's, and paused.

use std::time::Duration;

use cachet_core::{
    cached,
    testing::{Gate, LoadCounter, Nodes, Operation},
};
use tokio::time::{Instant, sleep};

use crate::{Runtime, eventually};

static LOADS: LoadCounter = LoadCounter::new();
static SLOW: Gate = Gate::closed();

#[cached(ttl = 60, stale_if_error = 600, timeout = "500ms")]
async fn slow(name: Option<&str>) -> usize {
    let _load = LOADS.load();
    let _ = name;
    if LOADS.count() == 2 {
        SLOW.pass().await;
    }
    LOADS.count()
}

#[tokio::test(start_paused = true)]
async fn a_load_that_overruns_is_answered_with_the_stale_value_and_kept_when_it_ends() {
    let runtime = Runtime::with(|builder| builder.throttle(Duration::from_secs(10)));
    runtime
        .run(async {
            assert_eq!(slow(Some("a")).await, 1);
            runtime.seconds_later(61);
            let began = Instant::now();
            let (one, other) = tokio::join!(slow(Some("a")), slow(Some("a")));
            assert_eq!((one, other), (1, 1), "leader and follower");
            let waited = began.elapsed();
            assert!(waited >= Duration::from_millis(500) && waited < Duration::from_millis(600), "{waited:?}");
            assert_eq!((slow::stats().overruns, slow::stats().stale), (2, 2));
            for _ in 0..10 {
                assert_eq!(slow(Some("a")).await, 1);
            }
            assert_eq!((LOADS.count(), LOADS.running()), (2, 1), "the load goes on, and nobody loads beside it");
            SLOW.open();
            eventually("its value is kept", async || slow(Some("a")).await == 2).await;
            assert_eq!(LOADS.count(), 2);
        })
        .await;
}

#[cached(ttl = 60, stale_if_error = 600, timeout = "500ms")]
async fn first() -> u8 {
    sleep(Duration::from_secs(3)).await;
    1
}

#[tokio::test(start_paused = true)]
async fn without_a_stale_value_a_call_waits_on() {
    let runtime = Runtime::new();
    runtime
        .run(async {
            let began = Instant::now();
            assert_eq!(first().await, 1);
            assert!(began.elapsed() >= Duration::from_secs(3));
            assert_eq!((first::stats().overruns, first::stats().stale, first::stats().loads), (1, 0, 1));
        })
        .await;
}

static QUICK: LoadCounter = LoadCounter::new();

#[cached(ttl = 60, stale_if_error = 600, timeout = "500ms")]
async fn quick() -> Result<usize, String> {
    let _load = QUICK.load();
    sleep(Duration::from_millis(499)).await;
    if QUICK.count() < 3 { Ok(QUICK.count()) } else { Err("down".into()) }
}

#[tokio::test(start_paused = true)]
async fn a_load_within_its_deadline_is_waited_for() {
    let runtime = Runtime::new();
    runtime
        .run(async {
            assert_eq!(quick().await, Ok(1));
            runtime.seconds_later(61);
            assert_eq!(quick().await, Ok(2));
            runtime.seconds_later(61);
            assert_eq!(quick().await, Ok(2), "its error is answered with the stale value");
            runtime.seconds_later(600);
            assert_eq!(quick().await, Err("down".into()));
            assert_eq!(quick::stats().overruns, 0);
        })
        .await;
}

static DROPPED: LoadCounter = LoadCounter::new();

#[cached(ttl = 60, stale_if_error = 600, timeout = "500ms")]
async fn invalidated() -> usize {
    let _load = DROPPED.load();
    if DROPPED.count() == 2 {
        sleep(Duration::from_secs(2)).await;
    }
    DROPPED.count()
}

#[tokio::test(start_paused = true)]
async fn what_is_invalidated_is_not_served_at_the_deadline_and_the_late_result_is_not_kept() {
    let runtime = Runtime::new();
    runtime
        .run(async {
            assert_eq!(invalidated().await, 1);
            runtime.seconds_later(61);
            let invalidate = async {
                sleep(Duration::from_millis(100)).await;
                invalidated::invalidate().await;
            };
            let (waited_on, ()) = tokio::join!(invalidated(), invalidate);
            assert_eq!(waited_on, 2, "its own load's value");
            assert_eq!(invalidated().await, 3, "which is not kept");
        })
        .await;
}

static TAKEN: LoadCounter = LoadCounter::new();
static HELD: Gate = Gate::closed();

#[cached(ttl = 60, stale_if_error = 600, timeout = "500ms", tier = "memory,redis", memory_ttl = 60)]
async fn taken_back(name: &str) -> usize {
    let _load = TAKEN.load();
    if name == "held" && TAKEN.count() == 2 {
        HELD.pass().await;
    }
    TAKEN.count()
}

#[tokio::test]
async fn what_another_node_invalidated_during_the_load_is_not_served_at_the_deadline() {
    let nodes = Nodes::new();
    let [one, other] = nodes.start();
    assert_eq!(one.scope(taken_back("held")).await, 1);
    nodes.clock().advance(Duration::from_secs(61));
    let elsewhere = async {
        HELD.arrived(1).await;
        assert!(other.scope(taken_back::invalidate("held")).await.is_done());
        // Of the first call, of this load, and two at the deadline.
        one.faults().answered(Operation::Read, 4).await;
        HELD.open();
    };
    let (leader, follower, ()) = tokio::join!(one.scope(taken_back("held")), one.scope(taken_back("held")), elsewhere);
    assert_eq!(leader, 2, "its own load's value");
    assert!(follower >= 2, "nor is its follower served");
    assert_eq!(one.scope(async { taken_back::stats() }).await.stale, 0);
}

static LATE: LoadCounter = LoadCounter::new();
static SLOW_SHARED: Gate = Gate::closed();

#[cached(ttl = 60, stale_if_error = 600, timeout = "500ms", tier = "memory,redis")]
async fn late() -> usize {
    let _load = LATE.load();
    if LATE.count() == 2 {
        SLOW_SHARED.pass().await;
    }
    LATE.count()
}

#[tokio::test(start_paused = true)]
async fn beside_a_shared_tier_the_deadline_costs_one_look_at_it() {
    let nodes = Nodes::new();
    let [one, other] = nodes.start();
    assert_eq!(one.scope(late()).await, 1);
    nodes.clock().advance(Duration::from_secs(61));
    let before = one.faults().calls(Operation::Read);
    assert_eq!(one.scope(late()).await, 1, "stale, and nobody invalidated it");
    assert_eq!(one.faults().calls(Operation::Read) - before, 2, "before the load and at the deadline");
    assert_eq!(other.scope(late()).await, 1, "another node's load has the same deadline");
    SLOW_SHARED.open();
    eventually("the late result is kept", async || one.scope(late()).await == 2).await;
}
