//! What a value is good for once its lifetime is over, and who looks for a newer one.
//!
//! | the entry is | a call gets | and |
//! |---|---|---|
//! | fresh | it | with `early`, perhaps one refresh behind it |
//! | stale for less than `stale` | it, at once | one refresh behind it |
//! | stale for less than `stale_if_error` | what a load gives; it, where that fails or overruns `timeout` and the shared tier still has it | the source is then left alone for a while |
//! | older, or invalidated | what a load gives, be that an error | |

use std::{
    any::Any,
    future::{Future, poll_fn},
    pin::Pin,
    sync::{Arc, atomic::Ordering},
    task::{Context, Poll},
    time::Duration,
};

use super::{Cache, Failed, Found, Miss};
use crate::{
    entry::{AnyValue, Entry, Origin},
    events::count,
    key::{KeyBuf, KeyRef},
    loader::{Run, RunAlone},
    policy::OnOutage,
    private::Keyed,
    returns::SharedError,
    runtime::Cachet,
};

/// How long this node leaves a value alone that somebody else refreshes.
const BUSY: Duration = Duration::from_millis(100);

/// Why a call that may outlive its caller has no value.
pub(crate) enum Ended {
    /// Its own load's error.
    Own(Box<dyn Any + Send>),
    /// Another caller's.
    Shared(SharedError),
}

/// A call and its body, which may go on without a caller.
pub(super) struct Whole {
    /// Before the flight, so that a cancelled body is gone when another one begins.
    body: Box<dyn RunAlone>,
    pub(super) miss: Miss,
}

impl Future for Whole {
    type Output = Result<Found, Failed>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<Found, Failed>> {
        let Self { miss, body } = self.get_mut();
        miss.poll(cx, body.as_run())
    }
}

/// Marks an entry as being refreshed, until the refresh is over or was dropped.
struct Refreshing {
    cache: Arc<Cache>,
    entry: Arc<Entry>,
    begun: bool,
}

impl Refreshing {
    /// `None` if somebody refreshes it already.
    fn of(cache: &Arc<Cache>, entry: &Arc<Entry>) -> Option<Self> {
        let taken = entry.meta.refreshing.swap(true, Ordering::AcqRel);
        (!taken).then(|| Self { cache: Arc::clone(cache), entry: Arc::clone(entry), begun: false })
    }
}

impl Drop for Refreshing {
    fn drop(&mut self) {
        if !self.begun {
            count(&self.cache.counters.dropped_refreshes);
        }
        self.entry.meta.refreshing.store(false, Ordering::Release);
    }
}

impl Cache {
    /// For how long after its lifetime a value is of use. What says that there is nothing is of none: a `None`, an error.
    pub(super) fn grace(&self, value: &AnyValue) -> Duration {
        let is_value = !value.is::<SharedError>() && !(self.settings.is_negative)(value);
        if is_value { self.settings.longest_stale() } else { Duration::ZERO }
    }

    /// What memory holds and a policy may use, fresh or stale.
    pub(super) fn usable(&self, key: KeyRef<'_>) -> Option<Arc<Entry>> {
        let entry = self.memory.as_ref()?.peek(key)?;
        let now = self.clock.now();
        (self.vouches_for(&entry, now) && entry.is_usable(now, self.generation())).then_some(entry)
    }

    /// What memory holds, fresh or stale, and may be served while the shared tier cannot be asked: nothing is known to
    /// have invalidated it, but another node may have.
    pub(super) fn kept_for_outages(&self, key: KeyRef<'_>) -> Option<Arc<Entry>> {
        if !matches!(self.settings.on_outage, OnOutage::Stale) {
            return None;
        }
        let entry = self.memory.as_ref()?.peek(key)?;
        entry.is_usable(self.clock.now(), self.generation()).then_some(entry)
    }

    /// Drops a stale value from memory, which another node is known to have invalidated.
    pub(super) fn forget_stale(&self, key: KeyRef<'_>) {
        if let Some(memory) = &self.memory
            && memory.peek(key).is_some_and(|entry| entry.staleness(self.clock.now()).is_some())
        {
            memory.remove(key);
        }
    }

    /// Whether a call is answered with the entry at once, and the entry refreshed behind it.
    pub(super) fn serves_stale(&self, entry: &Entry) -> bool {
        entry.staleness(self.clock.now()).is_none_or(|staleness| {
            staleness < self.settings.stale
                && entry.is_current(self.generation())
                && !self.grace(&entry.value).is_zero()
        })
    }

    /// Whether a call is answered with the entry when its load fails.
    pub(super) fn serves_after_error(&self, entry: &Entry) -> bool {
        // Within `stale` it was served already, so that an error there is no reason to serve it no longer; a fresh one,
        // whose early refresh failed, all the more.
        let longest = self.settings.longest_stale();
        let serves = entry.staleness(self.clock.now()).is_none_or(|staleness| staleness < longest);
        serves && entry.is_current(self.generation())
    }

    /// Lets memory answer with an entry for a while, so that not every call asks a source that has just failed. `false`
    /// if it is of no use any more.
    pub(super) fn leave_alone(&self, entry: &Entry, pause: Duration) -> bool {
        if !self.serves_after_error(entry) {
            return false;
        }
        // Beside a shared tier no longer than memory may keep anything, since another node may have invalidated it.
        let until = (self.clock.now() + pause).min(entry.meta.usable_until);
        entry.meta.kept_until.set(until.max(entry.meta.kept_until.get()));
        true
    }

