//! Caches of `u64` keys beside which cachet is measured, each as its documentation shows it.

use std::{collections::HashMap, hint::black_box, sync::Arc, time::Duration};

use cachet_benches::subject::{Lookups, Subject};
use cachet_core::{Cachet, Engine};
use foyer_memory::{CacheBuilder, S3FifoConfig};

/// 200 bytes, as a cached value often is shared.
pub(crate) type Value = Arc<[u8; 200]>;

pub(crate) fn value() -> Value {
    Arc::new([7; 200])
}

pub(crate) const HOUR: Duration = Duration::from_hours(1);

/// A limit for all: a map that nobody can write to.
pub(crate) const BARE: &str = "bare `HashMap` and `Arc` clone, `u64`";

/// Caches without an attribute. Each has room for twice its entries, so that every lookup is a hit.
pub(crate) const PEERS: [Subject; 7] = [
    Subject {
        name: BARE,
        make: |entries| {
            let map: HashMap<u64, Value, foldhash::fast::RandomState> = filled(entries).collect();
            each(move |key| map.get(&key).cloned())
        },
    },
    Subject {
        name: "`DashMap`, `u64`",
        make: |entries| {
            let map: dashmap::DashMap<u64, Value> = filled(entries).collect();
            each(move |key| map.get(&key).map(|value| Arc::clone(&value)))
        },
    },
    Subject {
        name: "`quick_cache`, no TTL, `u64`",
        make: |entries| {
            let cache = quick_cache::sync::Cache::new(entries * 2);
            filled(entries).for_each(|(key, value)| cache.insert(key, value));
            each(move |key| cache.get(&key))
        },
    },
    Subject {
        name: "`foyer` S3-FIFO, no TTL, `u64`",
        make: |entries| {
            let cache: foyer_memory::Cache<_, _> =
                CacheBuilder::new(entries * 2).with_eviction_config(S3FifoConfig::default()).build();
            filled(entries).for_each(|(key, value)| drop(cache.insert(key, value)));
            each(move |key| cache.get(&key).map(|entry| Value::clone(entry.value())))
        },
    },
    Subject {
        name: "`moka` sync with TTL, `u64`",
        make: |entries| {
            let cache = moka::sync::Cache::builder().max_capacity(entries as u64 * 2).time_to_live(HOUR).build();
            filled(entries).for_each(|(key, value)| cache.insert(key, value));
            cache.run_pending_tasks();
            each(move |key| cache.get(&key))
        },
    },
    Subject {
        name: "`moka` future with TTL, `u64`",
        make: |entries| {
            let cache = moka::future::Cache::builder().max_capacity(entries as u64 * 2).time_to_live(HOUR).build();
            pollster::block_on(async {
                for (key, value) in filled(entries) {
                    cache.insert(key, value).await;
                }
                cache.run_pending_tasks().await;
            });
            Box::new(move |keys| {
                pollster::block_on(async {
                    for key in keys {
                        drop(black_box(cache.get(&black_box(*key)).await));
                    }
                });
            })
        },
    },
    Subject {
        name: "`mini-moka` with TTL, `u64`",
        make: |entries| {
            let cache = mini_moka::sync::Cache::builder().max_capacity(entries as u64 * 2).time_to_live(HOUR).build();
            filled(entries).for_each(|(key, value)| cache.insert(key, value));
            each(move |key| cache.get(&key))
        },
    },
];

/// Every key with a value of its own.
fn filled(entries: usize) -> impl Iterator<Item = (u64, Value)> {
    (0..entries as u64).map(|key| (key, value()))
}

/// The keys below this one.
pub(crate) fn all(entries: usize) -> Vec<u64> {
    (0..entries as u64).collect()
}

/// Calls for each key.
pub(crate) fn each<T>(call: impl Fn(u64) -> T + Sync + 'static) -> Lookups {
    Box::new(move |keys| keys.iter().for_each(|key| drop(black_box(call(black_box(*key))))))
}

/// Calls for each key and waits for the future.
pub(crate) fn awaited<F: Future>(call: impl Fn(u64) -> F + Sync + 'static) -> Lookups {
    Box::new(move |keys| {
        pollster::block_on(async {
            for key in keys {
                drop(black_box(call(black_box(*key)).await));
            }
        });
    })
}

/// Makes this engine that of the whole process, and calls the function with every key.
pub(crate) fn installed(engine: Engine, entries: usize, lookups: Lookups) -> Lookups {
    Cachet::builder()
        .memory_only()
        .engine(engine)
        .build()
        .and_then(Cachet::install)
        .expect("a process measures one subject");
    lookups(&all(entries));
    lookups
}
