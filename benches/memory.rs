//! What an entry takes beyond its key and its value, in bytes that were asked of the allocator.
//!
//! `cargo bench --bench memory` prints the table and writes `target/bench/memory.json`.

use std::{collections::HashMap, sync::Arc, time::Duration};

use allocation_counter::measure;
use cachet_benches::{
    result::{Row, publish},
    subject::precise,
};
use cachet_core::{Cachet, Engine, cached};
use foyer_memory::{CacheBuilder, S3FifoConfig};

const ENTRIES: u64 = 100_000;
const HOUR: Duration = Duration::from_hours(1);

/// A value that is shared: 200 bytes beside the two counts of its `Arc`.
type Shared = Arc<[u8; 200]>;

fn shared() -> Shared {
    Arc::new([7; 200])
}

#[cached(ttl = 3600, capacity = 100_000)]
fn number(id: u64) -> u64 {
    id
}

#[cached(ttl = 3600, capacity = 100_000)]
fn shares(id: u64) -> Shared {
    let _ = id;
    shared()
}

/// Bytes of a key and its value.
const NUMBER: f64 = 16.0;
const SHARED: f64 = 16.0 + 216.0;

/// Fills a cache that has room for [`ENTRIES`] with the keys below this one, and tells how many bytes are in use for how
/// many entries.
type Filled = fn(u64) -> (f64, u64);

/// A cache, how many keys it gets, and what its values take.
const SUBJECTS: [(&str, f64, Filled); 9] = [
    ("bare `HashMap`, `u64` → `u64`", NUMBER, |keys| {
        let mut map = HashMap::new();
        let bytes = in_use(|| map.extend((0..keys).map(|key| (key, key))));
        (bytes, map.len() as u64)
    }),
    ("`quick_cache`, no TTL, `u64` → `u64`", NUMBER, |keys| {
        let mut cache = None;
        let bytes = in_use(|| {
            let cache = cache.insert(quick_cache::sync::Cache::new(100_000));
            (0..keys).for_each(|key| cache.insert(key, key));
        });
        (bytes, cache.map_or(0, |cache| cache.len() as u64))
    }),
    ("`foyer` S3-FIFO, no TTL, `u64` → `u64`", NUMBER, |keys| {
        let mut cache = None;
        let bytes = in_use(|| {
            let config = S3FifoConfig::default();
            let built: foyer_memory::Cache<_, _> = CacheBuilder::new(100_000).with_eviction_config(config).build();
            let cache = cache.insert(built);
            (0..keys).for_each(|key| drop(cache.insert(key, key)));
        });
        (bytes, cache.map_or(0, |cache| cache.usage() as u64))
    }),
    ("`moka` with TTL, `u64` → `u64`", NUMBER, |keys| {
        let mut cache = None;
        let bytes = in_use(|| {
            let builder = moka::sync::Cache::builder().max_capacity(ENTRIES).time_to_live(HOUR);
            let cache = cache.insert(builder.build());
            (0..keys).for_each(|key| cache.insert(key, key));
            cache.run_pending_tasks();
        });
        (bytes, cache.map_or(0, |cache| cache.entry_count()))
    }),
    ("`mini-moka` with TTL, `u64` → `u64`", NUMBER, |keys| {
        let mut cache = None;
        let bytes = in_use(|| {
            let builder = mini_moka::sync::Cache::builder().max_capacity(ENTRIES).time_to_live(HOUR);
            let cache = cache.insert(builder.build());
            (0..keys).for_each(|key| cache.insert(key, key));
        });
        (bytes, cache.map_or(0, |cache| cache.entry_count()))
    }),
    ("cachet on quick_cache, `u64` → `u64`", NUMBER, |keys| numbers(Engine::QuickCache, keys)),
    ("cachet on quick_cache, `u64` → `Arc` of 200 bytes", SHARED, |keys| shared_values(Engine::QuickCache, keys)),
    ("cachet on mini-moka, `u64` → `u64`", NUMBER, |keys| numbers(Engine::MiniMoka, keys)),
    ("cachet on mini-moka, `u64` → `Arc` of 200 bytes", SHARED, |keys| shared_values(Engine::MiniMoka, keys)),
];

fn numbers(engine: Engine, keys: u64) -> (f64, u64) {
    let runtime = Cachet::builder().memory_only().engine(engine).build().expect("it is valid");
    let fill = || {
        for key in 0..keys {
            number(key);
        }
    };
    runtime.scope_blocking(|| (in_use(fill), number::stats().entries))
}

fn shared_values(engine: Engine, keys: u64) -> (f64, u64) {
    let runtime = Cachet::builder().memory_only().engine(engine).build().expect("it is valid");
    let fill = || {
        for key in 0..keys {
            shares(key);
        }
    };
    runtime.scope_blocking(|| (in_use(fill), shares::stats().entries))
}

/// Bytes that the closure allocates and leaves in use. What other threads do is not counted; no subject has any.
fn in_use(fill: impl FnOnce()) -> f64 {
    precise(u64::try_from(measure(fill).bytes_current).expect("filling frees nothing that it did not allocate"))
}

fn main() {
    let mut rows = Vec::new();
    for (case, keys) in [("as many keys as it has room for", ENTRIES), ("three times as many keys", 3 * ENTRIES)] {
        for (subject, key_and_value, filled) in SUBJECTS {
            let (bytes, entries) = filled(keys);
            rows.push(Row::new(case, subject, bytes / precise(entries) - key_and_value, "B an entry"));
        }
    }
    publish("memory", &rows);
}
