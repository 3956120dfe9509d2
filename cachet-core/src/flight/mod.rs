//! Flights: one leader per key in this process, the rest follow.
//!
//! The table of flights is also what keeps outdated values out of memory. A load may store its value only while its
//! flight stands in the table, checked and done under one lock; an invalidation takes the flight out under the same
//! lock. So for a load L and an invalidation I of one key: either I comes first and L finds its flight gone, or L comes
//! first and I removes what it stored. Callers after I find no flight and start their own.
//!
//! A leader that is cancelled or panics drops its [`Leader`], which takes the flight out and then ends its broadcast; each
//! follower then starts over, and the first one becomes the next leader with a loader of its own. Nobody is handed a turn
//! that it may never take.
//!
//! A call that would wait for itself, directly or through what others load, is refused; [`load`] knows who waits for whom.
//!
//! The unit tests let shuttle explore all of this: `tests.rs` says which properties hold in every interleaving.

mod broadcast;
mod load;
mod sync;
#[cfg(test)]
mod tests;

use std::{
    collections::{HashMap, hash_map},
    sync::{Arc, PoisonError},
};

use crate::{
    clock::Tick,
    entry::Entry,
    key::{Key, KeyHash, KeyRef},
    returns::SharedError,
    tags::{AnyTag, TagSeen},
    without::{Rule, without},
};

pub(crate) use self::load::{Load, Polling};
use self::{
    broadcast::Broadcast,
    load::Circular,
    sync::{AtomicBool, AtomicU32, Mutex, MutexGuard, Ordering},
};

/// Independent locks; a power of two.
const SHARDS: usize = 32;

/// Loads under way, by key.
pub(crate) struct Flights {
    shards: [Mutex<Table>; SHARDS],
}

type Table = HashMap<Key, Arc<Flight>, KeyHash>;

/// One load of one key, from its beginning to its end.
struct Flight {
    /// Which table it is of.
    table: usize,
    key: Key,
    ticket: Ticket,
    /// How many confirming commands the leader has sent: commands whose answer says that its value is not outdated. A
    /// caller that joined after one was sent may have come after an invalidation on another node, which the answer
    /// knows nothing of; it starts over.
    confirmations: AtomicU32,
    outcome: Broadcast<Outcome>,
    /// The load whose body made the call that leads this flight.
    caller: Option<Load>,
    /// Whether that call waits no more, though the load goes on.
    is_alone: AtomicBool,
}

impl Flight {
    /// The load that waits for this one because it has begun it.
    fn inside(&self) -> Option<&Load> {
        self.caller.as_ref().filter(|_| !self.is_alone.load(Ordering::Relaxed))
    }
}

/// What a flight's load depends on, noted before it began.
pub(crate) struct Ticket {
    /// When it was taken, by the system's clock; of a function whose shared tier tells of changes.
    pub(crate) asked: Tick,
    pub(crate) generation: u64,
    pub(crate) tags: Option<Arc<[TagSeen]>>,
    /// Of a function whose values have tags of their own.
    pub(crate) any_tag: Option<AnyTag>,
    /// The entry's key in the shared tier, if it was made.
    pub(crate) name: Option<Arc<str>>,
}

impl Ticket {
    fn is_current(&self, generation: u64) -> bool {
        self.generation == generation
            && self.tags.as_deref().is_none_or(TagSeen::all_current)
            && self.any_tag.as_ref().is_none_or(AnyTag::is_current)
    }
}

/// How a flight ended, if not with nothing that others may use.
#[derive(Clone)]
enum Outcome {
    Value(Arc<Entry>, Audience),
    Error(SharedError),
}

/// Which followers may have a value.
#[derive(Clone, Copy)]
enum Audience {
    All,
    /// Those who joined before so many confirming commands were sent.
    JoinedBefore(u32),
}

impl Audience {
    fn includes(self, joined: u32) -> bool {
        match self {
            Self::All => true,
            Self::JoinedBefore(sent) => joined < sent || without(Rule::Join),
        }
    }
}

/// A caller's part in a flight.
pub(crate) enum Boarding {
    Lead(Leader),
    Follow(Follower),
    /// The caller is inside the load that it would wait for.
    Inside,
}

