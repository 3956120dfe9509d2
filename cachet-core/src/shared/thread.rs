//! The thread that talks to the shared tier.

use std::{
    future::{Future, poll_fn},
    pin::pin,
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use tokio::{
    runtime::{Handle, Runtime},
    task::{AbortHandle, JoinHandle},
    time::{self, error::Elapsed},
};

/// A runtime of one thread, which lives as long as anything may use it.
#[derive(Debug)]
pub(crate) struct Thread {
    handle: Handle,
    /// Its own; `None` for a test's.
    runtime: Option<Runtime>,
    standing: Mutex<Standing>,
}

/// The tasks that run until they are ended.
#[derive(Debug, Default)]
struct Standing {
    is_over: bool,
    tasks: Vec<AbortHandle>,
}

impl Thread {
    pub(crate) fn new(runtime: Runtime) -> Self {
        Self { handle: runtime.handle().clone(), runtime: Some(runtime), standing: Mutex::default() }
    }

    /// The thread of the test itself.
    #[cfg(test)]
    pub(super) fn current() -> Self {
        Self { handle: Handle::current(), runtime: None, standing: Mutex::default() }
    }

    /// Runs something that comes to an end, whatever becomes of the caller.
    pub(super) fn spawn<T: Send + 'static>(&self, task: impl Future<Output = T> + Send + 'static) -> JoinHandle<T> {
        self.handle.spawn(task)
    }

    /// Runs something that may never come to an end, until [`Thread::end`].
    pub(super) fn stand(&self, task: impl Future<Output = ()> + Send + 'static) {
        let mut standing = self.standing();
        if !standing.is_over {
            standing.tasks.retain(|task| !task.is_finished());
            standing.tasks.push(self.handle.spawn(task).abort_handle());
        }
    }

    /// Ends what stands: it holds the tier, and with it this thread.
    pub(super) fn end(&self) {
        let mut standing = self.standing();
        standing.is_over = true;
        for task in standing.tasks.drain(..) {
            task.abort();
        }
    }

    /// Waits for an exchange on the caller's own thread, at most for `limit`. Connections and timers are this thread's,
    /// so that the caller needs no runtime; and no other thread has to be woken for the exchange to begin and end.
    pub(super) async fn here<F: Future>(&self, limit: Duration, exchange: F) -> Result<F::Output, Elapsed> {
        let mut bounded = pin!({
            let _inside = self.handle.enter();
            time::timeout(limit, exchange)
        });
        poll_fn(|cx| {
            let _inside = self.handle.enter();
            bounded.as_mut().poll(cx)
        })
        .await
    }

    fn standing(&self) -> MutexGuard<'_, Standing> {
        self.standing.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Thread {
    /// It may be dropped inside another runtime, where waiting for the thread would be an error.
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}
