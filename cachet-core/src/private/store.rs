//! A cache without a function: for what decides itself what it loads and how long it keeps it, such as a cache of
//! responses.
//!
//! The promises are those of cached functions. A [`Filling`] is begun before the load; an invalidation of one of its tags
//! that comes after that voids it, in memory and in the shared tier.

use std::{any::TypeId, marker::PhantomData, sync::Arc, time::Duration};

use super::Keyed;
use crate::{
    cache::{Begun, Cache, Lead, Loaded},
    clock::Tick,
    entry::{Cached, Entry, Origin},
    erased::erase,
    key::KeyBuf,
    policy::Spec,
    returns::{PLAIN, Shape, Splits, Value},
    runtime::Cachet,
};

/// What is stored under keys in one runtime, by one name.
pub struct Store<V> {
    cache: Arc<Cache>,
    of: PhantomData<fn() -> V>,
}

impl<V> Clone for Store<V> {
    fn clone(&self) -> Self {
        Self { cache: Arc::clone(&self.cache), of: PhantomData }
    }
}

impl<V: Value + Clone + Send + Sync + 'static> Store<V>
where
    Shape<PLAIN>: Splits<V, Stored = V>,
{
    /// The store of that type in the runtime, made with the first caller's `spec`.
    pub fn open(runtime: &Cachet, spec: Spec<V, Shape<PLAIN>>) -> Self {
        // No function's static is at address zero.
        let id = (0, TypeId::of::<V>());
        let cache = runtime.cache(id, |surroundings| Cache::new(spec.into_settings(), surroundings));
        Self { cache, of: PhantomData }
    }

    /// Tells the store from those of other runtimes.
    pub fn identity(&self) -> usize {
        Arc::as_ptr(&self.cache).addr()
    }

    /// What memory holds.
    pub fn at_hand(&self, key: &KeyBuf) -> Option<Cached<V>> {
        self.cached(self.cache.hit(key)?, Origin::Memory)
    }

    /// What the tiers hold.
    pub async fn look(&self, call: &Keyed) -> Option<Cached<V>> {
        if let Some(stored) = self.at_hand(&call.key) {
            return Some(stored);
        }
        let found = self.cache.peek(call).await?;
        self.cached(found.entry, found.origin)
    }

    /// Begins a load whose value is going to stand under a key that nobody else uses. `None` where nothing may be
    /// stored: a writer fences a tag.
    pub async fn begin(&self, call: Keyed) -> Option<Filling<V>> {
        match self.cache.begin_alone(call).await {
            Begun::Lead(lead) if lead.is_let_in() => Some(Filling { lead, of: PhantomData }),
            Begun::Lead(_) | Begun::Found(_) | Begun::Failed(_) | Begun::Spared => None,
        }
    }

    /// Whether a tier holds something, without counting as a look-up.
    pub async fn holds(&self, call: &Keyed) -> bool {
        self.cache.holds(call).await
    }

    /// The time on the runtime's clock, for spans between two moments.
    pub fn now(&self) -> Duration {
        self.cache.now().since(Tick::default())
    }

    /// Puts a value in place of what stands there.
    pub async fn put(&self, call: &Keyed, value: V) {
        let _ = self.cache.put_untold(call, erase(value)).await;
    }

    fn cached(&self, entry: Arc<Entry>, origin: Origin) -> Option<Cached<V>> {
        entry.cached(self.cache.now(), origin)
    }
}

/// A load under way. Dropping it stores nothing.
pub struct Filling<V> {
    lead: Lead,
    of: PhantomData<fn() -> V>,
}

impl<V: Value + Clone + Send + Sync + 'static> Filling<V>
where
    Shape<PLAIN>: Splits<V, Stored = V>,
{
    /// Stores what was loaded, unless a tag was invalidated since the load began.
    pub async fn fill(self, value: V) {
        self.lead.fill(Loaded::put(erase(value))).await;
    }
}
