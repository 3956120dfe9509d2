//! The memory tier of one function: values of any type behind one of two engines, bounded.

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

use quick_cache::{Equivalent, Lifecycle, UnitWeighter};

use crate::{
    entry::Entry,
    key::{Key, KeyHash, KeyRef},
};

/// The table behind the memory tier.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Engine {
    /// `quick_cache`, an S3-FIFO relative: the cheaper hit and the smaller entry.
    #[default]
    QuickCache,
    /// `mini-moka`, W-TinyLFU. It looks up by owned keys only, so a hit copies its key; its housekeeping runs on
    /// callers' threads, and it does not tell what it evicts.
    MiniMoka,
}

pub(crate) enum Memory {
    QuickCache(quick_cache::sync::Cache<Key, Arc<Entry>, UnitWeighter, KeyHash, CountEvictions>),
    MiniMoka(mini_moka::sync::Cache<Key, Arc<Entry>, KeyHash>),
}

impl Memory {
    /// A tier of at most `capacity` entries.
    pub(crate) fn new(engine: Engine, capacity: usize, evictions: Arc<AtomicU64>) -> Self {
        match engine {
            Engine::QuickCache => Self::QuickCache(quick_cache::sync::Cache::with(
                capacity,
                capacity as u64,
                UnitWeighter,
                KeyHash,
                CountEvictions(evictions),
            )),
            Engine::MiniMoka => Self::MiniMoka(
                mini_moka::sync::Cache::builder().max_capacity(capacity as u64).build_with_hasher(KeyHash),
            ),
        }
    }

    /// Looks an entry up for a call, which is a use of it.
    ///
    /// This is called in one place, so that the compiler puts the table's look-up there and saves registers once.
    #[inline]
    pub(crate) fn get(&self, key: KeyRef<'_>) -> Option<Arc<Entry>> {
        match self {
            Self::QuickCache(cache) => cache.get(&key),
            Self::MiniMoka(cache) => get_by_copy(cache, key),
        }
    }

    /// Looks an entry up once more, or for a control. It is no use of the entry where the engine can tell.
    pub(crate) fn peek(&self, key: KeyRef<'_>) -> Option<Arc<Entry>> {
        match self {
            Self::QuickCache(cache) => cache.peek(&key),
            Self::MiniMoka(cache) => get_by_copy(cache, key),
        }
    }

    pub(crate) fn insert(&self, key: Key, entry: Arc<Entry>) {
        match self {
            Self::QuickCache(cache) => {
                let mut inserting = Inserting(Some(key.borrowed().hash_code()));
                cache.insert_with_lifecycle(key, entry, &mut inserting);
            }
            Self::MiniMoka(cache) => cache.insert(key, entry),
        }
    }

    pub(crate) fn remove(&self, key: KeyRef<'_>) {
        match self {
            Self::QuickCache(cache) => drop(cache.remove(&key)),
            Self::MiniMoka(cache) => cache.invalidate(&key.to_key()),
        }
    }

    pub(crate) fn clear(&self) {
        match self {
            Self::QuickCache(cache) => cache.clear(),
            Self::MiniMoka(cache) => cache.invalidate_all(),
        }
    }

    /// How many entries there are, expired ones that nobody asked for since included.
    pub(crate) fn len(&self) -> u64 {
        match self {
            Self::QuickCache(cache) => cache.len() as u64,
            Self::MiniMoka(cache) => cache.entry_count(),
        }
    }
}

/// Apart from [`Memory::get`], so that a hit of the other engine saves no registers for this one's sake.
#[inline(never)]
fn get_by_copy(cache: &mini_moka::sync::Cache<Key, Arc<Entry>, KeyHash>, key: KeyRef<'_>) -> Option<Arc<Entry>> {
    cache.get(&key.to_key())
}

impl Equivalent<Key> for KeyRef<'_> {
    #[inline]
    fn equivalent(&self, key: &Key) -> bool {
        *self == key.borrowed()
    }
}

/// Counts what `quick_cache` evicts for want of room.
#[derive(Clone)]
pub(crate) struct CountEvictions(Arc<AtomicU64>);

/// The hash of the key that is being inserted: an entry that makes way for its successor is not evicted.
#[derive(Default)]
pub(crate) struct Inserting(Option<u64>);

impl Lifecycle<Key, Arc<Entry>> for CountEvictions {
    type RequestState = Inserting;

    fn on_evict(&self, inserting: &mut Inserting, key: Key, _: Arc<Entry>) {
        if inserting.0 != Some(key.borrowed().hash_code()) {
            self.0.fetch_add(1, Ordering::Relaxed);
        }
    }
}
