//! Flights end to end: who loads, who waits, and what happens when the one that loads does not come through.
#![allow(clippy::unused_async, reason = "a loader of a test need not wait for anything")]

use std::{
    any::Any,
    collections::HashMap,
    future::{Future, pending},
    panic::{AssertUnwindSafe, catch_unwind},
    pin::Pin,
    sync::{
        Arc, Barrier,
        atomic::{AtomicUsize, Ordering},
        mpsc,
    },
    thread,
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

/// A future that may be awaited by the function that it is of.
type Boxed<T> = Pin<Box<dyn Future<Output = T> + Send>>;

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

#[tokio::test]
async fn a_load_that_calls_itself_panics_and_one_of_another_key_does_not() {
    #[cached(ttl = 60, skip(again))]
    async fn narcissus(n: u64, again: bool) -> u64 {
        if again { boxed(n, true).await } else { n }
    }
    fn boxed(n: u64, again: bool) -> Boxed<u64> {
        Box::pin(narcissus(n, again))
    }
    #[cached(ttl = 60)]
    async fn countdown(n: u64) -> u64 {
        if n == 0 { 0 } else { below(n - 1).await + 1 }
    }
    fn below(n: u64) -> Boxed<u64> {
        Box::pin(countdown(n))
    }

    let runtime = runtime();
    let panic = panic_of(spawn(&runtime, narcissus(1, true))).await;
    assert!(panic.contains("narcissus"), "{panic}");
    assert_eq!(value(spawn(&runtime, narcissus(1, false))).await, 1, "the key is free again");
    assert_eq!(value(spawn(&runtime, countdown(9))).await, 9, "other keys are other loads");
    assert_eq!(runtime.scope_blocking(countdown::stats).loads, 10);
}

#[tokio::test]
async fn two_loads_that_need_each_other_panic() {
    #[cached(ttl = 60)]
    async fn chicken(n: u64) -> u64 {
        laid(n).await
    }
    #[cached(ttl = 60)]
    async fn egg(n: u64) -> u64 {
        hatched(n).await
    }
    fn hatched(n: u64) -> Boxed<u64> {
        Box::pin(chicken(n))
    }
    fn laid(n: u64) -> Boxed<u64> {
        Box::pin(egg(n))
    }

    let runtime = runtime();
    let panic = panic_of(spawn(&runtime, chicken(1))).await;
    assert!(panic.contains("chicken"), "{panic}");
    let panic = panic_of(spawn(&runtime, egg(1))).await;
    assert!(panic.contains("egg"), "{panic}");
}

#[tokio::test]
async fn a_load_that_calls_itself_beside_others_panics() {
    #[cached(ttl = 60)]
    async fn echo(n: u64) -> u64 {
        let (one, other, ()) = tokio::join!(boxed(n + 1), boxed(n), tokio::task::yield_now());
        one + other
    }
    fn boxed(n: u64) -> Boxed<u64> {
        if n == 1 { Box::pin(echo(n)) } else { Box::pin(async move { n }) }
    }

    let panic = panic_of(spawn(&runtime(), echo(1))).await;
    assert!(panic.contains("echo"), "{panic}");
}

#[tokio::test]
async fn a_load_that_calls_itself_through_a_batch_panics() {
    /// One key of a batch asks for another one of the same batch.
    #[cached(ttl = 60, batch = ids)]
    async fn litter(ids: Vec<u64>) -> HashMap<u64, u64> {
        let mut all = HashMap::new();
        for id in ids {
            let known = if id < 10 { boxed(vec![id + 1]).await.len() } else { 0 };
            all.insert(id, known as u64);
        }
        all
    }
    fn boxed(ids: Vec<u64>) -> Boxed<HashMap<u64, u64>> {
        Box::pin(litter(ids))
    }
    /// A single load asks for a batch that asks for it.
    #[cached(ttl = 60)]
    async fn member(id: u64) -> u64 {
        members(vec![id]).await.len() as u64
    }
    fn members(ids: Vec<u64>) -> Boxed<HashMap<u64, u64>> {
        Box::pin(group(ids))
    }
    #[cached(ttl = 60, batch = ids)]
    async fn group(ids: Vec<u64>) -> HashMap<u64, u64> {
        let mut all = HashMap::new();
        for id in ids {
            all.insert(id, single(id).await);
        }
        all
    }
    fn single(id: u64) -> Boxed<u64> {
        Box::pin(member(id))
    }

    let runtime = runtime();
    let panic = panic_of(spawn(&runtime, litter(vec![1, 2]))).await;
    assert!(panic.contains("litter"), "{panic}");
    assert_eq!(value(spawn(&runtime, litter(vec![9]))).await, HashMap::from([(9, 1)]), "other keys are other loads");
    let panic = panic_of(spawn(&runtime, member(1))).await;
    assert!(panic.contains("member"), "{panic}");
    let panic = panic_of(spawn(&runtime, group(vec![1, 2]))).await;
    assert!(panic.contains("group"), "{panic}");
}

#[test]
fn a_plain_function_that_calls_itself_panics() {
    #[cached(ttl = 60)]
    fn plain(n: u64) -> u64 {
        match n {
            0 => 0,
            13 => plain(13),
            _ => plain(n - 1) + 1,
        }
    }

    runtime().scope_blocking(|| {
        let panic = catch_unwind(AssertUnwindSafe(|| plain(13))).expect_err("it panics");
        assert!(message(&*panic).contains("plain"), "{}", message(&*panic));
        assert_eq!(plain(9), 9, "other keys are other loads");
        let again = catch_unwind(AssertUnwindSafe(|| plain(14))).expect_err("its load calls the one that panics");
        assert!(message(&*again).contains("plain"), "{}", message(&*again));
    });
}

/// Whether one of the calls, and only one, panics; the others' values are 1.
async fn one_panics<const N: usize>(calls: [JoinHandle<u64>; N]) -> bool {
    let mut panics = 0;
    for call in calls {
        match within(call).await {
            Ok(value) => assert_eq!(value, 1),
            Err(error) => {
                let text = message(&*error.into_panic());
                assert!(text.contains("by its own load"), "{text}");
                panics += 1;
            }
        }
    }
    panics == 1
}

/// The body's first run, and no other.
fn is_first(loads: &LoadCounter) -> bool {
    loads.count() == 1
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_two_loads_that_come_to_need_each_other_at_once_one_panics_and_the_other_goes_on() {
    static GATES: [Gate; 2] = [const { Gate::closed() }; 2];
    static LOADS: [LoadCounter; 2] = [const { LoadCounter::new() }; 2];
    #[cached(ttl = 60)]
    async fn lock(n: u64) -> u64 {
        let _load = LOADS[0].load();
        if !is_first(&LOADS[0]) {
            return n;
        }
        GATES[0].pass().await;
        other(n).await
    }
    #[cached(ttl = 60)]
    async fn stock(n: u64) -> u64 {
        let _load = LOADS[1].load();
        if !is_first(&LOADS[1]) {
            return n;
        }
        GATES[1].pass().await;
        lock(n).await
    }
    fn other(n: u64) -> Boxed<u64> {
        Box::pin(stock(n))
    }

    let runtime = runtime();
    let calls = [spawn(&runtime, lock(1)), spawn(&runtime, stock(1))];
    for gate in &GATES {
        gate.arrived(1).await;
    }
    GATES.iter().for_each(Gate::open);
    assert!(one_panics(calls).await);
}

#[test]
fn of_two_plain_functions_that_come_to_need_each_other_at_once_one_panics() {
    static BOTH: Barrier = Barrier::new(2);
    static LOADS: [LoadCounter; 2] = [const { LoadCounter::new() }; 2];
    #[cached(ttl = 60)]
    fn left(n: u64) -> u64 {
        let _load = LOADS[0].load();
        if !is_first(&LOADS[0]) {
            return n;
        }
        BOTH.wait();
        right(n)
    }
    #[cached(ttl = 60)]
    fn right(n: u64) -> u64 {
        let _load = LOADS[1].load();
        if !is_first(&LOADS[1]) {
            return n;
        }
        BOTH.wait();
        left(n)
    }

    let (runtime, (sender, ended)) = (runtime(), mpsc::channel());
    for call in [left, right] {
        let (runtime, sender) = (runtime.clone(), sender.clone());
        thread::spawn(move || {
            let outcome = catch_unwind(AssertUnwindSafe(|| runtime.scope_blocking(|| call(1))));
            sender.send(outcome.is_err()).expect("the test waits");
        });
    }
    let mut panicked = [(); 2].map(|()| ended.recv_timeout(PATIENCE).expect("nobody waits for ever"));
    panicked.sort_unstable();
    assert_eq!(panicked, [false, true]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_load_may_wait_for_many_and_is_missed_by_the_one_that_needs_it() {
    static GATES: [Gate; 3] = [const { Gate::closed() }; 3];
    static LOADS: LoadCounter = LoadCounter::new();
    #[cached(ttl = 60)]
    async fn both(n: u64) -> u64 {
        GATES[0].pass().await;
        let (one, other) = tokio::join!(harmless(n), boxed(n));
        one.min(other)
    }
    #[cached(ttl = 60)]
    async fn harmless(n: u64) -> u64 {
        GATES[1].pass().await;
        n
    }
    #[cached(ttl = 60)]
    async fn needy(n: u64) -> u64 {
        let _load = LOADS.load();
        if !is_first(&LOADS) {
            return n;
        }
        GATES[2].pass().await;
        both(n).await
    }
    fn boxed(n: u64) -> Boxed<u64> {
        Box::pin(needy(n))
    }

    let runtime = runtime();
    let calls = [spawn(&runtime, both(1)), spawn(&runtime, harmless(1)), spawn(&runtime, needy(1))];
    for gate in &GATES {
        gate.arrived(1).await;
    }
    GATES[0].open();
    until("it follows both", || {
        runtime.scope_blocking(|| harmless::stats().followers == 1 && needy::stats().followers == 1)
    })
    .await;
    GATES[2].open();
    let [both, harmless, needy] = calls;
    let panic = panic_of(needy).await;
    assert!(panic.contains("both"), "{panic}");
    GATES[1].open();
    assert_eq!((value(both).await, value(harmless).await), (1, 1));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_load_that_waits_no_longer_may_be_waited_for() {
    static GATES: [Gate; 3] = [const { Gate::closed() }; 3];
    #[cached(ttl = 60)]
    async fn fickle(n: u64) -> u64 {
        tokio::select! {
            biased;
            _ = boxed(n) => unreachable!("it is not loaded before this one has given up"),
            () = GATES[0].pass() => {}
        }
        GATES[1].pass().await;
        n
    }
    #[cached(ttl = 60)]
    async fn faithful(n: u64) -> u64 {
        GATES[2].pass().await;
        fickle(n).await
    }
    fn boxed(n: u64) -> Boxed<u64> {
        Box::pin(faithful(n))
    }

    let runtime = runtime();
    let later = spawn(&runtime, faithful(1));
    GATES[2].arrived(1).await;
    let first = spawn(&runtime, fickle(1));
    GATES[0].arrived(1).await;
    assert_eq!(runtime.scope_blocking(faithful::stats).followers, 1);
    GATES[0].open();
    GATES[1].arrived(1).await;
    GATES[2].open();
    until("it follows", || runtime.scope_blocking(fickle::stats).followers == 1).await;
    GATES[1].open();
    assert_eq!((value(first).await, value(later).await), (1, 1));
}

#[tokio::test]
async fn a_load_that_invalidates_its_key_and_calls_itself_panics() {
    #[cached(ttl = 60)]
    async fn phoenix(n: u64) -> u64 {
        burn(n).await;
        boxed(n).await
    }
    async fn burn(n: u64) {
        assert!(phoenix::invalidate(n).await.is_done());
    }
    fn boxed(n: u64) -> Boxed<u64> {
        Box::pin(phoenix(n))
    }

    let panic = panic_of(spawn(&runtime(), phoenix(1))).await;
    assert!(panic.contains("phoenix"), "{panic}");
}

#[tokio::test]
async fn a_load_may_put_its_own_value() {
    #[cached(ttl = 60)]
    async fn baron(n: u64) -> u64 {
        pull(n).await;
        boxed(n).await
    }
    async fn pull(n: u64) {
        assert!(baron::put(n, n + 1).await.is_done());
    }
    fn boxed(n: u64) -> Boxed<u64> {
        Box::pin(baron(n))
    }

    let runtime = runtime();
    assert_eq!(value(spawn(&runtime, baron(1))).await, 2, "its call is answered by memory");
    assert_eq!(runtime.scope_blocking(baron::stats).loads, 1);
}
