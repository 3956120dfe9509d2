//! `Refresh`: a load that is told what it replaces, and may answer that it is as it was.

use std::{
    sync::atomic::{AtomicU64, Ordering},
    time::Duration,
};

use cachet_core::{Cachet, Origin, Refresh, cached, testing::ManualClock};

/// A source that answers conditional requests, as an HTTP server does.
static SOURCE: AtomicU64 = AtomicU64::new(1);
static TRANSFERS: AtomicU64 = AtomicU64::new(0);

fn source() -> u64 {
    TRANSFERS.fetch_add(1, Ordering::SeqCst);
    SOURCE.load(Ordering::SeqCst)
}

#[cached(ttl = 60, stale_if_error = 60)]
async fn document(id: u64, refresh: Refresh<u64>) -> Result<u64, String> {
    match refresh.value() {
        Some(known) if *known == SOURCE.load(Ordering::SeqCst) => {
            assert!(refresh.validator().is_some() && refresh.modified().is_some());
            Ok(refresh.not_modified().expect("there is a value"))
        }
        _ => Ok(source() + id),
    }
}

#[tokio::test]
async fn a_source_that_says_not_modified_is_not_read() {
    let clock = ManualClock::new();
    let runtime = Cachet::builder().memory_only().clock(&clock).build().expect("it can be built");
    runtime
        .scope(async {
            let first = document::fetch(0).await.expect("the first load has nothing to replace");
            clock.advance(Duration::from_secs(61));
            let second = document::fetch(0).await.expect("it is as it was");
            assert_eq!((*second, second.origin(), TRANSFERS.load(Ordering::SeqCst)), (1, Origin::Loaded, 1));
            assert_eq!(second.modified(), first.modified(), "it did not change");
            assert!(!second.is_stale() && second.age().is_zero(), "its lifetime begins anew");
            SOURCE.store(2, Ordering::SeqCst);
            clock.advance(Duration::from_secs(61));
            let third = document::fetch(0).await.expect("it changed");
            assert_eq!((*third, TRANSFERS.load(Ordering::SeqCst)), (2, 2));
            document::invalidate(0).await;
            assert_eq!((document(0).await, TRANSFERS.load(Ordering::SeqCst)), (Ok(2), 3), "nothing to replace");
        })
        .await;
}

struct Shop;

impl Shop {
    #[cached(ttl = 60, stale = 60, skip(self))]
    pub fn optional(&self, replaced: Refresh<u64>) -> Option<u64> {
        Some(replaced.value().map_or(1, |value| value + 1))
    }
}

impl Clone for Shop {
    fn clone(&self) -> Self {
        Self
    }
}

#[test]
fn a_plain_method_is_told_what_is_inside_its_option() {
    let clock = ManualClock::new();
    let runtime = Cachet::builder().memory_only().clock(&clock).build().expect("it can be built");
    runtime.scope_blocking(|| {
        assert_eq!(Shop.optional(), Some(1));
        clock.advance(Duration::from_secs(61));
        assert_eq!(Shop.optional(), Some(1), "stale, and refreshed on another thread");
        pollster::block_on(runtime.shutdown());
        assert_eq!(Shop.optional(), Some(2));
    });
}
