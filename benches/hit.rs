//! What a memory hit costs: nanoseconds beside the field's libraries, and instructions by callgrind where it is installed.
//!
//! `cargo bench --bench hit` prints the table and writes `target/bench/hit.json`.

use std::{
    collections::HashMap,
    env, fs,
    hint::black_box,
    path::Path,
    process::Command,
    sync::{Arc, LazyLock},
    time::{Duration, Instant},
};

use serde_json::json;

/// 200 bytes, as a cached value often is shared.
type Value = Arc<[u8; 200]>;

fn value() -> Value {
    Arc::new([7; 200])
}

#[allow(clippy::unused_async, reason = "what is measured is the call")]
mod cachet {
    use super::{Value, value};

    #[cachet_core::cached(ttl = 3600)]
    pub(super) async fn by_id(id: u64) -> Value {
        let _ = id;
        value()
    }

    #[cachet_core::cached(ttl = 3600)]
    pub(super) async fn by_id_and_name(id: u64, name: &str) -> Value {
        let _ = (id, name);
        value()
    }

    #[cachet_core::cached(ttl = 3600)]
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
const KEYS: u64 = 10_000;

static HASH_MAP: LazyLock<HashMap<u64, Value, foldhash::fast::RandomState>> =
    LazyLock::new(|| (0..KEYS).map(|id| (id, value())).collect());

static QUICK_CACHE: LazyLock<quick_cache::sync::Cache<u64, Value>> = LazyLock::new(|| {
    let cache = quick_cache::sync::Cache::new(usize::try_from(2 * KEYS).expect("it is small"));
    (0..KEYS).for_each(|id| cache.insert(id, value()));
    cache
});

static MINI_MOKA: LazyLock<mini_moka::sync::Cache<u64, Value>> = LazyLock::new(|| {
    let cache = mini_moka::sync::Cache::builder().max_capacity(2 * KEYS).time_to_live(Duration::from_hours(1)).build();
    (0..KEYS).for_each(|id| cache.insert(id, value()));
    cache
});

/// One thing to measure: `run(n)` makes n hits, each of the key that `key` gives.
struct Subject {
    name: &'static str,
    run: fn(u64, Pattern),
}

const SUBJECTS: [Subject; 8] = [
    Subject {
        name: "bare HashMap + Arc clone, u64",
        run: |n, key| (0..n).for_each(|i| drop(black_box(HASH_MAP.get(&black_box(key(i))).cloned()))),
    },
    Subject {
        name: "quick_cache, no TTL, u64",
        run: |n, key| (0..n).for_each(|i| drop(black_box(QUICK_CACHE.get(&black_box(key(i)))))),
    },
    Subject {
        name: "mini-moka with TTL, u64",
        run: |n, key| (0..n).for_each(|i| drop(black_box(MINI_MOKA.get(&black_box(key(i)))))),
    },
    Subject {
        name: "cached async, (u64, &str)",
        run: |n, key| {
            pollster::block_on(async {
                for i in 0..n {
                    drop(black_box(peer::cached_async(black_box(key(i)), black_box(NAME).to_owned()).await));
                }
            });
        },
    },
    Subject {
        name: "concurrent_cached async, (u64, &str)",
        run: |n, key| {
            pollster::block_on(async {
                for i in 0..n {
                    drop(black_box(peer::concurrent_cached_async(black_box(key(i)), black_box(NAME).to_owned()).await));
                }
            });
        },
    },
    Subject {
        name: "cachet async, u64",
        run: |n, key| {
            pollster::block_on(async {
                for i in 0..n {
                    drop(black_box(cachet::by_id(black_box(key(i))).await));
                }
            });
        },
    },
    Subject {
        name: "cachet async, (u64, &str)",
        run: |n, key| {
            pollster::block_on(async {
                for i in 0..n {
                    drop(black_box(cachet::by_id_and_name(black_box(key(i)), black_box(NAME)).await));
                }
            });
        },
    },
    Subject {
        name: "cachet fn, u64",
        run: |n, key| (0..n).for_each(|i| drop(black_box(cachet::blocking(black_box(key(i)))))),
    },
];

/// Which key the n-th hit asks for.
type Pattern = fn(u64) -> u64;

/// One hot key, and a walk over all of them.
const PATTERNS: [(&str, Pattern); 2] = [("hot", |_| 1), ("spread", |i| i.wrapping_mul(0x9E37_79B9) % KEYS)];

const HITS: u64 = 200_000;
const ROUNDS: usize = 15;

fn main() {
    let arguments: Vec<String> = env::args().collect();
    if let [_, flag, subject, hits] = &arguments[..]
        && flag == "--hits"
    {
        // A run under callgrind: this many hits of one subject.
        let hits = hits.parse().expect("a number of hits");
        let subject = SUBJECTS.iter().find(|known| known.name == subject).expect("a subject's name");
        return (subject.run)(hits, PATTERNS[0].1);
    }
    let mut rows = Vec::new();
    for (pattern, key) in PATTERNS {
        let times = times(key);
        let least = times[0];
        println!("\n{pattern} key, one thread{:>40} {:>8} {:>8}", "ns", "ratio", "Ir");
        for (subject, time) in SUBJECTS.iter().zip(times) {
            let instructions = (pattern == "hot").then(|| instructions(subject.name)).flatten();
            let shown = instructions.map_or_else(|| "-".to_owned(), |count| count.to_string());
            println!("{:<48} {:>10.1} {:>8.2} {shown:>8}", subject.name, time, time / least);
            rows.push(json!({
                "case": format!("memory hit, {pattern} key"), "subject": subject.name, "value": time, "unit": "ns",
                "ratio": time / least, "to": SUBJECTS[0].name,
            }));
            if let Some(count) = instructions {
                rows.push(json!({
                    "case": "memory hit, instructions", "subject": subject.name, "value": count, "unit": "Ir",
                    "ratio": null, "to": null,
                }));
            }
        }
    }
    write(&rows);
}

/// The least time of a hit of each subject, in ns. The subjects take turns, so that a slow moment meets all of them.
fn times(key: Pattern) -> Vec<f64> {
    let mut least = vec![f64::INFINITY; SUBJECTS.len()];
    for subject in &SUBJECTS {
        (subject.run)(KEYS * 2, key);
    }
    for _ in 0..ROUNDS {
        for (subject, least) in SUBJECTS.iter().zip(&mut least) {
            let begun = Instant::now();
            (subject.run)(HITS, key);
            #[allow(clippy::cast_precision_loss, reason = "the count is small")]
            let time = begun.elapsed().as_secs_f64() * 1e9 / HITS as f64;
            *least = least.min(time);
        }
    }
    least
}

/// Instructions of a hit: the difference of two runs, over the difference of their hits. `None` without valgrind.
fn instructions(subject: &str) -> Option<u64> {
    let (few, many) = (10_000, 20_000);
    Some((total_instructions(subject, many)? - total_instructions(subject, few)?) / (many - few))
}

fn total_instructions(subject: &str, hits: u64) -> Option<u64> {
    let output = Command::new("valgrind")
        .args(["--tool=callgrind", "--callgrind-out-file=/dev/null"])
        .arg(env::current_exe().ok()?)
        .args(["--hits", subject, &hits.to_string()])
        .output()
        .ok()?;
    let report = String::from_utf8(output.stderr).ok()?;
    let line = report.lines().find(|line| line.contains("Collected :"))?;
    line.rsplit(' ').next()?.parse().ok()
}

fn write(rows: &[serde_json::Value]) {
    let target = env::var_os("CARGO_TARGET_DIR")
        .map_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("../target"), Into::into);
    let directory = target.join("bench");
    let file = directory.join("hit.json");
    let text = serde_json::to_string_pretty(rows).expect("plain values have a JSON form");
    match fs::create_dir_all(&directory).and_then(|()| fs::write(&file, text)) {
        Ok(()) => println!("\nwritten to {}", file.display()),
        Err(error) => eprintln!("{} cannot be written: {error}", file.display()),
    }
}
