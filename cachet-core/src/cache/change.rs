//! What the controls do to entries: look, put, invalidate, clear.

use std::sync::{Arc, atomic::Ordering};

use super::{Boxed, Cache, Found, Lead, Permit, ask::Seen, lead::Loaded};
use crate::{
    entry::Origin,
    erased::Erased,
    events::count,
    invalidate::Invalidation,
    key::{KeyBuf, KeyRef},
    private::Keyed,
    shared::Grant,
    tier::Target,
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
        match self.look(call).await {
            Seen::Value(entry) if entry.staleness(self.clock.now()).is_none() => {
                Some(Found { entry, origin: Origin::Shared })
            }
            _ => None,
        }
    }

    /// What memory holds, without counting.
    pub(crate) fn peek_memory(&self, call: &KeyBuf) -> Option<Found> {
        self.find(self.key(call)).map(|entry| Found { entry, origin: Origin::Memory })
    }

    /// Puts a value in place of whatever the tiers hold, as a load that began now would.
    pub(crate) fn put<'a>(self: &'a Arc<Self>, call: &'a Keyed, value: Box<dyn Erased>) -> Boxed<'a, Invalidation> {
        // Those in front are told at the end: they ask at once, and shall be given this value.
        let telling = Telling(self, &call.key);
        Box::pin(async move {
            let _telling = telling;
            self.replace(call, value).await
        })
    }

    /// The same as a part of something that those in front are told of, or that is not theirs to know.
    pub(crate) fn put_untold<'a>(
        self: &'a Arc<Self>,
        call: &'a Keyed,
        value: Box<dyn Erased>,
    ) -> Boxed<'a, Invalidation> {
        Box::pin(self.replace(call, value))
    }

    async fn replace(self: &Arc<Self>, call: &Keyed, value: Box<dyn Erased>) -> Invalidation {
        let invalidated = self.drop_everywhere(&call.key, false).await;
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
        Box::pin(self.drop_everywhere(call, true))
    }

    async fn drop_everywhere(self: &Arc<Self>, call: &KeyBuf, tells: bool) -> Invalidation {
        self.drop_memory(call);
        let names = if tells { self.entry_in_front(call) } else { Vec::new() };
        let Some((shared, _)) = &self.shared else {
            self.tell(&names);
            return Invalidation::Done;
        };
        let (cache, key) = (Arc::clone(self), self.key(call).to_key());
        let after = move || {
            cache.drop_local(key.borrowed());
            cache.tell(&names);
        };
        shared.invalidate(self.names.entry(call), after).await
    }

    /// Invalidates one key of a function that no shared tier knows.
    pub(crate) fn invalidate_memory(&self, call: &KeyBuf) -> Invalidation {
        self.drop_memory(call);
        self.tell(&self.entry_in_front(call));
        Invalidation::Done
    }

    /// The part of an invalidation that is memory's.
    pub(crate) fn drop_memory(&self, call: &KeyBuf) {
        count(&self.counters.invalidations);
        self.drop_local(self.key(call));
    }

    /// What caches in front know the answers made of an entry by; nothing where none is told.
    pub(crate) fn entry_in_front(&self, call: &KeyBuf) -> Vec<String> {
        if self.fronts.are_followed() { vec![self.names.entry_in_front(call)] } else { Vec::new() }
    }

    /// All that they know them by.
    pub(crate) fn in_front(&self, call: &KeyBuf) -> Vec<String> {
        if self.fronts.are_followed() { self.names.in_front(call).into() } else { Vec::new() }
    }

    fn tell(&self, names: &[String]) {
        self.fronts.tell(names, self.shared.as_ref().map(|(shared, _)| shared), None);
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
        let Some((shared, _)) = &self.shared else {
            self.tell(&[self.names.function_in_front()]);
            return Invalidation::Done;
        };
        let cache = Arc::clone(self);
        let after = move || {
            cache.drop_all_local();
            cache.tell(&[cache.names.function_in_front()]);
        };
        shared.invalidate(self.names.function(), after).await
    }

    /// Invalidates every key in memory.
    pub(crate) fn clear_memory(&self) -> Invalidation {
        count(&self.counters.invalidations);
        self.drop_all_local();
        self.tell(&[self.names.function_in_front()]);
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

/// Tells those in front of an entry when it is dropped: also where the one who changes the entry goes away.
struct Telling<'a>(&'a Cache, &'a KeyBuf);

impl Drop for Telling<'_> {
    fn drop(&mut self) {
        self.0.tell(&self.0.entry_in_front(self.1));
    }
}
