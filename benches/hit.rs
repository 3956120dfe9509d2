//! What a memory hit costs beside the field's libraries: nanoseconds on one thread and on two, and instructions by
//! callgrind where it is installed.
//!
//! `cargo bench --bench hit` prints the table and writes `target/bench/hit.json`.

mod subjects;

use std::hint::black_box;

use cachet_benches::{
    result::{Row, publish},
    subject::{Case, Lookups, Subject, instructions, serve, times},
    trace,
};
use cachet_core::Engine;

use crate::subjects::{BARE, PEERS, Value, all, awaited, each, installed, value};

#[allow(clippy::unused_async, reason = "what is measured is the call")]
mod cachet {
    use super::{Value, value};

    #[cachet_core::cached(ttl = 3600, capacity = 20_000)]
    pub(super) async fn by_id(id: u64) -> Value {
        let _ = id;
        value()
    }

    #[cachet_core::cached(ttl = 3600, capacity = 20_000)]
    pub(super) async fn by_id_and_name(id: u64, name: &str) -> Value {
        let _ = (id, name);
        value()
    }

    #[cachet_core::cached(ttl = 3600, capacity = 20_000)]
    pub(super) fn blocking(id: u64) -> Value {
        let _ = id;
        value()
    }
}

#[allow(clippy::unused_async, reason = "what is measured is the call")]
mod peer {
    use super::{Value, value};

    #[cached::macros::cached(ttl_secs = 3600)]
    pub(super) async fn cached_async(id: u64, name: String) -> Value {
        let _ = (id, name);
        value()
    }

    #[cached::macros::concurrent_cached(ttl_secs = 3600)]
    pub(super) async fn concurrent_cached_async(id: u64, name: String) -> Value {
        let _ = (id, name);
        value()
    }
}

const NAME: &str = "sixteen-letters!";

/// The annotated functions.
const ANNOTATED: [Subject; 7] = [
    Subject {
        name: "`cached` 4.1 `#[cached]` async, `(u64, &str)`",
        make: |entries| called(entries, awaited(|key| peer::cached_async(key, black_box(NAME).to_owned()))),
    },
    Subject {
        name: "`cached` 4.1 `#[concurrent_cached]` async, `(u64, &str)`",
        make: |entries| called(entries, awaited(|key| peer::concurrent_cached_async(key, black_box(NAME).to_owned()))),
    },
    Subject {
        name: "cachet async, `u64`",
        make: |entries| installed(Engine::QuickCache, entries, awaited(cachet::by_id)),
    },
    Subject {
        name: "cachet async, `(u64, &str)`",
        make: |entries| {
            installed(Engine::QuickCache, entries, awaited(|key| cachet::by_id_and_name(key, black_box(NAME))))
        },
    },
    Subject {
        name: "cachet plain `fn`, `u64`",
        make: |entries| installed(Engine::QuickCache, entries, each(cachet::blocking)),
    },
    Subject {
        name: "cachet async on mini-moka, `u64`",
        make: |entries| installed(Engine::MiniMoka, entries, awaited(cachet::by_id)),
    },
    Subject {
        name: "cachet async on mini-moka, `(u64, &str)`",
        make: |entries| {
            installed(Engine::MiniMoka, entries, awaited(|key| cachet::by_id_and_name(key, black_box(NAME))))
        },
    },
];

/// Fills the function's cache.
fn called(entries: usize, lookups: Lookups) -> Lookups {
    lookups(&all(entries));
    lookups
}

const ENTRIES: usize = 10_000;
const LOOKUPS: usize = 50_000;
const ROUNDS: usize = 80;

/// Which key a lookup asks for.
type Keys = fn(usize, u64) -> Vec<u64>;

const PATTERNS: [(&str, Keys); 2] =
    [("one hot key", |_, _| vec![1; LOOKUPS]), ("Zipf(1.0)", |_, thread| trace::zipf(LOOKUPS, 1.0, thread))];

fn main() {
    let subjects: Vec<Subject> = PEERS.into_iter().chain(ANNOTATED).collect();
    if serve(&subjects) {
        return;
    }
    let cases = PATTERNS.map(|(_, keys)| [1, 2].map(|threads| Case { entries: ENTRIES, keys, threads }));
    let times = times(&subjects, cases.as_flattened(), ROUNDS);
    let mut rows = Vec::new();
    for ((pattern, _), times) in PATTERNS.iter().zip(times.chunks(2)) {
        let two_threads = format!("{pattern}, two threads");
        for (at, subject) in subjects.iter().enumerate() {
            let (one, two) = (times[0][at], times[1][at]);
            rows.push(Row::new(pattern, subject.name, one, "ns").against(BARE, times[0][0]));
            rows.push(Row::new(&two_threads, subject.name, two, "ns").against("one thread", one));
        }
    }
    // A machine that is too busy to run two threads at once has no times of two.
    rows.retain(|row| row.value.is_finite());
    let counts: Vec<_> = subjects.iter().map_while(|subject| instructions(subject, ENTRIES)).collect();
    for (subject, &count) in subjects.iter().zip(&counts) {
        rows.push(Row::new("one hot key", subject.name, count, "Ir").against(BARE, counts[0]));
    }
    publish("hit", &rows);
}
