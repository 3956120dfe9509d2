//! The beginning of what only the shared tier holds, for an answer that needs no more of it.

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

use serde::de::DeserializeOwned;

use super::{Boxed, Cache};
use crate::{
    clock::Tick,
    codec,
    entry::Entry,
    erased::Erased,
    events::count,
    flight::Ticket,
    key::KeyRef,
    private::Keyed,
    tier::{Read, StoredEntry},
};

/// Marks of keys of which a beginning was read.
static READ: [AtomicU64; 1024] = [const { AtomicU64::new(0) }; 1024];

/// A fresh value whose beginning is known.
pub(crate) struct Start {
    stored: StoredEntry,
    asked: Tick,
    ticket: Ticket,
}

impl Cache {
    /// Whether the beginning of what the shared tier holds is to be read: not where memory has the value, or is better
    /// given it. A key that is asked for again is read whole, and memory answers from then on.
    pub(crate) fn wants_start(&self, call: &Keyed) -> bool {
        let key = self.key(&call.key);
        self.shared.is_some() && self.envelope.seal.is_none() && self.usable(key).is_none() && !self.was_read(key)
    }

    pub(crate) fn start<'a>(&'a self, call: &'a Keyed, bytes: usize) -> Boxed<'a, Option<Start>> {
        Box::pin(async move {
            let (shared, _) = self.shared.as_ref()?;
            let (asked, ticket) = (self.clock.now(), self.ticket(call));
            match shared.read_start(self.lookup(call), bytes).await {
                Some(Read::Hit(stored)) if !stored.remaining.is_zero() => Some(Start { stored, asked, ticket }),
                _ => None,
            }
        })
    }

    /// Whether a beginning was read under the key, which is forgotten then. Another key may be taken for it, at times.
    fn was_read(&self, key: KeyRef<'_>) -> bool {
        if self.memory.is_none() {
            return false;
        }
        let mark = key.hash_code();
        let place = &READ[usize::try_from(mark % READ.len() as u64).expect("it is below a length")];
        let was_read = place.load(Ordering::Relaxed) == mark;
        place.store(if was_read { 0 } else { mark }, Ordering::Relaxed);
        was_read
    }

    /// What a value begins with, where that can be told.
    pub(crate) fn begins_with<T: DeserializeOwned>(&self, start: &Start) -> Option<T> {
        let (_, codec) = self.shared.as_ref()?;
        codec::decode_start(codec.name(), self.envelope.open_start(&start.stored.entry)?)
    }

    /// An entry for what is known of a value. Memory is not given it.
    pub(crate) fn entry_of_start(&self, value: Box<dyn Erased>, start: &Start) -> Arc<Entry> {
        self.mirror(value, &start.stored, start.asked, &start.ticket)
    }

    /// Counts a call that was answered by a beginning.
    pub(crate) fn answered_by_start(&self) {
        count(&self.counters.misses);
        count(&self.counters.shared_hits);
    }
}