    /// A memory hit of a function whose values are refreshed early, by chance: the nearer the end of their lifetime and
    /// the longer their load takes, the likelier (`XFetch`: Vattani, Chierichetti, Lowenstein, "Optimal Probabilistic Cache
    /// Stampede Prevention", VLDB 2015). `None` when this call's turn has come.
    pub(crate) fn hit_unless_early(&self, call: &KeyBuf) -> Option<Arc<Entry>> {
        let entry = self.find(self.key(call))?;
        let (meta, now) = (&entry.meta, self.clock.now());
        // A stale one is here because its source is left alone.
        let is_fresh = entry.staleness(now).is_none();
        let ahead = Duration::from(meta.load_time).as_secs_f64() * self.settings.early * -fastrand::f64().ln();
        let is_due =
            is_fresh && ahead > meta.fresh_until.since(now).as_secs_f64() && !meta.refreshing.load(Ordering::Relaxed);
        if !is_due {
            self.counters.memory_hit();
        }
        (!is_due).then_some(entry)
    }

    /// A call that memory did not answer, or whose turn it is to refresh, with a body that may go on without it.
    pub(crate) async fn call(
        self: Arc<Self>,
        call: Keyed,
        described: bool,
        body: Box<dyn RunAlone>,
    ) -> Result<Found, Ended> {
        if let Some(entry) = self.usable(self.key(&call.key)).filter(|entry| self.serves_stale(entry)) {
            return Ok(self.serve_and_refresh(entry, Origin::Memory, call, body));
        }
        let mut whole = Whole { miss: Miss::new(&self, call.clone(), described), body };
        let outcome = match self.settings.timeout {
            None => poll_fn(|cx| Pin::new(&mut whole).poll(cx)).await,
            Some(deadline) => match self.within(deadline, &call, &mut whole).await {
                Ok(outcome) => outcome,
                Err(found) => {
                    if whole.miss.leads() {
                        whole.miss.go_alone();
                        self.background.finish(async move { drop(whole.await) });
                    }
                    return Ok(found);
                }
            },
        };
        match outcome {
            // The shared tier's, within `stale`: the body has not run.
            Ok(found) if found.origin == Origin::Shared && found.entry.staleness(self.clock.now()).is_some() => {
                Ok(self.serve_and_refresh(found.entry, Origin::Shared, call, whole.body))
            }
            Ok(found) => Ok(found),
            Err(Failed::Shared(error)) => Err(Ended::Shared(error)),
            Err(Failed::Own) => Err(Ended::Own(whole.body.into_error())),
            Err(Failed::Spared) => unreachable!("a call waits for its value"),
        }
    }

    /// What memory answers with at once though it is stale, if anything.
    pub(crate) fn stale_at_once(&self, call: &KeyBuf) -> Option<Arc<Entry>> {
        self.usable(self.key(call))
            .filter(|entry| self.serves_stale(entry) && entry.staleness(self.clock.now()).is_some())
    }

    /// A refresh of a value that is served meanwhile, by a body that stays on its thread: it is for the caller to spawn
    /// there. `None` if somebody refreshes the value already.
    pub(crate) fn refresh_here<B: Run + 'static>(
        self: &Arc<Self>,
        call: Keyed,
        entry: &Arc<Entry>,
        body: B,
    ) -> Option<Pin<Box<dyn Future<Output = ()>>>> {
        count(&self.counters.stale);
        let mut refreshing = Refreshing::of(self, entry)?;
        let cache = Arc::clone(self);
        let work = async move {
            refreshing.begun = true;
            count(&cache.counters.refreshes);
            // The body is before the flight, so that a cancelled one is gone when another one begins.
            let mut whole = (body, Miss::refresh(&cache, call, &refreshing.entry));
            if let Err(Failed::Spared) = poll_fn(|cx| whole.1.poll(cx, &mut whole.0)).await {
                cache.leave_alone(&refreshing.entry, BUSY);
            }
        };
        Some(match Cachet::scoped() {
            Some(runtime) => Box::pin(async move { runtime.scope(work).await }),
            None => Box::pin(work),
        })
    }

    fn serve_and_refresh(
        self: &Arc<Self>,
        entry: Arc<Entry>,
        origin: Origin,
        call: Keyed,
        body: Box<dyn RunAlone>,
    ) -> Found {
        let is_fresh = entry.staleness(self.clock.now()).is_none();
        if is_fresh {
            self.counters.memory_hit();
        } else {
            count(&self.counters.stale);
        }
        // A fresh one is here because its turn has come, or because it came while the call was on its way.
        let is_due = !is_fresh || self.settings.early > 0.0;
        if let Some(mut refreshing) = is_due.then(|| Refreshing::of(self, &entry)).flatten() {
            let cache = Arc::clone(self);
            // The one that will be of no use first is the most urgent.
            let urgency = entry.meta.fresh_until + self.settings.stale;
            let is_blocking = body.is_blocking();
            self.background.refresh(urgency, is_blocking, async move {
                refreshing.begun = true;
                count(&cache.counters.refreshes);
                let miss = Miss::refresh(&cache, call, &refreshing.entry);
                let outcome = (Whole { body, miss }).await;
                let is_spared = matches!(outcome, Err(Failed::Spared));
                // What a failed load falls back on was in memory already.
                let is_replaced = matches!(outcome, Ok(found) if found.origin != Origin::Memory);
                if is_fresh && !is_replaced {
                    // Memory answers anyway; what matters is that no call's turn comes meanwhile.
                    cache.background.drop_later(if is_spared { BUSY } else { cache.throttle }, refreshing);
                } else if is_spared {
                    cache.leave_alone(&refreshing.entry, BUSY);
                }
            });
        }
        Found { entry, origin }
    }
}
