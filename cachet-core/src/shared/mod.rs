//! The shared tier as the flow sees it: bounded by a deadline, silent about faults, and never asked while it may lie.
//!
//! What changes something runs on a thread of its own, so that a caller that goes away cancels no command; what only
//! reads is waited for on the caller's, which is quicker. Connections and timers are always that thread's, so that no
//! tokio runtime is needed where the cached function runs.

mod backplane;
mod batch;
mod lease;
mod pauses;
#[cfg(test)]
mod tests;
mod thread;
mod turns;
mod write;

use std::{
    future::Future,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, AtomicU8, Ordering},
    },
    time::{Duration, Instant},
};

use tokio::{sync::Semaphore, time};

use self::pauses::Pauses;
pub(crate) use self::{
    lease::{Grant, HeldLease},
    thread::Thread,
    turns::Turn,
};
use crate::{
    breaker::{self, Breaker},
    coherence::Coherence,
    recovery::Recovery,
    tier::{EntryId, Fault, Lease, Lookup, Read, Target, Tier, TierError},
    without::{Rule, without},
};

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
    /// What was logged of this outage: 0 nothing, 1 that there is one, 2 that the tier refuses.
    told: AtomicU8,
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
            turns: turns::turns(outage_loads),
            breaker: Breaker::default(),
            recovery: Recovery::new(everything),
            recovering: AtomicBool::new(false),
            settling: AtomicBool::new(false),
            told: AtomicU8::new(0),
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

    /// Whether there are invalidations that the tier could not be told yet.
    pub(crate) fn owes(&self) -> bool {
        !self.0.recovery.is_empty()
    }

    pub(crate) fn name(&self) -> &'static str {
        self.0.tier.name()
    }

    pub(crate) fn coherence(&self) -> Option<&Arc<Coherence>> {
        self.0.coherence.as_ref()
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
    /// stale value. Whoever has waited for so many `turns` before, and was told something else by the lease than by the
    /// value, begins with a longer pause: a tier that contradicts itself is not asked the more often for it.
    pub(crate) async fn wait(&self, lookup: Lookup, limit: Duration, turns: u32) -> Option<Read> {
        let mut pause = pause_after(turns);
        let limit = limit.max(pause);
        let polling = async {
            let waiter = self.coherence().map(|coherence| coherence.waiting().wait_for(&lookup.key));
            loop {
                match &waiter {
                    Some(waiter) => drop(time::timeout(pause, waiter.woken()).await),
                    None => time::sleep(pause).await,
                }
                match self.read(lookup.clone()).await? {
                    Read::Leased => pause = (pause * 2).min(POLL_PAUSES.1),
                    Read::Hit(stored) if stored.remaining.is_zero() => pause = (pause * 2).min(POLL_PAUSES.1),
                    answer => return Some(answer),
                }
            }
        };
        // On the caller's thread, so that nobody polls for a caller who went away.
        self.0.thread.here(limit, polling).await.unwrap_or(Some(Read::Leased))
    }

    /// The breaker's state, if the tier is asked for values in it: it is not while it is out of reach, or may still hold
    /// what was invalidated. The queue itself is looked at, because an invalidation is in it a moment before it opens the
    /// breaker.
    fn asking(&self) -> Option<breaker::State> {
        let state = self.0.breaker.state();
        (!state.is_open() && self.0.recovery.is_empty()).then_some(state)
    }

    fn is_suspended(&self) -> bool {
        self.asking().is_none()
    }

    /// One guarded exchange: `None` when the tier could not be asked.
    async fn ask<T, F>(&self, operation: &'static str, exchange: impl FnOnce(Arc<dyn Tier>) -> F) -> Option<T>
    where
        T: Send + 'static,
        F: Future<Output = Result<T, TierError>> + Send + 'static,
    {
        let asked = self.asking()?;
        let answer = self.bounded(operation, exchange).await;
        self.believed(answer, asked)
    }

    /// The same on the caller's own thread, for what may be given up at any moment.
    async fn ask_here<T, F>(&self, operation: &'static str, exchange: impl FnOnce(Arc<dyn Tier>) -> F) -> Option<T>
    where
        F: Future<Output = Result<T, TierError>>,
    {
        let asked = self.asking()?;
        let bounded = self.0.thread.here(self.0.deadline, exchange(Arc::clone(&self.0.tier)));
        self.believed(bounded.await.unwrap_or_else(|_| Err(self.overran(operation, self.0.deadline))), asked)
    }

    /// Takes the answer, unless it may be from before an invalidation that was kept since: by this node, or by others in
    /// an outage, be it over by now.
    fn believed<T>(&self, answer: Result<T, TierError>, asked: breaker::State) -> Option<T> {
        match answer {
            Ok(answer) => {
                self.0.breaker.succeeded();
                (self.asking() == Some(asked)).then_some(answer)
            }
            Err(error) => {
                self.took_fault(&error);
                None
            }
        }
    }

    fn overran(&self, operation: &'static str, limit: Duration) -> TierError {
        let source = format!("no answer within {} ms", limit.as_millis()).into();
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
            Ok(Err(_)) => Err(self.overran(operation, deadline)),
            Err(stopped) => {
                Err(TierError { tier: self.name(), operation, fault: Fault::Reply, source: Box::new(stopped) })
            }
        }
    }

    fn took_fault(&self, error: &TierError) {
        let opened = match error.fault {
            Fault::Outage | Fault::Overload => self.0.breaker.failed(),
            Fault::Denied => self.0.breaker.open(),
            Fault::Full | Fault::WrongType | Fault::Moved | Fault::Reply => {
                self.log(error);
                false
            }
        };
        if opened {
            self.log(error);
            self.recover();
        }
    }

    fn log(&self, error: &TierError) {
        let cause = error.source.as_ref();
        match error.fault {
            fault if !self.is_news(fault) => {}
            Fault::Outage => tracing::warn!(%error, %cause, "carrying on without the shared tier until it answers"),
            Fault::Overload => tracing::warn!(%error, %cause, "the shared tier is too busy; carrying on without it"),
            Fault::Full => tracing::warn!(%error, %cause, "the shared tier takes no values; they are not stored there"),
            Fault::Denied => {
                tracing::error!(%error, %cause, "the shared tier refuses this client; check its credentials");
            }
            Fault::WrongType => {
                tracing::error!(%error, %cause, "another program's data is under a key of the shared tier; calls load");
            }
            Fault::Moved => tracing::error!(%error, %cause, "the shared tier is a Cluster; configure it as one"),
            Fault::Reply => tracing::error!(%error, %cause, "the shared tier answered what it should not"),
        }
    }

    /// An outage is told once until the tier answers again, or refuses; what changes no state is told now and then.
    fn is_news(&self, fault: Fault) -> bool {
        let tells = match fault {
            Fault::Outage | Fault::Overload => 1,
            Fault::Denied => 2,
            Fault::Full | Fault::WrongType | Fault::Moved | Fault::Reply => {
                let mut logged = self.0.logged.lock().unwrap_or_else(PoisonError::into_inner);
                let is_due = logged.is_none_or(|last| last.elapsed() >= LOG_EVERY);
                if is_due {
                    *logged = Some(Instant::now());
                }
                return is_due;
            }
        };
        self.0.told.fetch_max(tells, Ordering::Relaxed) < tells
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

    /// Stops asking the tier for values until every kept invalidation was sent, and others have had the time to send
    /// theirs, counted from now.
    fn suspend(&self) {
        self.0.breaker.open_anew();
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
                let opening = shared.catch_up().await;
                // Other nodes may not have sent yet what they kept: until then the tier may hold what was invalidated.
                // This node's invalidations are sent as ever.
                shared.0.settling.store(true, Ordering::Release);
                time::sleep(shared.0.grace).await;
                shared.0.settling.store(false, Ordering::Release);
                // Who: a second outage, or an invalidation that could not be sent. When: before the grace is over. What
                // keeps its grace from being cut short: it has opened the breaker anew, so that this does not close it.
                if !shared.0.breaker.close(opening) {
                    continue;
                }
                shared.0.told.store(0, Ordering::Relaxed);
                shared.0.recovering.store(false, Ordering::Release);
                tracing::warn!(tier = shared.name(), "the shared tier answers again");
                // Whoever opened it just now found this recovery still running.
                if !shared.0.breaker.is_open() || shared.0.recovering.swap(true, Ordering::AcqRel) {
                    return;
                }
            }
        });
    }

    /// Tries until everything kept was sent, and says which opening of the breaker that was for.
    async fn catch_up(&self) -> breaker::State {
        let mut pauses = Pauses::within(self.0.grace);
        loop {
            let opening = self.0.breaker.state();
            match self.caught_up().await {
                Ok(true) => return opening,
                // It answers, and there is more to send.
                Ok(false) => pauses = Pauses::within(self.0.grace),
                Err(error) => self.log(&error),
            }
            time::sleep(pauses.next().unwrap_or_default()).await;
        }
    }

    async fn caught_up(&self) -> Result<bool, TierError> {
        self.bounded("probe", |tier| async move { tier.probe().await }).await?;
        for (kept, number) in self.0.recovery.pending() {
            self.bounded("invalidate", |tier| kept.clone().send(tier)).await?;
            self.0.recovery.sent(&kept, number);
        }
        Ok(self.0.recovery.is_empty())
    }
}

fn pause_after(turns: u32) -> Duration {
    POLL_PAUSES.0.saturating_mul(2_u32.saturating_pow(turns)).min(POLL_PAUSES.1)
}
