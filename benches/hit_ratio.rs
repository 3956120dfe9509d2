//! How many requests hit, beside plain LRU, the field's engines and Belady's optimum. The traces are the same in every
//! run.
//!
//! `cargo bench --bench hit_ratio` prints the table and writes `target/bench/hit_ratio.json`.

use std::num::NonZeroUsize;

use cachet_benches::{
    clairvoyant,
    result::{Row, publish},
    subject::precise,
    trace,
};
use cachet_core::{Cachet, Engine, cached};
use foyer_memory::{CacheBuilder, S3FifoConfig};

/// A tenth of the keys.
const CAPACITY: usize = 1_000;

#[cached(ttl = 3600, capacity = 1_000)]
fn look(key: u64) -> u64 {
    key
}

const OPTIMUM: &str = "Belady's optimum";

/// How many of the requests hit.
type Hits = fn(&[u64]) -> u64;

const SUBJECTS: [(&str, Hits); 6] = [
    ("cachet on quick_cache, the default", |requests| through_cachet(Engine::QuickCache, requests)),
    ("cachet on mini-moka", |requests| through_cachet(Engine::MiniMoka, requests)),
    ("`moka`", |requests| {
        let cache = moka::sync::Cache::new(CAPACITY as u64);
        count(requests, |key| {
            let hit = cache.get(&key).is_some();
            if !hit {
                cache.insert(key, key);
            }
            hit
        })
    }),
    ("`foyer` S3-FIFO", |requests| {
        let cache: foyer_memory::Cache<_, _> =
            CacheBuilder::new(CAPACITY).with_eviction_config(S3FifoConfig::default()).build();
        count(requests, |key| {
            let hit = cache.get(&key).is_some();
            if !hit {
                cache.insert(key, key);
            }
            hit
        })
    }),
    ("LRU", |requests| {
        let mut cache = lru::LruCache::new(NonZeroUsize::new(CAPACITY).expect("it is not zero"));
        count(requests, |key| {
            let hit = cache.get(&key).is_some();
            if !hit {
                cache.put(key, key);
            }
            hit
        })
    }),
    (OPTIMUM, |requests| clairvoyant::hits(requests, CAPACITY) as u64),
];

fn through_cachet(engine: Engine, requests: &[u64]) -> u64 {
    let runtime = Cachet::builder().memory_only().engine(engine).build().expect("it is valid");
    runtime.scope_blocking(|| {
        for &key in requests {
            look(key);
        }
        look::stats().memory_hits
    })
}

fn count(requests: &[u64], mut hit: impl FnMut(u64) -> bool) -> u64 {
    requests.iter().filter(|&&key| hit(key)).count() as u64
}

const REQUESTS: usize = 1_000_000;

fn main() {
    let traces = [
        ("Zipf(0.9)", trace::zipf(REQUESTS, 0.9, 1)),
        ("scan", trace::scan(REQUESTS, 0.9, 1)),
        ("loop", trace::around(REQUESTS)),
        ("drift", trace::drift(REQUESTS, 0.9, 1)),
    ];
    let mut rows = Vec::new();
    for (case, requests) in &traces {
        let share = |hits| precise(hits) * 100.0 / precise(requests.len() as u64);
        let shares = SUBJECTS.map(|(_, hits)| share(hits(requests)));
        let [.., optimum] = shares;
        rows.extend(
            SUBJECTS
                .iter()
                .zip(shares)
                .map(|(&(subject, _), share)| Row::new(case, subject, share, "% hits").against(OPTIMUM, optimum)),
        );
    }
    publish("hit_ratio", &rows);
}
