//! The other engine, `mini-moka`: it puts its entries in order some time after they came, so a bound in bytes is kept here.

use std::sync::{
    Arc, Mutex, MutexGuard, PoisonError,
    atomic::{AtomicU64, Ordering},
};

use mini_moka::sync::{Cache, ConcurrentCacheExt as _};

use super::Bound;
use crate::{
    entry::Entry,
    key::{Key, KeyHash, KeyRef},
};

pub(crate) struct MiniMoka {
    table: Cache<Key, Held, KeyHash>,
    room: Option<Arc<Room>>,
    /// Held while an entry comes, so that a sweep does not remove it in place of its predecessor.
    inserting: Mutex<()>,
    evictions: Arc<AtomicU64>,
}

/// An entry, and what it takes of the bound for as long as the table has it.
#[derive(Clone)]
struct Held {
    entry: Arc<Entry>,
    _part: Option<Arc<Part>>,
}

/// A bound in bytes, and how many are taken: by the entries in order, and by those that wait for it.
struct Room {
    most: u64,
    taken: AtomicU64,
}

struct Part {
    room: Arc<Room>,
    weight: u64,
}

impl MiniMoka {
    pub(super) fn new(bound: Bound, evictions: Arc<AtomicU64>) -> Self {
        let (table, room) = match bound {
            Bound::Entries(most) => (Cache::builder().max_capacity(most as u64), None),
            Bound::Bytes(most) => {
                let weigh = |_: &Key, held: &Held| u32::try_from(held.entry.weight()).unwrap_or(u32::MAX);
                let room = Room { most, taken: AtomicU64::new(0) };
                (Cache::builder().max_capacity(room.in_order()).weigher(weigh), Some(Arc::new(room)))
            }
        };
        Self { table: table.build_with_hasher(KeyHash), room, inserting: Mutex::default(), evictions }
    }

    /// Not inlined, so that a hit of the other engine saves no registers for this one's sake.
    #[inline(never)]
    pub(super) fn get(&self, key: KeyRef<'_>) -> Option<Arc<Entry>> {
        self.table.get(&key.to_key()).map(|held| held.entry)
    }

    pub(super) fn insert(&self, key: Key, entry: Arc<Entry>) {
        let _alone = self.alone();
        if let Ok(part) = self.part(entry.weight()) {
            self.table.insert(key, Held { entry, _part: part });
        } else {
            self.table.invalidate(&key);
            self.evictions.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Room for an entry, if the bound is in bytes.
    fn part(&self, weight: u64) -> Result<Option<Arc<Part>>, Full> {
        let Some(room) = &self.room else { return Ok(None) };
        if weight > room.in_order() {
            return Err(Full);
        }
        let part = room.part(weight).or_else(|Full| {
            // What was evicted is given back when the engine does its housekeeping.
            self.table.sync();
            room.part(weight)
        })?;
        Ok(Some(Arc::new(part)))
    }

    pub(super) fn remove(&self, key: KeyRef<'_>) {
        self.table.invalidate(&key.to_key());
    }

    pub(super) fn clear(&self) {
        self.table.invalidate_all();
    }

    pub(super) fn len(&self) -> u64 {
        self.table.entry_count()
    }

    pub(super) fn weight(&self) -> u64 {
        self.room.as_ref().map_or_else(|| self.len(), |room| room.taken.load(Ordering::Acquire))
    }

    pub(super) fn sweep(&self, is_over: impl Fn(&Entry) -> bool) {
        // The iteration holds a lock that a removal takes.
        let over: Vec<Key> = {
            let entries = self.table.iter().filter(|held| is_over(&held.value().entry));
            entries.map(|held| held.key().clone()).collect()
        };
        for key in over {
            let _alone = self.alone();
            if self.table.get(&key).is_some_and(|held| is_over(&held.entry)) {
                self.table.invalidate(&key);
            }
        }
        self.table.sync();
    }

    fn alone(&self) -> MutexGuard<'_, ()> {
        self.inserting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// There is no room.
struct Full;

impl Room {
    /// How much of it is for entries in order.
    fn in_order(&self) -> u64 {
        self.most - self.most / 8
    }

    fn part(self: &Arc<Self>, weight: u64) -> Result<Part, Full> {
        let fits = |taken: u64| taken.checked_add(weight).filter(|taken| *taken <= self.most);
        let taken = self.taken.fetch_update(Ordering::AcqRel, Ordering::Acquire, fits);
        taken.map(|_| Part { room: Arc::clone(self), weight }).map_err(|_| Full)
    }
}

impl Drop for Part {
    fn drop(&mut self) {
        self.room.taken.fetch_sub(self.weight, Ordering::AcqRel);
    }
}
