//! Calls that would wait for themselves: through one load, through several, in one task and in many.

use std::{
    collections::HashMap,
    future::Future,
    panic::{AssertUnwindSafe, catch_unwind},
    pin::Pin,
    sync::{Barrier, mpsc},
    thread,
};

use cachet_core::{
    cached,
    testing::{Gate, LoadCounter, PATIENCE},
};
use tokio::task::JoinHandle;

use crate::{message, panic_of, runtime, spawn, until, value, within};

/// A future that may be awaited by the function that it is of.
type Boxed<T> = Pin<Box<dyn Future<Output = T> + Send>>;

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
