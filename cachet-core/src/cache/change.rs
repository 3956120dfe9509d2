//! What the controls do to entries: look, put, invalidate, clear.

use std::sync::{Arc, atomic::Ordering};

use super::{Boxed, Cache, Found, Lead, Permit, lead::Loaded};
use crate::{
    entry::Origin,
    erased::Erased,
    events::count,
    invalidate::Invalidation,
    key::{KeyBuf, KeyRef},
    private::Keyed,
    shared::Grant,
    tier::{Read, Target},
};

impl Cache {
    /// What the tiers hold, without loading or counting.
    pub(crate) fn peek<'a>(&'a self, call: &'a Keyed) -> Boxed<'a, Option<Found>> {
        Box::pin(self.peek_all(call))
    }

    async fn peek_all(&self, call: &Keyed) -> Option<Found> {
        if let Some(found) = self.peek_memory(&call.key) {
            return Some(found);
        }
        let (shared, _) = self.shared.as_ref()?;
        let (asked, ticket) = (self.clock.now(), self.ticket(call));
        let lookup = self.lookup(call);
        let Some(Read::Hit(stored)) = shared.read(lookup.clone()).await else { return None };
        if stored.remaining.is_zero() {
            return None;
        }
        let entry = self.mirror(self.decode(&lookup.key, &stored)?, &stored, asked, &ticket);
        Some(Found { entry, origin: Origin::Shared })
    }

    /// What memory holds, without counting.
    pub(crate) fn peek_memory(&self, call: &KeyBuf) -> Option<Found> {
        self.find(self.key(call)).map(|entry| Found { entry, origin: Origin::Memory })
    }

    /// Puts a value in place of whatever the tiers hold, as a load that began now would.
    pub(crate) fn put<'a>(self: &'a Arc<Self>, call: &'a Keyed, value: Box<dyn Erased>) -> Boxed<'a, Invalidation> {
        Box::pin(self.replace(call, value))
    }

    async fn replace(self: &Arc<Self>, call: &Keyed, value: Box<dyn Erased>) -> Invalidation {
        let invalidated = self.invalidate(&call.key).await;
        let key = self.key(&call.key).to_key();
        // Someone else may lead by now: that load began after the invalidation, and its value is as new as this one.
        if let Some(leader) = self.flights.begin(&key, self.generation(), || self.ticket(call)) {
            let permit = match &self.shared {
                None => Permit::Alone,
                Some((shared, _)) => match shared.acquire(self.lookup(call), None).await {
                    Some(Grant::Lease(lease)) => Permit::Leased(lease),
                    Some(Grant::Held(_) | Grant::Filled | Grant::Fenced) => Permit::Unleased,
                    None => Permit::Outage(None),
                },
            };
            Lead::new(Arc::clone(self), leader, permit).fill(Loaded::put(value)).await;
        }
        invalidated
    }

    /// Invalidates one key: in memory before the shared tier is told and again after, because a reader between the two
    /// may have brought the old value back from there.
    pub(crate) fn invalidate<'a>(self: &'a Arc<Self>, call: &'a KeyBuf) -> Boxed<'a, Invalidation> {
        Box::pin(self.drop_everywhere(call))
    }

    async fn drop_everywhere(self: &Arc<Self>, call: &KeyBuf) -> Invalidation {
        count(&self.counters.invalidations);
        let key = self.key(call).to_key();
        self.drop_local(key.borrowed());
        let Some((shared, _)) = &self.shared else { return Invalidation::Done };
        let cache = Arc::clone(self);
        shared.invalidate(self.names.entry(call), move || cache.drop_local(key.borrowed())).await
    }

    /// Invalidates one key of a function that no shared tier knows.
    pub(crate) fn invalidate_memory(&self, call: &KeyBuf) -> Invalidation {
        count(&self.counters.invalidations);
        self.drop_local(self.key(call));
        Invalidation::Done
    }

    /// Drops one key from memory once more, for an invalidation that was counted.
    pub(crate) fn drop_again(&self, call: &KeyBuf) {
        self.drop_local(self.key(call));
    }

    /// The entry in the shared tier, if the function uses that.
    pub(crate) fn shared_target(&self, call: &KeyBuf) -> Option<Target> {
        self.shared.as_ref().map(|_| self.names.entry(call))
    }

    fn drop_local(&self, key: KeyRef<'_>) {
        self.flights.detach(key, || {
            if let Some(memory) = &self.memory {
                memory.remove(key);
            }
        });
    }

    /// Invalidates every key.
    pub(crate) fn clear(self: &Arc<Self>) -> Boxed<'_, Invalidation> {
        Box::pin(self.drop_all_everywhere())
    }

    async fn drop_all_everywhere(self: &Arc<Self>) -> Invalidation {
        count(&self.counters.invalidations);
        self.drop_all_local();
        let Some((shared, _)) = &self.shared else { return Invalidation::Done };
        let cache = Arc::clone(self);
        shared.invalidate(self.names.function(), move || cache.drop_all_local()).await
    }

    /// Invalidates every key in memory.
    pub(crate) fn clear_memory(&self) -> Invalidation {
        count(&self.counters.invalidations);
        self.drop_all_local();
        Invalidation::Done
    }

    pub(crate) fn drop_all_local(&self) {
        // The generation first: a load that ends between the two steps stores an entry that is dead on arrival.
        self.generation.fetch_add(1, Ordering::AcqRel);
        self.flights.detach_all(|| {
            if let Some(memory) = &self.memory {
                memory.clear();
            }
        });
    }
}
