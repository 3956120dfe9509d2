//! Waiting without polling, for a bounded time.

use std::{future::Future, sync::LazyLock, time::Duration};

use tokio::{
    runtime::{Builder, Runtime},
    sync::Notify,
    task::JoinSet,
    time,
};

/// How long anything in this module is waited for before the test fails: 20 s of real time.
pub const PATIENCE: Duration = Duration::from_secs(20);

/// Waits until `holds`. Whoever changes what it looks at wakes the waiters of `changed` afterwards.
pub(super) async fn until(changed: &Notify, mut holds: impl FnMut() -> bool, overdue: impl FnOnce() -> String) {
    if holds() {
        return;
    }
    let waiting = async {
        loop {
            // Asked for before the look, so that a change in between wakes it as well.
            let change = changed.notified();
            if holds() {
                return;
            }
            change.await;
        }
    };
    within(PATIENCE, waiting, overdue).await;
}

/// Waits for a future, and panics with the text of `overdue` when it takes longer than `limit`.
///
/// The time is real: a thread of its own measures it, so that a test may pause tokio's time, or use no tokio at all.
pub(super) async fn within<T>(limit: Duration, future: impl Future<Output = T>, overdue: impl FnOnce() -> String) -> T {
    static TIMER: LazyLock<Runtime> = LazyLock::new(|| {
        let timer = Builder::new_multi_thread().worker_threads(1).thread_name("cachet-testing").enable_time().build();
        timer.expect("a test can start a thread")
    });
    let mut timer = JoinSet::new();
    timer.spawn_on(async move { time::sleep(limit).await }, TIMER.handle());
    tokio::select! {
        biased;
        done = future => done,
        _ = timer.join_next() => panic!("gave up after {limit:?}: {}", overdue()),
    }
}

#[cfg(test)]
mod tests {
    use std::{
        future::{pending, ready},
        sync::atomic::{AtomicBool, Ordering},
    };

    use super::*;

    const SHORT: Duration = Duration::from_millis(1);

    #[test]
    #[should_panic(expected = "gave up after 1ms: nothing came")]
    fn a_wait_ends_outside_of_tokio() {
        pollster::block_on(within(SHORT, pending::<()>(), || "nothing came".into()));
    }

    #[tokio::test]
    #[should_panic(expected = "nothing came")]
    async fn a_wait_ends_in_a_runtime_without_timers() {
        within(SHORT, pending::<()>(), || "nothing came".into()).await;
    }

    #[tokio::test]
    async fn what_is_there_in_time_is_given_back() {
        assert_eq!(within(PATIENCE, ready(7), || unreachable!("it is ready")).await, 7);
    }

    #[tokio::test]
    async fn a_change_wakes_who_waits_for_it() {
        let (changed, holds) = (Notify::new(), AtomicBool::new(false));
        let waiting = until(&changed, || holds.load(Ordering::SeqCst), || "no change came".into());
        let changing = async {
            changed.notify_waiters();
            tokio::task::yield_now().await;
            holds.store(true, Ordering::SeqCst);
            changed.notify_waiters();
        };
        tokio::join!(waiting, changing);
    }
}
