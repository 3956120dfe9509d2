//! The caches in front of this service: who tells them what this node invalidates, and what they know answers by.
//!
//! They are told of a node's own invalidations, once each, when the tiers have them: one that a node hears of was told by
//! the node that made it. A tag is known to them as it is. An entry, a function and the namespace go by a name that shows
//! nothing of them, since it leaves the service.

use std::{
    fmt,
    sync::{Arc, Mutex, PoisonError},
};

use crate::{shared::Shared, validator::Validator};

/// Is told names, and what the shared tier has not been told yet.
type Follower = dyn Fn(&[String], Option<Debt>) + Send + Sync;

/// Those who follow one runtime.
#[derive(Default)]
pub(crate) struct Fronts(Mutex<Vec<(u128, Arc<Follower>)>>);

impl Fronts {
    /// Adds a follower, unless one of that number is there.
    pub(crate) fn follow(&self, number: u128, follower: impl Fn(&[String], Option<Debt>) + Send + Sync + 'static) {
        let mut followers = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if followers.iter().all(|(known, _)| *known != number) {
            followers.push((number, Arc::new(follower)));
        }
    }

    pub(crate) fn are_followed(&self) -> bool {
        !self.0.lock().unwrap_or_else(PoisonError::into_inner).is_empty()
    }

    /// Tells every follower, but for the one of a number.
    pub(crate) fn tell(&self, names: &[String], shared: Option<&Shared>, but: Option<u128>) {
        let followers = self.0.lock().unwrap_or_else(PoisonError::into_inner).clone();
        for (number, follower) in followers {
            if but != Some(number) && !names.is_empty() {
                follower(names, Debt::of(shared));
            }
        }
    }
}

/// Invalidations that the shared tier could not be told yet.
#[derive(Clone)]
pub struct Debt(Shared);

impl Debt {
    pub(crate) fn of(shared: Option<&Shared>) -> Option<Self> {
        shared.filter(|shared| shared.owes()).cloned().map(Self)
    }

    /// Whether the shared tier has been told all of them.
    pub fn is_paid(&self) -> bool {
        !self.0.owes()
    }
}

impl fmt::Debug for Debt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Debt").field("is_paid", &self.is_paid()).finish()
    }
}

/// The name of what has this key in the shared tier; no tag of a user's begins like it but by intent.
pub(crate) fn name(key: &str) -> String {
    format!("~{}", Validator::of_bytes(key.as_bytes()))
}