impl Flights {
    pub(crate) fn new() -> Self {
        Self { shards: std::array::from_fn(|_| Mutex::default()) }
    }

    /// Which table it is, while it lasts.
    fn id(self: &Arc<Self>) -> usize {
        Arc::as_ptr(self).addr()
    }

    /// Joins the key's flight, or begins one where there is none that may be joined. A caller inside of a load of the key
    /// does neither.
    pub(crate) fn board(self: &Arc<Self>, key: &Key, generation: u64, ticket: impl FnOnce() -> Ticket) -> Boarding {
        if load::is_polled(self, key) {
            return Boarding::Inside;
        }
        match self.join(key, generation, ticket) {
            Ok(leader) => Boarding::Lead(leader),
            Err(follower) => Boarding::Follow(follower),
        }
    }

    /// Begins a flight where there is none that may be joined, for a value that is at hand: there is no load that could
    /// wait for itself.
    pub(crate) fn begin(
        self: &Arc<Self>,
        key: &Key,
        generation: u64,
        ticket: impl FnOnce() -> Ticket,
    ) -> Option<Leader> {
        self.join(key, generation, ticket).ok()
    }

    fn join(self: &Arc<Self>, key: &Key, generation: u64, ticket: impl FnOnce() -> Ticket) -> Result<Leader, Follower> {
        let mut shard = self.shard(key.borrowed());
        if let Some(flight) = shard.get(key).filter(|flight| flight.ticket.is_current(generation)) {
            let joined = flight.confirmations.load(Ordering::Relaxed);
            return Err(Follower { joined, flight: Arc::clone(flight) });
        }
        let flight = Arc::new(Flight {
            table: self.id(),
            key: key.clone(),
            ticket: ticket(),
            confirmations: AtomicU32::new(0),
            outcome: Broadcast::new(),
            caller: Load::current(),
            is_alone: AtomicBool::new(false),
        });
        let _outdated = shard.insert(key.clone(), Arc::clone(&flight));
        drop(shard);
        Ok(Leader { flights: Arc::clone(self), flight, is_over: false })
    }

    /// Takes the key's flight out, so that nobody joins it and its value is not stored; `and` runs under the same lock.
    pub(crate) fn detach(&self, key: KeyRef<'_>, and: impl FnOnce()) {
        let mut shard = self.shard(key);
        shard.remove(&key.to_key());
        and();
    }

    /// Takes all flights out; `and` runs after the last one went.
    pub(crate) fn detach_all(&self, and: impl FnOnce()) {
        for shard in &self.shards {
            shard.lock().unwrap_or_else(PoisonError::into_inner).clear();
        }
        and();
    }

