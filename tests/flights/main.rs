//! Flights end to end: who loads, who waits, and what happens when the one that loads does not come through.
#![allow(clippy::unused_async, reason = "a loader of a test need not wait for anything")]

mod recursion;

use std::{
    any::Any,
    future::{Future, pending},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use cachet_core::{
    Cachet, cached, invalidate_tag,
    testing::{Gate, LoadCounter, PATIENCE},
};
use tokio::task::JoinHandle;

/// A runtime of the test's own.
fn runtime() -> Cachet {
    Cachet::builder().memory_only().build().expect("it is valid")
}

/// Starts a call on the test's tokio runtime.
fn spawn<F>(runtime: &Cachet, call: F) -> JoinHandle<F::Output>
where
    F: Future<Output: Send> + Send + 'static,
{
    let runtime = runtime.clone();
    tokio::spawn(async move { runtime.scope(call).await })
}

/// Waits until it holds, at most [`PATIENCE`].
async fn until(what: &str, holds: impl Fn() -> bool) {
    let begun = Instant::now();
    while !holds() {
        assert!(begun.elapsed() < PATIENCE, "waited in vain: {what}");
        tokio::task::yield_now().await;
    }
}

/// The future's output, at most [`PATIENCE`] from now.
async fn within<F: Future>(future: F) -> F::Output {
    tokio::time::timeout(PATIENCE, future).await.expect("nobody waits for ever")
}

/// The value of a call that comes through.
async fn value<T>(call: JoinHandle<T>) -> T {
    within(call).await.expect("the call ends with a value")
}

/// What the call panics with.
async fn panic_of<T: std::fmt::Debug>(call: JoinHandle<T>) -> String {
    message(&*within(call).await.expect_err("the call panics").into_panic())
}

fn message(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<String>().cloned();
    text.or_else(|| panic.downcast_ref::<&str>().map(ToString::to_string)).expect("a panic has a message")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ten_thousand_callers_of_a_cold_key_make_one_load() {
    static GATE: Gate = Gate::closed();
    static LOADS: LoadCounter = LoadCounter::new();
    #[cached(ttl = 60)]
    async fn crowded(n: u64) -> u64 {
        let _load = LOADS.load();
        GATE.pass().await;
        n + 1
    }

    let runtime = runtime();
    let callers: Vec<_> = (0..10_000).map(|_| spawn(&runtime, crowded(1))).collect();
    until("all but one follow", || runtime.scope_blocking(crowded::stats).followers == 9_999).await;
    GATE.open();
    for caller in callers {
        assert_eq!(value(caller).await, 2);
    }
    assert_eq!((LOADS.count(), LOADS.peak()), (1, 1));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_follower_takes_over_from_a_cancelled_leader() {
    static GATE: Gate = Gate::closed();
    static LOADS: LoadCounter = LoadCounter::new();
    #[cached(ttl = 60)]
    async fn cancelled(n: u64) -> u64 {
        let _load = LOADS.load();
        GATE.pass().await;
        n + 1
    }

    let runtime = runtime();
    let leader = spawn(&runtime, cancelled(1));
    GATE.arrived(1).await;
    let followers: Vec<_> = (0..20).map(|_| spawn(&runtime, cancelled(1))).collect();
    until("they follow", || runtime.scope_blocking(cancelled::stats).followers == 20).await;
    leader.abort();
    assert!(within(leader).await.expect_err("it is cancelled").is_cancelled());
    GATE.arrived(2).await;
    GATE.open();
    for follower in followers {
        assert_eq!(value(follower).await, 2);
    }
    // A cancelled body is dropped before its flight is given up, so that the two never overlap.
    assert_eq!((LOADS.count(), LOADS.peak()), (2, 1), "one follower loads");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_leader_is_cancelled_but_the_last() {
    static GATE: Gate = Gate::closed();
    #[cached(ttl = 60)]
    async fn cancelled_again(n: u64) -> u64 {
        GATE.pass().await;
        n + 1
    }

    let runtime = runtime();
    let mut callers: Vec<_> = (0..8).map(|_| spawn(&runtime, cancelled_again(1))).collect();
    // Whoever leads is among those that go.
    while callers.len() > 1 {
        let cancelled = callers.pop().expect("there are some");
        cancelled.abort();
        assert!(within(cancelled).await.expect_err("it is cancelled").is_cancelled());
    }
    GATE.open();
    assert_eq!(value(callers.pop().expect("one is left")).await, 2);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_panic_reaches_the_leader_and_followers_load() {
    static GATE: Gate = Gate::closed();
    static LOADS: LoadCounter = LoadCounter::new();
    #[cached(ttl = 60)]
    async fn broken_once(n: u64) -> u64 {
        let _load = LOADS.load();
        let is_first = LOADS.count() == 1;
        GATE.pass().await;
        assert!(!is_first, "the first load breaks");
        n + 1
    }

    let runtime = runtime();
    let leader = spawn(&runtime, broken_once(1));
    GATE.arrived(1).await;
    let followers: Vec<_> = (0..20).map(|_| spawn(&runtime, broken_once(1))).collect();
    until("they follow", || runtime.scope_blocking(broken_once::stats).followers == 20).await;
    GATE.open();
    assert!(panic_of(leader).await.contains("the first load breaks"));
    for follower in followers {
        assert_eq!(value(follower).await, 2);
    }
    assert_eq!((LOADS.count(), LOADS.peak()), (2, 1));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_follower_takes_over_when_the_leaders_tokio_runtime_is_shut_down() {
    static GATE: Gate = Gate::closed();
    static LOADS: LoadCounter = LoadCounter::new();
    #[cached(ttl = 60)]
    async fn shut_down(n: u64) -> u64 {
        let _load = LOADS.load();
        GATE.pass().await;
        n + 1
    }

    let runtime = runtime();
    let other = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().expect("it starts");
    let leader = other.spawn({
        let runtime = runtime.clone();
        async move { runtime.scope(shut_down(1)).await }
    });
    GATE.arrived(1).await;
    let followers: Vec<_> = (0..3).map(|_| spawn(&runtime, shut_down(1))).collect();
    until("they follow", || runtime.scope_blocking(shut_down::stats).followers == 3).await;
    other.shutdown_background();
    assert!(within(leader).await.expect_err("its runtime is gone").is_cancelled());
    GATE.arrived(2).await;
    GATE.open();
    for follower in followers {
        assert_eq!(value(follower).await, 2);
    }
    assert_eq!((LOADS.count(), LOADS.peak()), (2, 1));
}

#[tokio::test(start_paused = true)]
async fn a_load_that_never_ends_ends_with_its_caller() {
    static LOADS: LoadCounter = LoadCounter::new();
    #[cached(ttl = 60)]
    async fn endless_once(n: u64) -> u64 {
        let _load = LOADS.load();
        if LOADS.count() == 1 {
            pending::<()>().await;
        }
        n + 1
    }

    let runtime = runtime();
    let leader = spawn(&runtime, tokio::time::timeout(Duration::from_secs(1), endless_once(1)));
    until("it loads", || LOADS.running() == 1).await;
    let impatient = spawn(&runtime, tokio::time::timeout(Duration::from_millis(500), endless_once(1)));
    let patient = spawn(&runtime, tokio::time::timeout(Duration::from_secs(2), endless_once(1)));
    assert!(value(impatient).await.is_err(), "a follower gives up by itself");
    assert_eq!(LOADS.running(), 1, "which does not end the load");
    assert!(value(leader).await.is_err());
    assert_eq!(value(patient).await, Ok(2), "the next one loads");
    assert_eq!((LOADS.count(), LOADS.peak()), (2, 1));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn followers_that_give_up_disturb_nobody() {
    static GATE: Gate = Gate::closed();
    static LOADS: LoadCounter = LoadCounter::new();
    #[cached(ttl = 60)]
    async fn given_up(n: u64) -> u64 {
        let _load = LOADS.load();
        GATE.pass().await;
        n + 1
    }

    let runtime = runtime();
    let leader = spawn(&runtime, given_up(1));
    GATE.arrived(1).await;
    let mut staying: Vec<_> = (0..100).map(|_| spawn(&runtime, given_up(1))).collect();
    until("they follow", || runtime.scope_blocking(given_up::stats).followers == 100).await;
    for leaving in staying.split_off(50) {
        leaving.abort();
        assert!(within(leaving).await.expect_err("it is cancelled").is_cancelled());
    }
    GATE.open();
    for caller in staying.into_iter().chain([leader]) {
        assert_eq!(value(caller).await, 2);
    }
    assert_eq!(LOADS.count(), 1);
}

#[derive(Clone, Debug, PartialEq)]
struct Sharable(usize);

/// Not `Clone`.
#[derive(Debug)]
struct Unique(usize);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_error_that_can_be_cloned_is_the_followers_too() {
    static GATE: Gate = Gate::closed();
    static LOADS: LoadCounter = LoadCounter::new();
    #[cached(ttl = 60)]
    async fn fails_for_all(n: u64) -> Result<u64, Sharable> {
        let _load = LOADS.load();
        GATE.pass().await;
        if n == 0 { Ok(n) } else { Err(Sharable(LOADS.count())) }
    }

    let runtime = runtime();
    let callers: Vec<_> = (0..20).map(|_| spawn(&runtime, fails_for_all(1))).collect();
    until("all but one follow", || runtime.scope_blocking(fails_for_all::stats).followers == 19).await;
    GATE.open();
    for caller in callers {
        assert_eq!(value(caller).await, Err(Sharable(1)));
    }
    assert_eq!(LOADS.count(), 1);
    assert_eq!(value(spawn(&runtime, fails_for_all(1))).await, Err(Sharable(2)), "an error is not kept");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_error_that_cannot_be_cloned_makes_each_try_in_turn() {
    static GATE: Gate = Gate::closed();
    static LOADS: LoadCounter = LoadCounter::new();
    #[cached(ttl = 60)]
    async fn fails_for_one(n: u64) -> Result<u64, Unique> {
        let _load = LOADS.load();
        GATE.pass().await;
        if n == 0 { Ok(n) } else { Err(Unique(LOADS.count())) }
    }

    let runtime = runtime();
    let callers: Vec<_> = (0..20).map(|_| spawn(&runtime, fails_for_one(1))).collect();
    until("all but one follow", || runtime.scope_blocking(fails_for_one::stats).followers == 19).await;
    GATE.open();
    let mut errors = Vec::new();
    for caller in callers {
        errors.push(value(caller).await.expect_err("each fails").0);
    }
    errors.sort_unstable();
    assert_eq!(errors, (1..=20).collect::<Vec<_>>(), "each has an error of its own");
    assert_eq!((LOADS.count(), LOADS.peak()), (20, 1), "one after the other");
}

/// A row that changes, and a gate for those who read each of its two versions.
struct Row {
    version: AtomicUsize,
    gates: [Gate; 2],
    loads: LoadCounter,
}

#[cached(ttl = 60, skip(row), tags = ["row:{id}"])]
async fn read(id: u64, row: Arc<Row>) -> usize {
    assert_eq!(id, 1);
    let _load = row.loads.load();
    let version = row.version.load(Ordering::SeqCst);
    row.gates[version].pass().await;
    version
}

async fn invalidate_it() {
    assert!(read::invalidate(1).await.is_done());
}

async fn clear_all() {
    assert!(read::clear().await.is_done());
}

async fn outdate_its_tag() {
    assert!(invalidate_tag("row:1").await.is_done());
}

/// One invalidation during a flight. `opened` is the order in which the versions' loads end.
async fn invalidated_in_flight(how: &str, invalidate: impl Future<Output = ()>, opened: [usize; 2]) {
    let row =
        Arc::new(Row { version: AtomicUsize::new(0), gates: [const { Gate::closed() }; 2], loads: LoadCounter::new() });
    let runtime = runtime();
    let before: Vec<_> = (0..5).map(|_| spawn(&runtime, read(1, Arc::clone(&row)))).collect();
    until("they follow", || runtime.scope_blocking(read::stats).followers == 4).await;
    row.gates[0].arrived(1).await;
    row.version.store(1, Ordering::SeqCst);
    within(runtime.scope(invalidate)).await;

    let after: Vec<_> = (0..5).map(|_| spawn(&runtime, read(1, Arc::clone(&row)))).collect();
    until("they follow", || runtime.scope_blocking(read::stats).followers == 8).await;
    row.gates[1].arrived(1).await;
    let mut callers = [before, after];
    for version in opened {
        row.gates[version].open();
        for caller in callers[version].drain(..) {
            assert_eq!(value(caller).await, version, "{how}, {opened:?}");
        }
        if version == 0 {
            let peeked = runtime.scope(read::peek(1)).await.map(cachet_core::Cached::into_inner);
            assert_eq!(peeked, (opened[0] == 1).then_some(1), "the old value is not kept: {how}, {opened:?}");
        }
    }
    assert_eq!(value(spawn(&runtime, read(1, Arc::clone(&row)))).await, 1, "{how}, {opened:?}");
    assert_eq!((row.loads.count(), row.loads.peak()), (2, 2), "{how}, {opened:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_came_before_an_invalidation_gets_the_old_value_and_nobody_else_does() {
    for opened in [[0, 1], [1, 0]] {
        invalidated_in_flight("invalidate", invalidate_it(), opened).await;
        invalidated_in_flight("clear", clear_all(), opened).await;
        invalidated_in_flight("tag", outdate_its_tag(), opened).await;
    }
}
