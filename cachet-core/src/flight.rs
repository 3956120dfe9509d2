//! Flights: one leader per key in this process, the rest follow.
//!
//! The table of flights is also what keeps outdated values out of memory. A load may store its value only while its
//! flight stands in the table, checked and done under one lock; an invalidation takes the flight out under the same
//! lock. So for a load L and an invalidation I of one key: either I comes first and L finds its flight gone, or L comes
//! first and I removes what it stored. Callers after I find no flight and start their own.
//!
//! A leader that is cancelled or panics drops its [`Leader`], which closes the channel; each follower then starts over,
//! and the first one becomes the next leader with a loader of its own. Nobody is handed a turn that it may never take.

use std::{
    cell::RefCell,
    collections::{HashMap, hash_map},
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU8, Ordering},
    },
};

use tokio::sync::watch;

use crate::{
    clock::Tick,
    entry::Entry,
    key::{Key, KeyHash, KeyRef},
    returns::SharedError,
    tags::{AnyTag, TagSeen},
    without::{Rule, without},
};

/// Independent locks; a power of two.
const SHARDS: usize = 32;

/// Loads under way, by key.
pub(crate) struct Flights {
    shards: [Mutex<HashMap<Key, Flight, KeyHash>>; SHARDS],
}

type Shard<'a> = MutexGuard<'a, HashMap<Key, Flight, KeyHash>>;

struct Flight {
    state: Arc<State>,
    outcome: watch::Receiver<Option<Outcome>>,
}

/// What a flight's load depends on, noted before it began.
pub(crate) struct Ticket {
    /// When it was taken, by the system's clock; of a function whose shared tier tells of changes.
    pub(crate) asked: Tick,
    pub(crate) generation: u64,
    pub(crate) tags: Option<Arc<[TagSeen]>>,
    /// Of a function whose values have tags of their own.
    pub(crate) any_tag: Option<AnyTag>,
}

impl Ticket {
    fn is_current(&self, generation: u64) -> bool {
        self.generation == generation
            && self.tags.as_deref().is_none_or(TagSeen::all_current)
            && self.any_tag.as_ref().is_none_or(AnyTag::is_current)
    }
}

struct State {
    ticket: Ticket,
    /// How many confirming commands the leader has sent: commands whose answer says that its value is not outdated. A
    /// caller that joined after one was sent may have come after an invalidation on another node, which the answer
    /// knows nothing of; it starts over.
    confirmations: AtomicU8,
}

impl State {
    /// Which flight it is, while it lasts.
    fn id(self: &Arc<Self>) -> usize {
        Arc::as_ptr(self).addr()
    }
}

/// How a flight ended.
#[derive(Clone)]
enum Outcome {
    /// A value for those who joined before the given number of confirmations were sent.
    Value(Arc<Entry>, u8),
    Error(SharedError),
    /// Nothing that others may use.
    StartOver,
}

/// A caller's part in a flight.
pub(crate) enum Boarding {
    Lead(Leader),
    Follow(Follower),
    /// The caller is inside the load that it would wait for.
    Inside,
}

thread_local! {
    /// The flights whose loads this thread is polling, the innermost last.
    static LEADING: RefCell<Vec<usize>> = const { RefCell::new(Vec::new()) };
}

/// Notes that the loads of these flights are being polled on this thread, until the guard is dropped.
pub(crate) fn leading<'a>(leaders: impl IntoIterator<Item = &'a Leader>) -> Leading {
    LEADING.with_borrow_mut(|flights| {
        let before = flights.len();
        flights.extend(leaders.into_iter().map(|leader| leader.state.id()));
        Leading { before }
    })
}

/// Whether the caller is inside a load.
pub(crate) fn is_inside_a_load() -> bool {
    LEADING.with_borrow(|flights| !flights.is_empty())
}

/// Forgets what [`leading`] noted.
pub(crate) struct Leading {
    before: usize,
}

impl Drop for Leading {
    fn drop(&mut self) {
        LEADING.with_borrow_mut(|flights| flights.truncate(self.before));
    }
}

impl Flights {
    pub(crate) fn new() -> Self {
        Self { shards: std::array::from_fn(|_| Mutex::default()) }
    }

