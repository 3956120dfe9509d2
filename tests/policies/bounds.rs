//! Work behind calls is bounded: so many refreshes at a time, so many that wait, and the least urgent goes.

use std::{
    sync::{
        Mutex,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use cachet_core::{
    cached,
    testing::{Gate, LoadCounter},
};

use crate::{Runtime, eventually};

static LOADS: LoadCounter = LoadCounter::new();
static ORDER: Mutex<Vec<u64>> = Mutex::new(Vec::new());
static HOLD: Gate = Gate::closed();
static HELD: AtomicBool = AtomicBool::new(false);

#[cached(ttl = 60, stale = "1h")]
async fn ordered(id: u64) -> u64 {
    let _load = LOADS.load();
    if HELD.load(Ordering::SeqCst) {
        ORDER.lock().expect("no test panics with it").push(id);
        HOLD.pass().await;
    }
    id
}

#[tokio::test]
async fn so_many_run_at_a_time_and_the_most_urgent_goes_first() {
    let runtime = Runtime::with(|builder| builder.refreshes(1));
    runtime
        .run(async {
            for id in [3, 2, 1, 0] {
                ordered(id).await;
                runtime.clock.advance(Duration::from_millis(1));
            }
            runtime.seconds_later(61);
            HELD.store(true, Ordering::SeqCst);
            for id in [0, 1, 2, 3] {
                assert_eq!(ordered(id).await, id, "served");
            }
            HOLD.arrived(1).await;
            HOLD.open();
            eventually("all are refreshed", async || LOADS.count() == 8 && LOADS.running() == 0).await;
            assert_eq!(LOADS.peak(), 1, "one at a time");
            let order = ORDER.lock().expect("no test panics with it").clone();
            assert_eq!(order, [0, 3, 2, 1], "the first had room at once; then the one that is of no use first");
        })
        .await;
}

static MANY: LoadCounter = LoadCounter::new();
static WAIT: Gate = Gate::closed();
static FULL: AtomicBool = AtomicBool::new(false);

#[cached(ttl = 60, stale = "1h")]
async fn many(id: u64) -> u64 {
    let _load = MANY.load();
    if FULL.load(Ordering::SeqCst) {
        WAIT.pass().await;
    }
    id
}

#[tokio::test]
async fn beyond_a_thousand_and_twenty_four_that_wait_the_least_urgent_is_dropped() {
    const LAST: u64 = 1_025;
    let runtime = Runtime::with(|builder| builder.refreshes(1));
    runtime
        .run(async {
            for id in 0..=LAST {
                many(id).await;
                runtime.clock.advance(Duration::from_millis(1));
            }
            runtime.seconds_later(61);
            FULL.store(true, Ordering::SeqCst);
            many(0).await;
            WAIT.arrived(1).await;
            // The last one is the freshest, and it is not the last to come.
            many(LAST).await;
            for id in 1..LAST {
                assert_eq!(many::stats().dropped_refreshes, 0, "{id}");
                many(id).await;
            }
            assert_eq!(many::stats().dropped_refreshes, 1);
            WAIT.open();
            let loads = usize::try_from(LAST + 1 + LAST).expect("it is small");
            eventually("all others are refreshed", async || MANY.count() == loads && MANY.running() == 0).await;
            assert!(many::fetch(LAST).await.is_stale(), "it was the least urgent one that went");
            eventually("asked for again, it is refreshed", async || !many::fetch(LAST).await.is_stale()).await;
        })
        .await;
}

static BUSY: LoadCounter = LoadCounter::new();
static TURN: Gate = Gate::closed();

#[cached(ttl = 60, stale = "1h")]
async fn turned(id: u64) -> usize {
    let _load = BUSY.load();
    if id == 1 && BUSY.count() > 2 {
        TURN.pass().await;
    }
    BUSY.count()
}

#[tokio::test]
async fn a_refresh_whose_value_was_loaded_while_it_waited_does_not_load_again() {
    let runtime = Runtime::with(|builder| builder.refreshes(1).drain(Duration::from_secs(20)));
    runtime
        .run(async {
            assert_eq!((turned(1).await, turned(2).await), (1, 2));
            runtime.seconds_later(61);
            assert_eq!(turned(1).await, 1, "its refresh is held");
            TURN.arrived(1).await;
            assert_eq!(turned(2).await, 2, "this one's waits for its turn");
            assert_eq!(turned::refresh(2).await, 4, "and somebody loads it meanwhile");
            assert_eq!(turned::stats().refreshes, 1);
            TURN.open();
            runtime.cachet.shutdown().await;
            assert_eq!((turned::stats().refreshes, BUSY.count()), (2, 4), "its turn came, and it had nothing to do");
            assert_eq!(turned(2).await, 4);
        })
        .await;
}
