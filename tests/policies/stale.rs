//! `stale`: a value past its lifetime is served at once, and one refresh runs behind it.

use std::{
    sync::atomic::{AtomicU64, Ordering},
    time::Duration,
};

use cachet_core::{Cachet, cached, testing::ManualClock};

static LOADS: AtomicU64 = AtomicU64::new(0);

#[cached(ttl = 60, stale = 30)]
async fn numbered(name: &str) -> u64 {
    let _ = name;
    LOADS.fetch_add(1, Ordering::SeqCst) + 1
}

#[tokio::test]
async fn a_stale_value_is_served_and_refreshed_behind() {
    let clock = ManualClock::new();
    let runtime = Cachet::builder().memory_only().clock(&clock).build().expect("it can be built");
    runtime
        .scope(async {
            assert_eq!(numbered("a").await, 1);
            clock.advance(Duration::from_secs(61));
            assert_eq!(numbered("a").await, 1, "the stale value at once");
            runtime.shutdown().await;
            assert_eq!(numbered("a").await, 2, "its refresh is over");
            assert_eq!(numbered::stats().stale, 1);
            assert_eq!(numbered::stats().refreshes, 1);
        })
        .await;
}
