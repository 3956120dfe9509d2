//! Staleness beside a shared tier: what one node invalidates, no node serves as stale.

use std::{sync::Arc, thread, time::Duration};

use cachet_core::{
    cached, invalidate_tag,
    testing::{Gate, LoadCounter, Nodes, Operation},
};

use crate::{eventually, support::DEADLINE};

static LOADS: LoadCounter = LoadCounter::new();

#[cached(ttl = 60, stale_if_error = 600, stale = 600, tier = "memory,redis", memory_ttl = 60)]
async fn shared(fails: &str) -> Result<usize, String> {
    let _load = LOADS.load();
    if fails == "always" && LOADS.count() > 1 {
        return Err("the source is down".into());
    }
    Ok(LOADS.count())
}

#[tokio::test]
async fn what_another_node_invalidated_is_stale_no_longer_than_it_takes_to_learn_of_it() {
    let nodes = Nodes::new();
    let [one] = nodes.start();
    let other = nodes.start_with(|builder| builder.throttle(Duration::ZERO));
    assert_eq!(one.scope(shared("always")).await, Ok(1));
    nodes.clock().advance(Duration::from_secs(90));
    assert_eq!(other.scope(shared("always")).await, Ok(1), "served stale, from the shared tier");
    one.scope(shared::invalidate("always")).await;
    // The other node's memory knows nothing of it, until its refresh asks the shared tier; that the load fails then is no
    // reason to go back to what was invalidated.
    eventually("what was invalidated is not served", async || other.scope(shared("always")).await.is_err()).await;
}

#[cached(ttl = 60, early = 100.0, tier = "memory,redis", memory_ttl = 60, skip(loads))]
async fn early(loads: Arc<LoadCounter>) -> usize {
    let _load = loads.load();
    thread::sleep(Duration::from_millis(20)); // what its load time is measured as
    loads.count()
}

#[tokio::test]
async fn an_early_refresh_loads_once_and_the_other_node_takes_its_value() {
    one_early_refresh_for_both(&Nodes::new()).await;
}

/// Both nodes have the value, and one of them refreshes it before its end.
pub(crate) async fn one_early_refresh_for_both(nodes: &Nodes) {
    let loads = Arc::new(LoadCounter::new());
    let [one, other] = nodes.start();
    for node in [&one, &other] {
        // What was read before the first news could have come is read once more.
        assert!(node.cachet().is_ready(DEADLINE).await);
        assert_eq!(node.scope(early(Arc::clone(&loads))).await, 1);
    }
    nodes.clock().advance(Duration::from_millis(59_900));
    eventually("it is refreshed before its end", async || one.scope(early(Arc::clone(&loads))).await == 2).await;
    eventually("the other node learns of it", async || other.scope(early(Arc::clone(&loads))).await == 2).await;
    assert_eq!(loads.count(), 2, "which takes what the first one loaded");
    for node in [&one, &other] {
        let stats = node.scope(async { early::stats() }).await;
        assert_eq!((stats.stale, stats.misses, stats.refreshes), (0, 1, 1));
    }
}

static ALONE: LoadCounter = LoadCounter::new();
static HELD: Gate = Gate::closed();

#[cached(ttl = 60, early = 100.0, tier = "memory,redis", memory_ttl = 60)]
async fn held() -> usize {
    let _load = ALONE.load();
    thread::sleep(Duration::from_millis(20)); // what its load time is measured as
    if ALONE.count() == 2 {
        HELD.pass().await;
    }
    ALONE.count()
}

#[tokio::test(start_paused = true)]
async fn a_node_leaves_a_fresh_value_alone_while_another_one_refreshes_it() {
    let nodes = Nodes::new();
    let [one, other] = nodes.start();
    for node in [&one, &other] {
        assert_eq!(node.scope(held()).await, 1);
    }
    nodes.clock().advance(Duration::from_millis(59_900));
    eventually("it is refreshed before its end", async || {
        assert_eq!(one.scope(held()).await, 1);
        HELD.arrivals() == 1
    })
    .await;
    let refreshes = || other.faults().calls(Operation::Refresh);
    eventually("the other node asks for it", async || {
        assert_eq!(other.scope(held()).await, 1);
        refreshes() == 1
    })
    .await;
    for _ in 0..1_000 {
        assert_eq!(other.scope(held()).await, 1);
        tokio::task::yield_now().await;
    }
    assert_eq!((refreshes(), ALONE.count()), (1, 2), "once for a while, and not at each call");
    HELD.open();
    eventually("its value is kept", async || one.scope(held()).await == 2).await;
}

static PAST: LoadCounter = LoadCounter::new();
static AT_LOAD: Gate = Gate::closed();

#[cached(ttl = 60, stale_if_error = 600, tier = "memory,redis")]
async fn past(name: &str) -> Result<usize, String> {
    let _load = PAST.load();
    if PAST.count() == 1 {
        return Ok(1);
    }
    AT_LOAD.pass().await;
    Err(name.to_owned())
}

/// The shared tier keeps a stale value a lease longer than it is of use, for a load that begins at the last moment.
#[tokio::test]
async fn a_value_that_the_shared_tier_still_has_is_not_served_past_its_window() {
    let nodes = Nodes::new();
    let node = nodes.start_with(|builder| builder.lease(Duration::from_secs(5)).throttle(Duration::ZERO));
    assert_eq!(node.scope(past("down")).await, Ok(1));
    let ends = |arrivals: usize, after: u64| {
        let clock = nodes.clock();
        async move {
            AT_LOAD.arrived(arrivals).await;
            clock.advance(Duration::from_millis(after));
            AT_LOAD.admit(1);
        }
    };
    nodes.clock().advance(Duration::from_secs(658));
    let (served, ()) = tokio::join!(node.scope(past("down")), ends(1, 1_900));
    assert_eq!(served, Ok(1), "the last moments of the window");
    let (failed, ()) = tokio::join!(node.scope(past("down")), ends(2, 200));
    assert_eq!(failed, Err("down".into()), "it ended during the load");
    let reads = node.faults().calls(Operation::Refresh);
    let (failed, ()) = tokio::join!(node.scope(past("down")), ends(3, 0));
    assert_eq!(failed, Err("down".into()), "it ended before the load");
    assert_eq!(node.faults().calls(Operation::Refresh) - reads, 1, "the tier still had the value");
}

static ROWS: LoadCounter = LoadCounter::new();
static AT_ROWS: Gate = Gate::closed();

#[cached(ttl = 60, stale_if_error = 600, tier = "redis", tags = ["rows"])]
async fn rows() -> Result<usize, String> {
    let _load = ROWS.load();
    if ROWS.count() == 1 {
        return Ok(1);
    }
    AT_ROWS.pass().await;
    Err("the source is down".into())
}

/// Who: a load that fails, and another node that invalidates a tag of the stale value. When: during the load. What stops
/// the stale value: the tags' versions are looked at once more, when the lease is given back.
#[tokio::test]
async fn what_another_node_invalidated_by_tag_during_a_load_is_not_served_as_stale() {
    let nodes = Nodes::new();
    let [one, other] = nodes.start();
    assert_eq!(one.scope(rows()).await, Ok(1));
    nodes.clock().advance(Duration::from_secs(90));
    let invalidating = async {
        AT_ROWS.arrived(1).await;
        assert!(other.scope(invalidate_tag("rows")).await.is_done());
        AT_ROWS.open();
    };
    let (served, ()) = tokio::join!(one.scope(rows()), invalidating);
    assert_eq!(served, Err("the source is down".into()));
}
