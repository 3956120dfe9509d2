//! What it costs to wait for another caller's load: one cold key under many callers at the same time. And how large a
//! function's future is.
//!
//! `cargo bench --bench flight` prints the table and writes `target/bench/flight.json`.

use std::{
    future::Future,
    hint::black_box,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use cachet_benches::{
    result::{Row, publish},
    subject::precise,
};
use futures_util::future::join_all;
use tokio::{
    runtime::{Builder, Runtime},
    sync::OnceCell,
    task::yield_now,
};

const CALLERS: u64 = 10_000;
const ROUNDS: u64 = 60;

/// Callers that have called, in this round.
static CALLED: AtomicU64 = AtomicU64::new(0);
/// Loads of all rounds.
static LOADS: AtomicU64 = AtomicU64::new(0);

/// Ends when every caller has called.
async fn load(id: u64) -> Arc<u64> {
    LOADS.fetch_add(1, Ordering::Relaxed);
    while CALLED.load(Ordering::Relaxed) < CALLERS {
        yield_now().await;
    }
    Arc::new(id)
}

#[cachet_core::cached(ttl = 3600)]
async fn through_cachet(id: u64) -> Arc<u64> {
    load(id).await
}

#[cached::macros::cached(ttl_secs = 3600, sync_writes = "by_key")]
async fn through_cached(id: u64) -> Arc<u64> {
    load(id).await
}

type Call = Pin<Box<dyn Future<Output = Arc<u64>> + Send>>;

/// Calls of one cold key, whose number is given.
type Calls = fn(u64) -> Box<dyn Fn() -> Call>;

const LIMIT: &str = "tokio's `OnceCell`";
const CACHED: &str = "`cached` 4.1 `#[cached(sync_writes = \"by_key\")]`";
const CACHET: &str = "cachet";

const SUBJECTS: [(&str, Calls); 4] = [
    (LIMIT, |id| {
        let cell = Arc::new(OnceCell::new());
        Box::new(move || {
            let cell = Arc::clone(&cell);
            Box::pin(async move { Arc::clone(cell.get_or_init(|| load(id)).await) })
        })
    }),
    ("`moka` future, `get_with`", |id| {
        let cache = moka::future::Cache::builder().max_capacity(10_000).time_to_live(Duration::from_hours(1)).build();
        Box::new(move || {
            let cache = cache.clone();
            Box::pin(async move { cache.get_with(id, load(id)).await })
        })
    }),
    (CACHED, |id| Box::new(move || Box::pin(through_cached(id)))),
    (CACHET, |id| Box::new(move || Box::pin(through_cachet(id)))),
];

/// Has all callers call, and waits for all of them.
type Run = fn(&Runtime, &dyn Fn() -> Call);

/// Counts the caller when it is about to call.
async fn counted(call: Call) -> Arc<u64> {
    CALLED.fetch_add(1, Ordering::Relaxed);
    call.await
}

/// All callers in one task.
fn joined(runtime: &Runtime, call: &dyn Fn() -> Call) {
    runtime.block_on(async { drop(black_box(join_all((0..CALLERS).map(|_| counted(call()))).await)) });
}

/// A task for each caller.
fn spawned(runtime: &Runtime, call: &dyn Fn() -> Call) {
    runtime.block_on(async {
        let tasks: Vec<_> = (0..CALLERS).map(|_| tokio::spawn(counted(call()))).collect();
        drop(black_box(join_all(tasks).await));
    });
}

/// The least time of a caller of each subject, in µs, and how many loads a round had.
fn times(runtime: &Runtime, run: Run, first_id: u64) -> Vec<(f64, f64)> {
    let mut results = vec![(f64::INFINITY, 0.0); SUBJECTS.len()];
    for round in 0..ROUNDS {
        for ((_, calls), (least, loads)) in SUBJECTS.iter().zip(&mut results) {
            CALLED.store(0, Ordering::Relaxed);
            LOADS.store(0, Ordering::Relaxed);
            let call = calls(first_id + round);
            let begun = Instant::now();
            run(runtime, &*call);
            *least = least.min(begun.elapsed().as_secs_f64() * 1e6 / precise(CALLERS));
            *loads = precise(LOADS.load(Ordering::Relaxed)).max(*loads);
        }
    }
    results
}

/// Bytes of the future of one function, annotated by each.
mod size {
    use super::{Row, yield_now};

    async fn plain(id: u64, name: &str) -> String {
        yield_now().await;
        format!("{id} {name}")
    }

    #[cachet_core::cached(ttl = 3600)]
    async fn through_cachet(id: u64, name: &str) -> String {
        plain(id, name).await
    }

    #[cached::macros::cached(ttl_secs = 3600, sync_writes = "by_key")]
    async fn through_cached(id: u64, name: String) -> String {
        plain(id, &name).await
    }

    pub(super) fn rows() -> Vec<Row> {
        let sizes = [
            ("no cache", size_of_val(&plain(1, ""))),
            (super::CACHED, size_of_val(&through_cached(1, String::new()))),
            (super::CACHET, size_of_val(&through_cachet(1, ""))),
        ];
        let bytes = |size| super::precise(size as u64);
        let [(plain, least), ..] = sizes;
        sizes.map(|(subject, size)| Row::new("future", subject, bytes(size), "B").against(plain, bytes(least))).into()
    }
}

fn main() {
    let one = Builder::new_current_thread().build().expect("a runtime starts");
    let two = Builder::new_multi_thread().worker_threads(2).build().expect("a runtime starts");
    let mut rows = Vec::new();
    let cases: [(_, _, Run); 2] = [("joined in one task", one, joined), ("a task each, two workers", two, spawned)];
    for (first_id, (case, runtime, run)) in (0..).step_by(1_000).zip(cases) {
        let results = times(&runtime, run, first_id);
        for ((subject, _), &(time, loads)) in SUBJECTS.iter().zip(&results) {
            rows.push(Row::new(case, subject, time, "µs a caller").against(LIMIT, results[0].0));
            rows.push(Row::new(case, subject, loads, "loads"));
        }
    }
    rows.extend(size::rows());
    publish("flight", &rows);
}
