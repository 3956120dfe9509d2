//! Requests for one answer wait for the one that fetches it, and for nothing else.
//!
//! Who waits is told as soon as the answer's fields are there that it is not stored. Then each of them asks the origin by
//! itself, all at once: an answer for one client is never given to another, and nobody queues behind it. Nor does anybody
//! who comes soon after, since the next answer is likely to be of the same kind.

use std::{
    collections::HashMap,
    sync::{
        LazyLock, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use actix_web::rt::time::timeout;
use tokio::sync::watch;

/// The longest that a request waits for another one; then it asks the origin by itself.
const PATIENCE: Duration = Duration::from_secs(10);

/// For how long nobody waits for an answer of which the last one was not stored.
const APART: Duration = Duration::from_secs(10);

/// For how many answers that is remembered.
const MOST_APART: usize = 4096;

/// What is under way in the process, whichever worker has it.
static FLIGHTS: LazyLock<Mutex<Flights>> = LazyLock::new(Mutex::default);

/// How many answers were stored for others.
static LANDINGS: AtomicU64 = AtomicU64::new(0);

/// To be asked before a request looks at what is stored.
///
/// Who: a request that saw nothing of use, and another one whose answer is stored and which nobody waits for any more.
/// When: it is stored after the first one looked, and before that boards. What stops a second fetch: the number has
/// changed by then, so that the first one looks again.
pub(super) fn landings() -> u64 {
    LANDINGS.load(Ordering::Acquire)
}

/// The store, and what is fetched for it.
type Name = (usize, String);

#[derive(Default)]
struct Flights {
    under_way: HashMap<Name, watch::Receiver<Option<Landing>>>,
    apart: HashMap<Name, Instant>,
}

/// What came of a request that others wait for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Landing {
    /// Its answer is stored.
    Stored,
    /// The origin failed.
    Failed,
}

/// A request's part.
pub(super) enum Part {
    Lead(Leading),
    Follow(Following),
    /// It asks the origin, and nobody waits for it.
    Alone,
}

/// The one that fetches. Dropping it lets the others go.
pub(super) struct Leading {
    name: Name,
    landed: watch::Sender<Option<Landing>>,
}

/// One that waits.
pub(super) struct Following(watch::Receiver<Option<Landing>>);

pub(super) fn board(store: usize, key: String) -> Part {
    let name = (store, key);
    let mut flights = flights();
    if let Some(landed) = flights.under_way.get(&name) {
        return Part::Follow(Following(landed.clone()));
    }
    if flights.is_apart(&name) {
        return Part::Alone;
    }
    let (landed, following) = watch::channel(None);
    flights.under_way.insert(name.clone(), following);
    Part::Lead(Leading { name, landed })
}

impl Flights {
    fn is_apart(&mut self, name: &Name) -> bool {
        let is_over = |noted: &Instant| noted.elapsed() >= APART;
        if self.apart.get(name).is_some_and(is_over) {
            self.apart.remove(name);
        }
        self.apart.contains_key(name)
    }

    fn set_apart(&mut self, name: Name) {
        if self.apart.len() >= MOST_APART {
            self.apart.retain(|_, noted| noted.elapsed() < APART);
        }
        if self.apart.len() < MOST_APART {
            self.apart.insert(name, Instant::now());
        }
    }
}

impl Leading {
    pub(super) fn land(self, landing: Landing) {
        if landing == Landing::Stored {
            LANDINGS.fetch_add(1, Ordering::AcqRel);
        }
        self.landed.send_replace(Some(landing));
    }

    /// The answer is none that may be stored.
    pub(super) fn part(self) {
        flights().set_apart(self.name.clone());
    }
}

impl Drop for Leading {
    fn drop(&mut self) {
        flights().under_way.remove(&self.name);
    }
}

impl Following {
    /// What came of the other request; nothing where its answer is not for others, or takes too long.
    pub(super) async fn landed(mut self) -> Option<Landing> {
        let landed = timeout(PATIENCE, self.0.wait_for(Option::is_some)).await.ok()?;
        landed.ok().and_then(|landed| *landed)
    }
}

fn flights() -> MutexGuard<'static, Flights> {
    FLIGHTS.lock().unwrap_or_else(PoisonError::into_inner)
}