    fn shard(&self, key: KeyRef<'_>) -> MutexGuard<'_, Table> {
        let index = usize::try_from(key.hash_code() >> 32).unwrap_or_default() % SHARDS;
        self.shards[index].lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The one caller that loads. Dropping it without an end makes every follower start over.
pub(crate) struct Leader {
    flights: Arc<Flights>,
    flight: Arc<Flight>,
    is_over: bool,
}

impl Leader {
    pub(crate) fn ticket(&self) -> &Ticket {
        &self.flight.ticket
    }

    /// To be called before a confirming command is sent; whoever joins from here on cannot use its answer.
    pub(crate) fn confirming(&self) {
        let _shard = self.shard();
        self.flight.confirmations.fetch_add(1, Ordering::Relaxed);
    }

    /// Whether anybody waits for this flight.
    pub(crate) fn is_followed(&self) -> bool {
        self.flight.outcome.is_awaited()
    }

    /// To be called when the load goes on without the call that began it.
    pub(crate) fn go_alone(&self) {
        self.flight.is_alone.store(true, Ordering::Relaxed);
    }

    /// Ends the flight with a value whose last confirming command confirmed it. `store` runs if nothing invalidated the
    /// key meanwhile.
    pub(crate) fn land(self, entry: Arc<Entry>, store: impl FnOnce(Key, Arc<Entry>)) {
        let audience = match self.flight.confirmations.load(Ordering::Relaxed) {
            0 => Audience::All,
            sent => Audience::JoinedBefore(sent),
        };
        self.end(Some(Outcome::Value(Arc::clone(&entry), audience)), |key| store(key, entry));
    }

    /// Ends the flight with a value that no tier confirmed, for all who wait for it.
    pub(crate) fn land_unconfirmed(self, entry: Arc<Entry>, store: impl FnOnce(Key, Arc<Entry>)) {
        self.end(Some(Outcome::Value(Arc::clone(&entry), Audience::All)), |key| store(key, entry));
    }

    /// Ends the flight with a value whose last confirming command was not answered: it is for those whom the one before
    /// would have confirmed it for.
    pub(crate) fn land_unanswered(self, entry: Arc<Entry>, store: impl FnOnce(Key, Arc<Entry>)) {
        let sent = self.flight.confirmations.load(Ordering::Relaxed);
        let audience = Audience::JoinedBefore(sent.saturating_sub(1));
        self.end(Some(Outcome::Value(Arc::clone(&entry), audience)), |key| store(key, entry));
    }

    /// Whether nothing has invalidated the key since the flight began.
    pub(crate) fn stands(&self) -> bool {
        self.shard().get(&self.flight.key).is_some_and(|flight| Arc::ptr_eq(flight, &self.flight))
    }

    /// The key of the flight.
    pub(crate) fn key(&self) -> KeyRef<'_> {
        self.flight.key.borrowed()
    }

    /// Ends the flight with a value from before the load, and says whether it does: if anything invalidated the key
    /// meanwhile, nobody is given it.
    pub(crate) fn land_if_standing(mut self, entry: Arc<Entry>, store: impl FnOnce(Key, Arc<Entry>)) -> bool {
        let stands = self.take_out(|key| store(key, Arc::clone(&entry)));
        self.tell(stands.then_some(Outcome::Value(entry, Audience::All)));
        stands
    }

    /// Ends the flight with the loader's error.
    pub(crate) fn fail(self, error: Option<SharedError>) {
        self.end(error.map(Outcome::Error), drop);
    }

    fn end(mut self, outcome: Option<Outcome>, store: impl FnOnce(Key)) {
        self.take_out(store);
        self.tell(outcome);
    }

    /// Takes the flight out of the table, and says whether it stood there; if so, `store` runs under the same lock.
    fn take_out(&self, store: impl FnOnce(Key)) -> bool {
        let mut shard = self.shard();
        match shard.entry(self.flight.key.clone()) {
            hash_map::Entry::Occupied(flight) if Arc::ptr_eq(flight.get(), &self.flight) => {
                store(flight.remove_entry().0);
                true
            }
            _ => false,
        }
    }

    /// Tells the followers. The flight is out of the table by now, or those who start over would find it again.
    fn tell(&mut self, outcome: Option<Outcome>) {
        self.is_over = true;
        self.flight.outcome.end(outcome);
    }

    fn shard(&self) -> MutexGuard<'_, Table> {
        self.flights.shard(self.key())
    }
}

impl Drop for Leader {
    /// Gives an abandoned flight up.
    fn drop(&mut self) {
        if !self.is_over {
            self.take_out(drop);
            self.tell(None);
        }
    }
}

/// A caller that waits for the leader.
pub(crate) struct Follower {
    joined: u32,
    flight: Arc<Flight>,
}

/// What became of waiting.
pub(crate) enum Followed {
    Value(Arc<Entry>),
    Error(SharedError),
    /// There is nothing that this caller may use.
    StartOver,
    /// The leader's load waits for a load that the caller is inside of.
    Inside,
}

impl Follower {
    /// The leader's value or error. A caller that is inside of a load is known to wait from the first poll on, until the
    /// future is dropped.
    pub(crate) async fn outcome(self) -> Followed {
        let _waiting = match load::wait_for(&self.flight) {
            Ok(waiting) => waiting,
            Err(Circular) => return Followed::Inside,
        };
        match self.flight.outcome.listen().await {
            Some(Outcome::Value(entry, audience)) if audience.includes(self.joined) => Followed::Value(entry),
            Some(Outcome::Error(error)) => Followed::Error(error),
            Some(Outcome::Value(..)) | None => Followed::StartOver,
        }
    }
}
