//! Requests for one answer wait for the one that fetches it, and for nothing else.
//!
//! Who waits is told as soon as the answer's fields are there that it is not stored. Then each of them asks the origin by
//! itself, all at once: an answer for one client is never given to another, and nobody queues behind it.

use std::{
    collections::HashMap,
    sync::{LazyLock, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use actix_web::rt::time::timeout;
use tokio::sync::watch;

/// The longest that a request waits for another one; then it asks the origin by itself.
const PATIENCE: Duration = Duration::from_secs(10);

/// The requests under way in the process, whichever worker has them: the store and the key that they fetch.
static FLIGHTS: LazyLock<Mutex<HashMap<Name, watch::Receiver<bool>>>> = LazyLock::new(Mutex::default);

type Name = (usize, String);

/// A request's part.
pub(super) enum Part {
    Lead(Leading),
    Follow(Following),
}

/// The one that fetches. Dropping it lets the others go.
pub(super) struct Leading {
    name: Name,
    landed: watch::Sender<bool>,
}

/// One that waits.
pub(super) struct Following(watch::Receiver<bool>);

pub(super) fn board(store: usize, key: String) -> Part {
    let name = (store, key);
    let mut flights = flights();
    if let Some(landed) = flights.get(&name) {
        return Part::Follow(Following(landed.clone()));
    }
    let (landed, following) = watch::channel(false);
    flights.insert(name.clone(), following);
    Part::Lead(Leading { name, landed })
}

impl Leading {
    /// The answer is stored.
    pub(super) fn land(self) {
        self.landed.send_replace(true);
    }
}

impl Drop for Leading {
    fn drop(&mut self) {
        flights().remove(&self.name);
    }
}

impl Following {
    /// Whether the answer was stored.
    pub(super) async fn landed(mut self) -> bool {
        timeout(PATIENCE, self.0.wait_for(|landed| *landed)).await.is_ok_and(|landed| landed.is_ok())
    }
}

fn flights() -> MutexGuard<'static, HashMap<Name, watch::Receiver<bool>>> {
    FLIGHTS.lock().unwrap_or_else(PoisonError::into_inner)
}
