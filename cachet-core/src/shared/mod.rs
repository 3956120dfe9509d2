//! The shared tier as the flow sees it: bounded by a deadline, silent about faults, and never asked while it may lie.
//!
//! What changes something runs on a thread of its own, so that a caller that goes away cancels no command; what only
//! reads is waited for on the caller's, which is quicker. Connections and timers are always that thread's, so that no
//! tokio runtime is needed where the cached function runs.

mod backplane;
mod batch;
mod lease;
#[cfg(test)]
mod tests;
mod thread;
mod write;

use std::{
    future::Future,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use tokio::{
    sync::{OwnedSemaphorePermit, Semaphore},
    time,
};

pub(crate) use self::{
    lease::{Grant, HeldLease},
    thread::Thread,
};
use crate::{
    breaker::Breaker,
    coherence::Coherence,
    flight::Load,
    recovery::Recovery,
    tier::{EntryId, Fault, Lease, Lookup, Read, Target, Tier, TierError},
    without::{Rule, without},
};

/// How often a tier that failed is tried again.
const RETRY_EVERY: Duration = Duration::from_millis(200);

/// Faults that are no outage change no state, so they are logged once in so long.
const LOG_EVERY: Duration = Duration::from_secs(10);

/// The first and the longest pause between two looks at a key that another node is loading.
const POLL_PAUSES: (Duration, Duration) = (Duration::from_millis(1), Duration::from_millis(20));

/// How far the shared tier is waited for, and believed.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limits {
    pub(crate) deadline: Duration,
    pub(crate) lease: Duration,
    pub(crate) staleness_bound: Duration,
    pub(crate) grace: Duration,
    pub(crate) outage_loads: usize,
}

#[derive(Clone, Debug)]
pub(crate) struct Shared(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    tier: Arc<dyn Tier>,
    thread: Thread,
    deadline: Duration,
    lease: Duration,
    /// What other nodes change, where the tier tells of it.
    coherence: Option<Arc<Coherence>>,
    /// How long a tier that answers again is asked for no values.
    grace: Duration,
    /// The turns of loads without the tier.
    turns: Arc<Semaphore>,
    breaker: Breaker,
    recovery: Recovery,
    recovering: AtomicBool,
    /// Whether the tier answers again, and only is not believed yet.
    settling: AtomicBool,
    /// When a fault that is no outage was logged last.
    logged: Mutex<Option<Instant>>,
}

impl Shared {
    pub(crate) fn new(tier: Arc<dyn Tier>, thread: Thread, limits: Limits, everything: Target) -> Self {
        let Limits { deadline, lease, staleness_bound, grace, outage_loads } = limits;
        let coherence = tier.backplane().map(|_| Arc::new(Coherence::new(staleness_bound)));
        let shared = Self(Arc::new(Inner {
            tier,
            thread,
            deadline,
            lease,
            coherence,
            grace: if without(Rule::Grace) { Duration::ZERO } else { grace },
            turns: Arc::new(Semaphore::new(outage_loads.clamp(1, Semaphore::MAX_PERMITS))),
            breaker: Breaker::default(),
            recovery: Recovery::new(everything),
            recovering: AtomicBool::new(false),
            settling: AtomicBool::new(false),
            logged: Mutex::default(),
        }));
        shared.0.thread.spawn(shared.clone().look_at_start());
        shared
    }

