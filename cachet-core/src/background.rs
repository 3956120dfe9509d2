//! Work behind calls: refreshes of values that were served meanwhile. How many run at a time is bounded, and so is how
//! many wait for their turn; where there are more, the least urgent is dropped.

use std::{
    collections::{BTreeMap, HashMap},
    future::Future,
    mem,
    pin::Pin,
    sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError},
    time::Duration,
};

use tokio::{
    runtime::{Builder, Handle, Runtime},
    sync::Notify,
    task::AbortHandle,
    time,
};

use crate::{clock::Tick, runtime::Cachet};

/// How many refreshes run at a time, unless the builder says otherwise.
pub(crate) const CONCURRENT: usize = 64;

/// How many wait for their turn.
pub(crate) const WAITING: usize = 1024;

type Work = Pin<Box<dyn Future<Output = ()> + Send>>;

/// The refreshes of one runtime.
#[derive(Clone)]
pub(crate) struct Background(Arc<Inner>);

struct Inner {
    concurrent: usize,
    state: Mutex<State>,
    /// Told whenever a job ends.
    ended: Notify,
    /// For callers that are in no tokio runtime, and for bodies that block.
    own: OnceLock<Runtime>,
}

#[derive(Default)]
struct State {
    is_closed: bool,
    /// Whether those that still run are ended.
    is_over: bool,
    /// Whether somebody starts those that wait.
    is_starting: bool,
    next: u64,
    running: HashMap<u64, Option<AbortHandle>>,
    /// By urgency, and by age among equals.
    waiting: BTreeMap<(Tick, u64), Job>,
}

struct Job {
    work: Work,
    is_blocking: bool,
    handle: Handle,
}

/// Makes room for the next one when a job is over, or was dropped with its tokio runtime.
struct Running {
    inner: Arc<Inner>,
    id: u64,
}

impl Drop for Running {
    fn drop(&mut self) {
        self.inner.state().running.remove(&self.id);
        self.inner.ended.notify_waiters();
        Inner::start_waiting(&self.inner);
    }
}

/// Lets others start jobs again when a start panics, as it does where no thread can be had.
struct Starting<'a>(&'a Inner);

impl Drop for Starting<'_> {
    fn drop(&mut self) {
        self.0.state().is_starting = false;
    }
}

impl Background {
    pub(crate) fn new(concurrent: usize) -> Self {
        let inner = Inner {
            concurrent: concurrent.max(1),
            state: Mutex::default(),
            ended: Notify::new(),
            own: OnceLock::new(),
        };
        Self(Arc::new(inner))
    }

    /// Runs a refresh when its turn comes, or drops it.
    pub(crate) fn refresh(&self, urgency: Tick, is_blocking: bool, work: impl Future<Output = ()> + Send + 'static) {
        let job = Job { work: scoped(work), is_blocking, handle: self.handle() };
        // Dropped outside the lock: what is dropped tells others.
        let _surplus = {
            let mut state = self.0.state();
            if state.is_closed {
                Some(job)
            } else {
                state.next += 1;
                let id = state.next;
                state.waiting.insert((urgency, id), job);
                let is_over = state.waiting.len() > WAITING;
                is_over.then(|| state.waiting.pop_last()).flatten().map(|(_, job)| job)
            }
        };
        Inner::start_waiting(&self.0);
    }

    /// Goes on with a load that its caller does not wait for any more. It was begun, so it is not bounded again.
    pub(crate) fn finish(&self, work: impl Future<Output = ()> + Send + 'static) {
        let id = {
            let mut state = self.0.state();
            if state.is_closed {
                return;
            }
            state.next += 1;
            let id = state.next;
            state.running.insert(id, None);
            id
        };
        Inner::start(
            &self.0,
            Running { inner: Arc::clone(&self.0), id },
            Job { work: scoped(work), is_blocking: false, handle: self.handle() },
        );
    }

    /// The caller's tokio runtime, or one of our own.
    pub(crate) fn handle(&self) -> Handle {
        Handle::try_current().unwrap_or_else(|_| self.0.own())
    }

    /// Time goes by in the caller's tokio runtime, or in one of our own.
    pub(crate) fn timer(&self, span: Duration) -> time::Sleep {
        let _inside = self.handle().enter();
        time::sleep(span)
    }

