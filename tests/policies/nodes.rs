//! Staleness beside a shared tier: what one node invalidates, no node serves as stale.

use std::time::Duration;

use cachet_core::{
    cached,
    testing::{LoadCounter, Nodes},
};

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
    for _ in 0..1_000 {
        if other.scope(shared("always")).await.is_err() {
            return;
        }
        tokio::task::yield_now().await;
    }
    panic!("what was invalidated is still served");
}
