//! What callers do with a function's cache beside calling the function.

use std::sync::{Arc, Mutex, PoisonError};

use cachet_core::{Origin, Warming, cached, testing::LoadCounter};

use crate::{alone, runtime};

#[cached(ttl = 60)]
async fn square(n: u64) -> u64 {
    n * n
}

#[tokio::test]
async fn peek_never_loads() {
    alone(async {
        assert!(square::peek(3).await.is_none());
        assert_eq!((square::stats().loads, square::stats().entries), (0, 0));
        square(3).await;
        assert_eq!(square::peek(3).await.map(cachet_core::Cached::into_inner), Some(9));
        assert_eq!(square::stats().loads, 1);
    })
    .await;
}

#[tokio::test]
async fn refresh_loads_though_there_is_a_value_and_stores_what_it_loaded() {
    alone(async {
        square::put(3, 1).await;
        assert_eq!(square(3).await, 1);
        assert_eq!(square::refresh(3).await, 9);
        assert_eq!((square(3).await, square::stats().loads), (9, 1));
    })
    .await;
}

#[tokio::test]
async fn fetch_says_where_the_value_came_from() {
    alone(async {
        assert_eq!(square::fetch(3).await.origin(), Origin::Loaded);
        assert_eq!(square::fetch(3).await.origin(), Origin::Memory);
    })
    .await;
}

#[cached(ttl = 60, handle = cube_cache)]
async fn cube(n: u64) -> u64 {
    n * n * n
}

#[tokio::test]
async fn handle_renames_the_controls() {
    alone(async {
        assert_eq!(cube(2).await, 8);
        assert!(cube_cache::invalidate(2).await.is_done());
        assert!(cube_cache::peek(2).await.is_none());
    })
    .await;
}

#[cached(ttl = 60, name = "named")]
async fn anonymous(n: u64) -> u64 {
    n
}

#[tokio::test]
async fn the_runtime_lists_counters_by_name() {
    let (runtime, _) = runtime();
    runtime.scope(async { assert_eq!(anonymous(1).await, 1) }).await;
    let stats = runtime.stats();
    assert!(stats.iter().any(|(name, stats)| name == "named" && stats.loads == 1), "{stats:?}");
}

#[test]
fn the_controls_of_a_plain_function_wait_for_nothing() {
    #[cached(ttl = 60)]
    fn double(n: u64) -> u64 {
        n * 2
    }

    runtime().0.scope_blocking(|| {
        assert!(double::peek(1).is_none());
        assert_eq!(*double::fetch(1), 2);
        assert!(double::put(1, 3).is_done());
        assert_eq!(double(1), 3);
        assert_eq!(double::refresh(1), 2);
        assert!(double::invalidate(1).is_done());
        assert!(double::peek(1).is_none());
        assert!(double::clear().is_done());
        assert_eq!(double::stats().loads, 2);
    });
}

#[cached(ttl = 60, skip(loads))]
async fn crowded(n: u64, loads: &LoadCounter) -> Result<u64, String> {
    let _load = loads.load();
    for _ in 0..10 {
        tokio::task::yield_now().await;
    }
    if n % 10 == 9 { Err("nine".into()) } else { Ok(n) }
}

#[tokio::test]
async fn warm_runs_sixteen_loads_at_a_time() {
    alone(async {
        let loads = LoadCounter::new();
        let warmed = crowded::warm((0..100).map(|n| (n, &loads))).await;
        assert_eq!(loads.peak(), 16);
        assert_eq!((warmed.loaded, warmed.hits, warmed.failed), (90, 0, 10));
    })
    .await;
}

#[tokio::test]
async fn warm_with_keeps_the_bound_it_is_given() {
    alone(async {
        for bound in [0, 1, 3] {
            crowded::clear().await;
            let loads = LoadCounter::new();
            crowded::warm_with((0..20).map(|n| (n, &loads)), Warming::new().concurrency(bound)).await;
            assert_eq!(loads.peak(), bound.max(1));
        }
    })
    .await;
}

#[tokio::test]
async fn warm_leaves_what_is_there_and_tells_its_progress_after_each_item() {
    alone(async {
        square(1).await;
        let seen = Arc::new(Mutex::new(Vec::new()));
        let progress = {
            let seen = Arc::clone(&seen);
            move |warmed: cachet_core::Warmed| seen.lock().unwrap_or_else(PoisonError::into_inner).push(warmed.done())
        };
        let warmed = square::warm_with(0..5, Warming::new().on_progress(progress)).await;
        assert_eq!((warmed.loaded, warmed.hits, warmed.failed), (4, 1, 0));
        assert_eq!(*seen.lock().unwrap_or_else(PoisonError::into_inner), [1, 2, 3, 4, 5]);
        assert_eq!(square::stats().loads, 5);
        assert!(square::peek(4).await.is_some());
    })
    .await;
}
