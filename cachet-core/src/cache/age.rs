//! How long values live: what makes entries of them.

use std::{
    any::Any,
    sync::{Arc, atomic::AtomicBool},
    time::Duration,
};

use bytes::Bytes;

use super::{Cache, lead::Fate};
use crate::{
    clock::{AtomicTick, RESOLUTION, Tick},
    coherence,
    entry::{AnyValue, Entry, Meta},
    erased::Erased,
    flight::Ticket,
    returns::SharedError,
    shared::HeldLease,
    tier::{NewEntry, StoredEntry},
};

/// How long memory answers without asking a shared tier that has no backplane, unless `memory_ttl` says otherwise: nothing
/// tells this node of another one's invalidations.
const MEMORY_TTL_BESIDE_SHARED: Duration = Duration::from_secs(10);

/// The same for a value that was loaded while the shared tier could not be asked.
const MEMORY_TTL_IN_OUTAGE: Duration = Duration::from_secs(1);

impl Cache {
    /// How long a loaded value is kept; `None` for one that is not.
    pub(super) fn lifetime(&self, value: &AnyValue) -> Option<Duration> {
        let settings = &self.settings;
        let ttl = if let Some(error) = value.downcast_ref::<SharedError>() {
            self.error_lifetime(error.as_any())?
        } else if (settings.is_negative)(value) {
            settings.negative_ttl?
        } else if settings.when.as_ref().is_some_and(|passes| !passes(value)) {
            return None;
        } else {
            settings.ttl_of.as_ref().and_then(|ttl| ttl(value)).unwrap_or(settings.ttl)
        };
        let ttl = if settings.jitter > 0.0 { shortened(ttl, settings.jitter) } else { ttl };
        (!ttl.is_zero()).then_some(ttl)
    }

    pub(super) fn error_lifetime(&self, error: &dyn Any) -> Option<Duration> {
        self.settings.error_ttl.as_ref().and_then(|ttl| ttl(error))
    }

    /// An entry for a value that this node loaded.
    pub(super) fn entry(&self, value: Box<dyn Erased>, fate: Fate, keep: Duration) -> Arc<Entry> {
        let now = self.clock.now();
        let fresh_until = now + fate.lifetime.unwrap_or_default();
        let at_most = now + keep;
        value.into_entry(Meta {
            loaded: now,
            fresh_until,
            kept_until: AtomicTick::new(self.kept_until(now, fresh_until).min(at_most)),
            usable_until: self.memory_until(now, fresh_until + fate.grace).min(at_most),
            load_time: fate.load_time.into(),
            fill: fate.fill,
            refreshing: AtomicBool::new(false),
            asked: fate.asked,
            generation: fate.generation,
            modified: fate.modified.into(),
            validator: fate.validator.map(Some).map(Into::into).unwrap_or_default(),
            tags: fate.tags,
        })
    }

    /// An entry that mirrors a shared one, which was asked for at `asked` and had that much left some time after.
    pub(super) fn mirror(
        &self,
        value: Box<dyn Erased>,
        stored: &StoredEntry,
        asked: Tick,
        ticket: &Ticket,
    ) -> Arc<Entry> {
        let fresh_until = (asked + stored.remaining).before(stored.stale_for);
        let grace = self.grace(value.as_any());
        value.into_entry(Meta {
            loaded: fresh_until.before(stored.entry.lifetime),
            fresh_until,
            kept_until: AtomicTick::new(self.kept_until(asked, fresh_until)),
            usable_until: self.memory_until(asked, fresh_until + grace),
            load_time: stored.entry.load_time.into(),
            fill: stored.id.mark(),
            refreshing: AtomicBool::new(false),
            asked: ticket.asked,
            generation: ticket.generation,
            modified: stored.entry.modified.into(),
            validator: stored.entry.validator.map(Some).map(Into::into).unwrap_or_default(),
            tags: ticket.tags.clone(),
        })
    }

    /// For how long memory keeps what was loaded, from `asked` on, while the shared tier could not be asked: what another
    /// node changed meanwhile is not served for longer than the bound.
    pub(super) fn kept_in_outage(&self, asked: Tick) -> Duration {
        match &self.coherence {
            None => MEMORY_TTL_IN_OUTAGE,
            Some(coherence) => coherence.bound().saturating_sub(coherence::now().since(asked)),
        }
    }

    /// Until when memory may answer with what is fresh until then.
    fn kept_until(&self, now: Tick, fresh_until: Tick) -> Tick {
        if self.shared.is_none() {
            return self.memory_until(now, fresh_until);
        }
        // The shared entry began to age later than this one, but a coarse reading may be that much behind.
        self.memory_until(now, fresh_until.before(RESOLUTION))
    }

    /// Until when memory may use what it was given at `now`, at the latest at `end`.
    fn memory_until(&self, now: Tick, end: Tick) -> Tick {
        let is_untold = self.shared.is_some() && self.coherence.is_none();
        let beside_shared = is_untold.then_some(MEMORY_TTL_BESIDE_SHARED);
        self.settings.memory_ttl.or(beside_shared).map_or(end, |ttl| end.min(now + ttl))
    }

    /// A loaded value as the shared tier is given it.
    pub(super) fn new_entry(&self, lease: &HeldLease, value: &AnyValue, fate: &Fate) -> Option<NewEntry> {
        let lifetime = fate.lifetime?;
        // A refresh that began at the last moment still finds the value that it replaces.
        let shared = &self.shared.as_ref()?.0;
        let grace = if fate.grace.is_zero() { Duration::ZERO } else { fate.grace + shared.lease() };
        let (load_time, validator) = (fate.load_time, fate.validator);
        let entry = NewEntry { lifetime, grace, load_time, modified: fate.modified, validator, body: Bytes::new() };
        self.with_body(lease, entry, value)
    }
}

/// A lifetime without a random part of its share.
fn shortened(lifetime: Duration, share: f64) -> Duration {
    lifetime.mul_f64(1.0 - share.clamp(0.0, 1.0) * fastrand::f64())
}