    /// Keeps something for a while.
    pub(crate) fn drop_later(&self, span: Duration, what: impl Send + 'static) {
        let timer = self.timer(span);
        self.handle().spawn(async move {
            timer.await;
            drop(what);
        });
    }

    /// Begins no refresh any more, waits at most that long for those that run or wait for their turn, and ends the rest.
    pub(crate) async fn shut_down(&self, patience: Duration) {
        self.0.state().is_closed = true;
        let idle = async {
            loop {
                let mut ended = std::pin::pin!(self.0.ended.notified());
                ended.as_mut().enable();
                if self.0.state().is_idle() {
                    return;
                }
                ended.await;
            }
        };
        let is_over = async {
            tokio::select! {
                biased;
                () = idle => false,
                () = self.timer(patience) => true,
            }
        };
        if patience.is_zero() || is_over.await {
            let (waiting, running) = {
                let mut state = self.0.state();
                state.is_over = true;
                (mem::take(&mut state.waiting), state.running.values().flatten().cloned().collect::<Vec<_>>())
            };
            drop(waiting);
            for job in running {
                job.abort();
            }
        }
    }
}

impl State {
    fn is_idle(&self) -> bool {
        self.running.is_empty() && self.waiting.is_empty()
    }
}

impl Inner {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Starts jobs while there is room, in one place at a time: a job that is given to a tokio runtime that was shut down
    /// ends inside this, and so asks for the next one.
    fn start_waiting(self: &Arc<Self>) {
        self.start_each(Self::start);
    }

    fn start_each(self: &Arc<Self>, start: impl Fn(&Arc<Self>, Running, Job)) {
        if mem::replace(&mut self.state().is_starting, true) {
            return;
        }
        let starting = Starting(self);
        loop {
            let (id, job) = {
                let mut state = self.state();
                let has_room = state.running.len() < self.concurrent;
                let Some(((_, id), job)) = has_room.then(|| state.waiting.pop_first()).flatten() else {
                    // Under the same lock, so that a job which comes now finds nobody who starts it.
                    state.is_starting = false;
                    mem::forget(starting);
                    return;
                };
                state.running.insert(id, None);
                (id, job)
            };
            start(self, Running { inner: Arc::clone(self), id }, job);
        }
    }

    fn start(self: &Arc<Self>, running: Running, job: Job) {
        let id = running.id;
        let work = async move {
            let _running = running;
            job.work.await;
        };
        let task = if job.is_blocking {
            let handle = self.own();
            self.own().spawn_blocking(move || handle.block_on(work)).abort_handle()
        } else {
            job.handle.spawn(work).abort_handle()
        };
        let mut state = self.state();
        if state.is_over {
            drop(state);
            task.abort();
        } else if let Some(place) = state.running.get_mut(&id) {
            *place = Some(task);
        }
    }

    fn own(&self) -> Handle {
        let own = self.own.get_or_init(|| {
            let runtime =
                Builder::new_multi_thread().worker_threads(1).thread_name("cachet-refresh").enable_all().build();
            runtime.expect("a thread can be started")
        });
        own.handle().clone()
    }
}

impl Drop for Inner {
    /// It may be dropped inside another tokio runtime, where waiting for its threads would be an error.
    fn drop(&mut self) {
        if let Some(own) = self.own.take() {
            own.shutdown_background();
        }
    }
}

/// Work that sees the runtime that its caller sees.
fn scoped(work: impl Future<Output = ()> + Send + 'static) -> Work {
    match Cachet::scoped() {
        Some(runtime) => Box::pin(async move { runtime.scope(work).await }),
        None => Box::pin(work),
    }
}

#[cfg(test)]
mod tests {
    use std::panic::{AssertUnwindSafe, catch_unwind};

    use super::*;

    #[test]
    fn a_start_that_panics_stops_no_later_refresh() {
        let background = Background::new(1);
        let job = || Job { work: Box::pin(async {}), is_blocking: false, handle: background.handle() };
        background.0.state().waiting.insert((Tick::default(), 0), job());
        let start = |_: &Arc<Inner>, _: Running, _: Job| panic!("no thread can be started");
        assert!(catch_unwind(AssertUnwindSafe(|| background.0.start_each(start))).is_err());
        let (sender, ran) = std::sync::mpsc::channel();
        background.refresh(Tick::default(), false, async move { sender.send(()).expect("the test waits") });
        ran.recv_timeout(Duration::from_secs(10)).expect("the next one runs");
    }
}
