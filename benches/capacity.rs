//! What a memory hit costs as the number of entries grows: each key is equally popular, so that most of them are far
//! from the processor.
//!
//! `cargo bench --bench capacity` prints the table and writes `target/bench/capacity.json`.

mod subjects;

use cachet_benches::{
    result::{Row, publish},
    subject::{Case, Lookups, Subject, serve, times},
    trace,
};
use cachet_core::Engine;

use crate::subjects::{BARE, PEERS, Value, awaited, installed, value};

/// A function for each number of entries, with room for twice as many.
macro_rules! functions {
    ($($name:ident: $case:literal, $entries:literal, $capacity:tt;)*) => {
        #[allow(clippy::unused_async, reason = "what is measured is the call")]
        mod cachet {
            use super::{Value, value};

            $(
                #[cachet_core::cached(ttl = 3600, capacity = $capacity)]
                pub(super) async fn $name(id: u64) -> Value {
                    let _ = id;
                    value()
                }
            )*
        }

        const CASES: &[(&str, usize)] = &[$(($case, $entries)),*];

        /// Calls the function for this number of entries.
        fn by_id(entries: usize) -> Lookups {
            match entries {
                $($entries => awaited(cachet::$name),)*
                _ => unreachable!("no function has {entries} entries"),
            }
        }
    };
}

functions! {
    thousand: "1 000 entries", 1_000, 2_000;
    ten_thousand: "10 000 entries", 10_000, 20_000;
    hundred_thousand: "100 000 entries", 100_000, 200_000;
    million: "1 000 000 entries", 1_000_000, 2_000_000;
}

const CACHET: [Subject; 2] = [
    Subject { name: "cachet async, `u64`", make: |entries| installed(Engine::QuickCache, entries, by_id(entries)) },
    Subject {
        name: "cachet async on mini-moka, `u64`",
        make: |entries| installed(Engine::MiniMoka, entries, by_id(entries)),
    },
];

const ROUNDS: usize = 9;

fn main() {
    let subjects: Vec<Subject> = PEERS.into_iter().chain(CACHET).collect();
    if serve(&subjects) {
        return;
    }
    let mut rows = Vec::new();
    for &(case, entries) in CASES {
        let keys = |entries: usize, thread| trace::uniform(entries.max(100_000), entries as u64, thread);
        let times = times(&subjects, &[Case { entries, keys, threads: 1 }], ROUNDS);
        let [times] = &times[..] else { unreachable!("one case was measured") };
        rows.extend(
            subjects
                .iter()
                .zip(times)
                .map(|(subject, &time)| Row::new(case, subject.name, time, "ns").against(BARE, times[0])),
        );
    }
    publish("capacity", &rows);
}