    /// Runs something on the background thread, whatever becomes of the caller.
    pub(crate) fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) {
        self.0.thread.spawn(task);
    }

    /// Ends what this runtime does by itself.
    pub(crate) fn end(&self) {
        self.0.thread.end();
    }

    pub(crate) fn name(&self) -> &'static str {
        self.0.tier.name()
    }

    pub(crate) fn coherence(&self) -> Option<&Arc<Coherence>> {
        self.0.coherence.as_ref()
    }

    /// Waits until one of the few loads may begin that run without the tier, so that its outage is not the source's as
    /// well. A load inside another one goes on at once, because the outer one would hold its turn while it waits; and so
    /// does one that has waited as long as for another node's load.
    pub(crate) async fn turn_in_outage(&self) -> Option<OwnedSemaphorePermit> {
        if Load::is_current() {
            return None;
        }
        let turns = Arc::clone(&self.0.turns);
        if let Ok(turn) = Arc::clone(&turns).try_acquire_owned() {
            return Some(turn);
        }
        let waiting = time_bounded(self.0.lease, turns.acquire_owned());
        self.0.thread.spawn(waiting).await.ok()?
    }

    /// The longest that another node's load is waited for.
    pub(crate) fn lease(&self) -> Duration {
        self.0.lease
    }

    pub(crate) async fn read(&self, lookup: Lookup) -> Option<Read> {
        self.ask_here("read", |tier| async move { tier.read(lookup).await }).await
    }

    pub(crate) async fn read_start(&self, lookup: Lookup, bytes: usize) -> Option<Read> {
        self.ask_here("read", |tier| async move { tier.read_start(lookup, bytes).await }).await
    }

    /// Asks for a lease. The answer is a guard from the first moment on, so that a caller who goes away while the
    /// command is under way leaves no lease behind.
    pub(crate) async fn acquire(&self, lookup: Lookup, dead: Option<EntryId>) -> Option<Grant> {
        let shared = self.clone();
        let exchange = move |tier: Arc<dyn Tier>| async move {
            let acquired = tier.acquire(lookup.clone(), shared.0.lease, dead).await?;
            Ok(Grant::of(acquired, shared, lookup))
        };
        self.ask("acquire", exchange).await
    }

    /// Asks for the right to refresh the value that was seen, a guard like that of [`Shared::acquire`].
    pub(crate) async fn refresh(&self, lookup: Lookup, seen: EntryId) -> Option<Grant> {
        let shared = self.clone();
        let exchange = move |tier: Arc<dyn Tier>| async move {
            let acquired = tier.refresh(lookup.clone(), shared.0.lease, seen).await?;
            Ok(Grant::of(acquired, shared, lookup))
        };
        self.ask("refresh", exchange).await
    }

    async fn release(&self, lookup: Lookup, lease: Lease) -> Option<bool> {
        self.ask("release", move |tier| async move { tier.release(lookup, lease).await }).await
    }

    /// Waits, at most for `limit`, until the key that another node is loading holds something else than a lease or a
    /// stale value.
    pub(crate) async fn wait(&self, lookup: Lookup, limit: Duration) -> Option<Read> {
        let shared = self.clone();
        let polling = async move {
            let waiter = shared.coherence().map(|coherence| coherence.waiting().wait_for(&lookup.key));
            let mut pause = POLL_PAUSES.0;
            loop {
                match &waiter {
                    Some(waiter) => drop(time::timeout(pause, waiter.woken()).await),
                    None => time::sleep(pause).await,
                }
                match shared.read(lookup.clone()).await? {
                    Read::Leased => pause = (pause * 2).min(POLL_PAUSES.1),
                    Read::Hit(stored) if stored.remaining.is_zero() => pause = (pause * 2).min(POLL_PAUSES.1),
                    answer => return Some(answer),
                }
            }
        };
        let bounded = async move { time::timeout(limit, polling).await.unwrap_or(Some(Read::Leased)) };
        self.0.thread.spawn(bounded).await.ok().flatten()
    }

    /// Whether the tier is not asked for values: it is out of reach, or may still hold what was invalidated. The queue
    /// itself is looked at, because the breaker closes a moment before an invalidation that came last is noticed.
    fn is_suspended(&self) -> bool {
        self.0.breaker.is_open() || !self.0.recovery.is_empty()
    }

    /// One guarded exchange: `None` when the tier could not be asked.
    async fn ask<T, F>(&self, operation: &'static str, exchange: impl FnOnce(Arc<dyn Tier>) -> F) -> Option<T>
    where
        T: Send + 'static,
        F: Future<Output = Result<T, TierError>> + Send + 'static,
    {
        if self.is_suspended() {
            return None;
        }
        let answer = self.bounded(operation, exchange).await;
        self.believed(answer)
    }

    /// The same on the caller's own thread, for what may be given up at any moment.
    async fn ask_here<T, F>(&self, operation: &'static str, exchange: impl FnOnce(Arc<dyn Tier>) -> F) -> Option<T>
    where
        F: Future<Output = Result<T, TierError>>,
    {
        if self.is_suspended() {
            return None;
        }
        let bounded = self.0.thread.here(self.0.deadline, exchange(Arc::clone(&self.0.tier)));
        self.believed(bounded.await.unwrap_or_else(|_| Err(self.overran(operation))))
    }

    /// Takes the answer, unless it is from before an invalidation that is still to be sent.
    fn believed<T>(&self, answer: Result<T, TierError>) -> Option<T> {
        match answer {
            Ok(answer) => {
                self.0.breaker.succeeded();
                (!self.is_suspended()).then_some(answer)
            }
            Err(error) => {
                self.took_fault(&error);
                None
            }
        }
    }

    fn overran(&self, operation: &'static str) -> TierError {
        let source = format!("no answer within {} ms", self.0.deadline.as_millis()).into();
        TierError { tier: self.name(), operation, fault: Fault::Outage, source }
    }

    async fn bounded<T, F>(
        &self,
        operation: &'static str,
        exchange: impl FnOnce(Arc<dyn Tier>) -> F,
    ) -> Result<T, TierError>
    where
        T: Send + 'static,
        F: Future<Output = Result<T, TierError>> + Send + 'static,
    {
        let deadline = self.0.deadline;
        let exchange = exchange(Arc::clone(&self.0.tier));
        let bounded = self.0.thread.spawn(async move { time::timeout(deadline, exchange).await });
        match bounded.await {
            Ok(Ok(answer)) => answer,
            Ok(Err(_)) => Err(self.overran(operation)),
            Err(stopped) => {
                Err(TierError { tier: self.name(), operation, fault: Fault::Reply, source: Box::new(stopped) })
            }
        }
    }

    fn took_fault(&self, error: &TierError) {
        match error.fault {
            Fault::Outage => {
                if self.0.breaker.failed() {
                    self.log(error);
                    self.recover();
                }
            }
            Fault::Denied => {
                if self.0.breaker.open() {
                    self.log(error);
                    self.recover();
                }
            }
            Fault::Full | Fault::Reply => {
                let mut logged = self.0.logged.lock().unwrap_or_else(PoisonError::into_inner);
                if logged.is_none_or(|last| last.elapsed() >= LOG_EVERY) {
                    *logged = Some(Instant::now());
                    self.log(error);
                }
            }
        }
    }

    fn log(&self, error: &TierError) {
        let cause = error.source.as_ref();
        match error.fault {
            Fault::Outage if self.0.recovering.load(Ordering::Relaxed) => {}
            Fault::Outage => tracing::warn!(%error, %cause, "carrying on without the shared tier until it answers"),
            Fault::Full => tracing::warn!(%error, %cause, "the shared tier has no room; the value is not stored there"),
            Fault::Denied => {
                tracing::error!(%error, %cause, "the shared tier refuses this client; check its credentials");
            }
            Fault::Reply => tracing::error!(%error, %cause, "the shared tier answered what it should not"),
        }
    }

    /// The first look, so that a tier which is down from the start costs no caller its deadline.
    async fn look_at_start(self) {
        let answer = self.bounded("probe", |tier| async move { tier.probe().await }).await;
        if let Err(error) = answer
            && self.0.breaker.open()
        {
            self.log(&error);
            self.recover();
        }
    }

    /// Stops asking the tier for values until every kept invalidation was sent.
    fn suspend(&self) {
        self.0.breaker.open();
        self.recover();
    }

    /// Tries in the background until the tier answers, then sends what was kept, then trusts the tier again.
    fn recover(&self) {
        if self.0.recovering.swap(true, Ordering::AcqRel) {
            return;
        }
        let shared = self.clone();
        self.0.thread.stand(async move {
            loop {
                while !shared.caught_up().await {
                    time::sleep(RETRY_EVERY).await;
                }
                // Other nodes may not have sent yet what they kept: until then the tier may hold what was invalidated.
                // This node's invalidations are sent as ever.
                shared.0.settling.store(true, Ordering::Release);
                time::sleep(shared.0.grace).await;
                shared.0.settling.store(false, Ordering::Release);
                shared.0.breaker.close();
                shared.0.recovering.store(false, Ordering::Release);
                tracing::warn!(tier = shared.name(), "the shared tier answers again");
                // An invalidation may have been kept between the last look at the queue and the closing; its own
                // attempt to recover found this one still running.
                if shared.0.recovery.is_empty() || shared.0.recovering.swap(true, Ordering::AcqRel) {
                    return;
                }
                shared.0.breaker.open();
            }
        });
    }

    async fn caught_up(&self) -> bool {
        if self.bounded("probe", |tier| async move { tier.probe().await }).await.is_err() {
            return false;
        }
        for (target, number) in self.0.recovery.pending() {
            let sent = {
                let target = target.clone();
                self.bounded("invalidate", |tier| async move { tier.invalidate(target).await }).await
            };
            if sent.is_err() {
                return false;
            }
            self.0.recovery.sent(&target, number);
        }
        self.0.recovery.is_empty()
    }
}

async fn time_bounded<T, E>(limit: Duration, waiting: impl Future<Output = Result<T, E>>) -> Option<T> {
    time::timeout(limit, waiting).await.ok()?.ok()
}
