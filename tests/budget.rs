//! What a memory hit may cost, counted: allocations here, instructions and nanoseconds in `cargo bench --bench hit`.
#![allow(clippy::unused_async, reason = "a loader of a test need not wait for anything")]

use std::{mem::size_of_val, sync::Arc};

use cachet_core::{Cachet, cached};

#[cached(ttl = 3600)]
async fn shared(id: u64, name: &str) -> Arc<String> {
    Arc::new(format!("{id} {name}"))
}

#[cached(ttl = 3600, key = "{id}:{name}")]
async fn templated(id: u64, name: &str) -> Result<Arc<String>, String> {
    Ok(Arc::new(format!("{id} {name}")))
}

#[cached(ttl = 3600, tags = ["all", "id:{id}"])]
async fn tagged(id: u64) -> Option<Arc<u64>> {
    Some(Arc::new(id))
}

#[cached(ttl = 3600)]
fn blocking(id: u64) -> Arc<u64> {
    Arc::new(id)
}

#[test]
fn a_memory_hit_allocates_nothing() {
    // The installed runtime, which is what services run with.
    Cachet::builder().memory_only().build().and_then(Cachet::install).expect("nothing was called before");
    pollster::block_on(async {
        shared(1, "one").await;
        templated(1, "one").await.expect("it loads");
        tagged(1).await;
    });
    blocking(1);
    let allocations = allocation_counter::measure(|| {
        pollster::block_on(async {
            for _ in 0..1000 {
                shared(1, "one").await;
                templated(1, "one").await.expect("it is a hit");
                tagged(1).await;
            }
        });
        for _ in 0..1000 {
            blocking(1);
        }
    });
    assert_eq!(allocations.count_total, 0, "{allocations:?}");
    assert_eq!((shared::stats().memory_hits, shared::stats().loads), (1000, 1));
    let missed = allocation_counter::measure(|| drop(blocking(2)));
    assert!(missed.count_total > 0, "the counter counts");
}

async fn plain(id: u64, name: &str) -> Arc<String> {
    tokio::task::yield_now().await;
    Arc::new(format!("{id} {name}"))
}

#[test]
fn the_future_of_a_cached_function_stays_small() {
    let (cached, plain) = (size_of_val(&shared(1, "one")), size_of_val(&plain(1, "one")));
    assert!(cached <= plain + 512, "{cached} bytes beside {plain}");
}
