//! Which loads are under way, and which of them wait for one another.
//!
//! A load that needs its own value would wait for itself for ever. It may do so by itself, through loads that it has
//! begun and is polling, or through loads of other callers that it follows. The first two are seen on the thread that
//! polls; the third takes a note of who follows whom.
//!
//! What cannot be seen is a load that waits for a task of its own making which calls it again: the task does not know who
//! waits for it.

use std::{
    cell::RefCell,
    collections::{BTreeMap, HashSet},
    sync::{Arc, PoisonError},
};

use super::{
    Flight, Flights, Leader,
    sync::{Mutex, MutexGuard, thread_local},
};
use crate::{key::Key, shared::Turn};

/// A body under way.
#[derive(Clone)]
pub(crate) struct Load {
    /// What it lands, which are many in a batch.
    flights: Arc<[Arc<Flight>]>,
    /// By which it runs without the shared tier.
    turn: Option<Turn>,
}

thread_local! {
    /// The loads that this thread is polling, the innermost last.
    static POLLED: RefCell<Vec<Load>> = const { RefCell::new(Vec::new()) };
}

#[cfg(not(test))]
static WAITS: Mutex<Waits> = Mutex::new(Waits::new());

#[cfg(test)]
shuttle::lazy_static! {
    static ref WAITS: Mutex<Waits> = Mutex::new(Waits::new());
}

impl Load {
    pub(crate) fn of<'a>(leaders: impl IntoIterator<Item = &'a Leader>) -> Self {
        Self { flights: leaders.into_iter().map(|leader| Arc::clone(&leader.flight)).collect(), turn: None }
    }

    /// The same by a turn to run without the shared tier.
    pub(crate) fn by(self, turn: Option<Turn>) -> Self {
        Self { turn, ..self }
    }

    /// Notes that the load is being polled on this thread, until the guard is dropped.
    pub(crate) fn enter(&self) -> Polling {
        POLLED.with(|loads| loads.borrow_mut().push(self.clone()));
        Polling
    }

    /// The one that this thread polls, if any; of several the innermost.
    pub(super) fn current() -> Option<Self> {
        POLLED.with(|loads| loads.borrow().last().cloned())
    }

    /// How many keys it loads.
    pub(crate) fn keys(&self) -> usize {
        self.flights.len()
    }

    /// The turn of a load that waits for this one, be it through others: it waits for whatever this one waits for.
    pub(crate) fn turn_behind(&self) -> Option<Turn> {
        waits().find_behind(self, |load| load.turn.clone())
    }

    fn id(&self) -> *const Arc<Flight> {
        self.flights.as_ptr()
    }

    fn lands(&self, flight: &Arc<Flight>) -> bool {
        self.flights.iter().any(|landed| Arc::ptr_eq(landed, flight))
    }
}

/// Forgets what [`Load::enter`] noted.
pub(crate) struct Polling;

impl Drop for Polling {
    fn drop(&mut self) {
        POLLED.with(|loads| loads.borrow_mut().pop());
    }
}

/// Whether a load that this thread is polling loads the key. By the key and not by the flight: a body that invalidates its
/// own key has left its flight, and would call itself without end.
pub(super) fn is_polled(flights: &Arc<Flights>, key: &Key) -> bool {
    let loads_it = |flight: &Arc<Flight>| flight.table == Flights::id(flights) && flight.key == *key;
    POLLED.with(|loads| loads.borrow().iter().any(|load| load.flights.iter().any(loads_it)))
}

/// Loads that follow flights of other callers.
struct Waits {
    next: u64,
    /// By the flight that is followed, and by their turn.
    following: BTreeMap<(usize, u64), Load>,
}

/// A note that a load follows a flight, until it is dropped.
pub(super) struct Waiting {
    place: (usize, u64),
    /// Keeps the flight's place from becoming another one's.
    _flight: Arc<Flight>,
}

/// The flight's load waits for the load that would follow it.
pub(super) struct Circular;

/// Notes that the load that this thread polls is about to wait for a flight; there is nothing to note where it polls none.
///
/// Two loads that come to need each other at the same moment both stand before this function. To look for a circle and to
/// note the wait are one step under one lock, so the second of them finds the note of the first: of all notes of a
/// circle exactly one is the last, and its caller is refused. What a load has begun inside of another one takes no note,
/// but the flight's own [`inside`](Flight::inside): it is there before that load can follow anybody.
pub(super) fn wait_for(flight: &Arc<Flight>) -> Result<Option<Waiting>, Circular> {
    let Some(load) = Load::current() else { return Ok(None) };
    let mut waits = waits();
    if waits.leads_to(&load, flight) {
        return Err(Circular);
    }
    waits.next += 1;
    let place = (id(flight), waits.next);
    waits.following.insert(place, load);
    Ok(Some(Waiting { place, _flight: Arc::clone(flight) }))
}

impl Drop for Waiting {
    fn drop(&mut self) {
        let _load = waits().following.remove(&self.place);
    }
}

impl Waits {
    const fn new() -> Self {
        Self { next: 0, following: BTreeMap::new() }
    }

    /// Whether the flight's load waits for this one, be it through others.
    fn leads_to(&self, load: &Load, flight: &Arc<Flight>) -> bool {
        load.lands(flight) || self.find_behind(load, |load| load.lands(flight).then_some(())).is_some()
    }

    /// What a load gives that waits for this one, be it through others. It looks at each load once.
    fn find_behind<T>(&self, load: &Load, mut give: impl FnMut(&Load) -> Option<T>) -> Option<T> {
        let (mut met, mut left) = (HashSet::from([load.id()]), vec![load]);
        while let Some(load) = left.pop() {
            for landed in load.flights.iter() {
                for behind in landed.inside().into_iter().chain(self.followers_of(landed)) {
                    if !met.insert(behind.id()) {
                        continue;
                    }
                    if let Some(given) = give(behind) {
                        return Some(given);
                    }
                    left.push(behind);
                }
            }
        }
        None
    }

    fn followers_of(&self, flight: &Arc<Flight>) -> impl Iterator<Item = &Load> {
        self.following.range((id(flight), 0)..=(id(flight), u64::MAX)).map(|(_, load)| load)
    }
}

fn waits() -> MutexGuard<'static, Waits> {
    WAITS.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Which flight it is, while it lasts.
fn id(flight: &Arc<Flight>) -> usize {
    Arc::as_ptr(flight).addr()
}
