//! The memory tier of one function: values of any type behind one of two engines, bounded.

mod mini;

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    thread,
};

use quick_cache::{Equivalent, Lifecycle, OptionsBuilder, Weighter};

use self::mini::MiniMoka;
use crate::{
    entry::Entry,
    key::{Key, KeyHash, KeyRef},
    policy::Settings,
};

/// The table behind the memory tier.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Engine {
    /// `quick_cache`, an S3-FIFO relative: the cheaper hit and the smaller entry.
    #[default]
    QuickCache,
    /// `mini-moka`, W-TinyLFU. It looks up by owned keys only, so a hit copies its key; its housekeeping runs on
    /// callers' threads, and it does not tell what it evicts. Where `max_bytes` bounds the tier, an eighth of that is
    /// for entries that are not in order yet, and an entry that finds no room there is not kept.
    MiniMoka,
}

/// What an entry weighs beside its key and its value, in bytes: its header, its place in the table, and what the
/// allocator adds to both.
pub(crate) const OVERHEAD: u64 = 256;

/// The least bytes of a shard: below, the bound is not divided any further.
const SHARD: u64 = 1 << 20;

/// What entries are taken to weigh, to guess how many there will be.
const TYPICAL: u64 = 1 << 10;

/// What bounds a tier.
#[derive(Clone, Copy)]
enum Bound {
    Entries(usize),
    Bytes(u64),
}

pub(crate) enum Memory {
    QuickCache(quick_cache::sync::Cache<Key, Arc<Entry>, Weigh, KeyHash, CountEvictions>),
    MiniMoka(MiniMoka),
}

impl Memory {
    pub(crate) fn new(engine: Engine, settings: &Settings, evictions: Arc<AtomicU64>) -> Self {
        let bound = settings.max_bytes.map_or(Bound::Entries(settings.capacity.max(1)), Bound::Bytes);
        match engine {
            Engine::QuickCache => Self::quick_cache(bound, evictions),
            Engine::MiniMoka => Self::MiniMoka(MiniMoka::new(bound, evictions)),
        }
    }

    fn quick_cache(bound: Bound, evictions: Arc<AtomicU64>) -> Self {
        let mut options = OptionsBuilder::new();
        match bound {
            Bound::Entries(most) => options.estimated_items_capacity(most).weight_capacity(most as u64),
            Bound::Bytes(most) => {
                let shards = shards(most);
                let items = usize::try_from(most / TYPICAL).unwrap_or(usize::MAX).max(shards * 32);
                // Each shard is given its part rounded up, so the whole has to be divisible.
                let whole = most - most % shards as u64;
                options.shards(shards).estimated_items_capacity(items).weight_capacity(whole)
            }
        };
        let options = options.build().expect("both capacities are given");
        Self::QuickCache(quick_cache::sync::Cache::with_options(options, Weigh, KeyHash, CountEvictions(evictions)))
    }

    /// Looks an entry up for a call, which is a use of it.
    ///
    /// This is called in one place, so that the compiler puts the table's look-up there and saves registers once.
    #[inline]
    pub(crate) fn get(&self, key: KeyRef<'_>) -> Option<Arc<Entry>> {
        match self {
            Self::QuickCache(cache) => cache.get(&key),
            Self::MiniMoka(cache) => cache.get(key),
        }
    }

    /// Looks an entry up once more, or for a control. It is no use of the entry where the engine can tell.
    pub(crate) fn peek(&self, key: KeyRef<'_>) -> Option<Arc<Entry>> {
        match self {
            Self::QuickCache(cache) => cache.peek(&key),
            Self::MiniMoka(cache) => cache.get(key),
        }
    }

    pub(crate) fn insert(&self, key: Key, entry: Arc<Entry>) {
        match self {
            Self::QuickCache(cache) => {
                let mut inserting = Inserting(Some((key.borrowed().hash_code(), address(&entry))));
                cache.insert_with_lifecycle(key, entry, &mut inserting);
            }
            Self::MiniMoka(cache) => cache.insert(key, entry),
        }
    }

    pub(crate) fn remove(&self, key: KeyRef<'_>) {
        match self {
            Self::QuickCache(cache) => drop(cache.remove(&key)),
            Self::MiniMoka(cache) => cache.remove(key),
        }
    }

    pub(crate) fn clear(&self) {
        match self {
            Self::QuickCache(cache) => cache.clear(),
            Self::MiniMoka(cache) => cache.clear(),
        }
    }

    /// How many entries there are, expired ones that nobody asked for since included.
    pub(crate) fn len(&self) -> u64 {
        match self {
            Self::QuickCache(cache) => cache.len() as u64,
            Self::MiniMoka(cache) => cache.len(),
        }
    }

    /// What the entries weigh together, where that is bounded; else how many there are.
    pub(crate) fn weight(&self) -> u64 {
        match self {
            Self::QuickCache(cache) => cache.weight(),
            Self::MiniMoka(cache) => cache.weight(),
        }
    }

    /// Removes the entries whose time is over. No lock is held for longer than one entry takes.
    ///
    /// Who: the sweep, and a load of the same key. When: the load stores its value after the sweep saw the old one. What
    /// stops it: an entry is looked at once more under the lock that an insertion takes.
    pub(crate) fn sweep(&self, is_over: impl Fn(&Entry) -> bool) {
        match self {
            Self::QuickCache(cache) => {
                for (key, _) in cache.iter().filter(|(_, entry)| is_over(entry)) {
                    cache.remove_if(&key, |entry| is_over(entry));
                }
            }
            Self::MiniMoka(cache) => cache.sweep(is_over),
        }
    }
}

/// As many shards as the engine makes by itself, each of at least [`SHARD`]: an entry has to fit in one.
fn shards(most: u64) -> usize {
    let wanted = thread::available_parallelism().map_or(1, usize::from) * 4;
    let possible = usize::try_from(most / SHARD).unwrap_or(usize::MAX);
    1 << wanted.min(possible).max(1).ilog2()
}

/// Which entry it is.
fn address(entry: &Arc<Entry>) -> usize {
    Arc::as_ptr(entry).addr()
}

impl Equivalent<Key> for KeyRef<'_> {
    #[inline]
    fn equivalent(&self, key: &Key) -> bool {
        *self == key.borrowed()
    }
}

/// An entry's weight as it was when the entry came: what a value weighs may change while it is kept.
#[derive(Clone)]
pub(crate) struct Weigh;

impl Weighter<Key, Arc<Entry>> for Weigh {
    fn weight(&self, _: &Key, entry: &Arc<Entry>) -> u64 {
        entry.weight()
    }
}

/// Counts what `quick_cache` evicts for want of room.
#[derive(Clone)]
pub(crate) struct CountEvictions(Arc<AtomicU64>);

/// The hash of the key that is being inserted, and the entry: one that makes way for its successor is not evicted, and
/// one that is too heavy to be kept is.
#[derive(Default)]
pub(crate) struct Inserting(Option<(u64, usize)>);

impl Lifecycle<Key, Arc<Entry>> for CountEvictions {
    type RequestState = Inserting;

    fn on_evict(&self, inserting: &mut Inserting, key: Key, entry: Arc<Entry>) {
        let makes_way =
            inserting.0.is_some_and(|(hash, new)| hash == key.borrowed().hash_code() && new != address(&entry));
        if !makes_way {
            self.0.fetch_add(1, Ordering::Relaxed);
        }
    }
}