    /// Joins the key's flight, or begins one where there is none that may be joined.
    pub(crate) fn board(self: &Arc<Self>, key: &Key, generation: u64, ticket: impl FnOnce() -> Ticket) -> Boarding {
        let mut shard = self.shard(key.borrowed());
        if let Some(flight) = shard.get(key).filter(|flight| flight.state.ticket.is_current(generation)) {
            if LEADING.with_borrow(|flights| flights.contains(&flight.state.id())) {
                return Boarding::Inside;
            }
            return Boarding::Follow(Follower {
                joined: flight.state.confirmations.load(Ordering::Relaxed),
                outcome: flight.outcome.clone(),
            });
        }
        let (sender, outcome) = watch::channel(None);
        let state = Arc::new(State { ticket: ticket(), confirmations: AtomicU8::new(0) });
        shard.insert(key.clone(), Flight { state: Arc::clone(&state), outcome });
        Boarding::Lead(Leader { flights: Arc::clone(self), key: key.clone(), state, sender })
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

    fn shard(&self, key: KeyRef<'_>) -> Shard<'_> {
        let index = usize::try_from(key.hash_code() >> 32).unwrap_or_default() % SHARDS;
        self.shards[index].lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The one caller that loads. Dropping it without an end makes every follower start over.
pub(crate) struct Leader {
    flights: Arc<Flights>,
    key: Key,
    state: Arc<State>,
    sender: watch::Sender<Option<Outcome>>,
}

impl Leader {
    pub(crate) fn ticket(&self) -> &Ticket {
        &self.state.ticket
    }

    /// To be called before a confirming command is sent; whoever joins from here on cannot use its answer.
    pub(crate) fn confirming(&self) {
        let _shard = self.flights.shard(self.key.borrowed());
        // Bounded by the few commands of one load; it saturates rather than wraps.
        let sent = self.state.confirmations.load(Ordering::Relaxed);
        self.state.confirmations.store(sent.saturating_add(1), Ordering::Relaxed);
    }

    /// Ends the flight with a value whose last confirming command confirmed it. `store` runs if nothing invalidated the
    /// key meanwhile.
    pub(crate) fn land(self, entry: Arc<Entry>, store: impl FnOnce(Key, Arc<Entry>)) {
        let confirmed = self.state.confirmations.load(Ordering::Relaxed);
        let bound = if confirmed == 0 { u8::MAX } else { confirmed };
        self.end(Outcome::Value(Arc::clone(&entry), bound), |key| store(key, entry));
    }

    /// Ends the flight with a value that no tier confirmed, for all who wait for it.
    pub(crate) fn land_unconfirmed(self, entry: Arc<Entry>, store: impl FnOnce(Key, Arc<Entry>)) {
        self.end(Outcome::Value(Arc::clone(&entry), u8::MAX), |key| store(key, entry));
    }

    /// Whether nothing has invalidated the key since the flight began.
    pub(crate) fn stands(&self) -> bool {
        let shard = self.flights.shard(self.key.borrowed());
        shard.get(&self.key).is_some_and(|flight| Arc::ptr_eq(&flight.state, &self.state))
    }

    /// The key of the flight.
    pub(crate) fn key(&self) -> KeyRef<'_> {
        self.key.borrowed()
    }

    /// Ends the flight with a value from before the load, and says whether it does: if anything invalidated the key
    /// meanwhile, nobody is given it.
    pub(crate) fn land_if_standing(self, entry: Arc<Entry>, store: impl FnOnce(Key, Arc<Entry>)) -> bool {
        let mut shard = self.flights.shard(self.key.borrowed());
        let stands = shard.get(&self.key).is_some_and(|flight| Arc::ptr_eq(&flight.state, &self.state));
        if stands {
            shard.remove(&self.key);
            store(self.key.clone(), Arc::clone(&entry));
        }
        drop(shard);
        self.sender.send_replace(Some(if stands { Outcome::Value(entry, u8::MAX) } else { Outcome::StartOver }));
        stands
    }

    /// Ends the flight with the loader's error.
    pub(crate) fn fail(self, error: Option<SharedError>) {
        self.end(error.map_or(Outcome::StartOver, Outcome::Error), drop);
    }

    fn end(self, outcome: Outcome, store: impl FnOnce(Key)) {
        let mut shard = self.flights.shard(self.key.borrowed());
        if let hash_map::Entry::Occupied(flight) = shard.entry(self.key.clone())
            && Arc::ptr_eq(&flight.get().state, &self.state)
        {
            store(flight.remove_entry().0);
        }
        drop(shard);
        self.sender.send_replace(Some(outcome));
    }
}

impl Drop for Leader {
    /// Takes an abandoned flight out of the table; after an end it is out already.
    fn drop(&mut self) {
        let mut shard = self.flights.shard(self.key.borrowed());
        if shard.get(&self.key).is_some_and(|flight| Arc::ptr_eq(&flight.state, &self.state)) {
            shard.remove(&self.key);
        }
    }
}

/// A caller that waits for the leader.
pub(crate) struct Follower {
    joined: u8,
    outcome: watch::Receiver<Option<Outcome>>,
}

impl Follower {
    /// The leader's value or error; `None` when the caller has to start over.
    pub(crate) async fn outcome(mut self) -> Option<Result<Arc<Entry>, SharedError>> {
        let outcome = self.outcome.wait_for(Option::is_some).await.ok()?.clone()?;
        match outcome {
            Outcome::Value(entry, bound) if self.joined < bound || without(Rule::Join) => Some(Ok(entry)),
            Outcome::Error(error) => Some(Err(error)),
            Outcome::Value(..) | Outcome::StartOver => None,
        }
    }
}
