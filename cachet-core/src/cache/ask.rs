//! Asking the shared tier: for the value, or for a lease to load it.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
    time::Instant,
};

use super::{Cache, Permit};
use crate::{
    entry::Entry,
    events::count,
    flight::{Leader, Load},
    policy::OnOutage,
    private::Keyed,
    returns::SharedError,
    shared::{Grant, Turn},
    tier::{EntryId, Lookup, Read},
};

/// What the shared tier answered.
pub(super) enum Answer {
    Value(Arc<Entry>),
    /// Load; the value that stands there is to be replaced, and may serve if that fails.
    Load(Permit, Option<Arc<Entry>>),
    /// None; load as soon as there is a turn.
    Bypass,
    /// What memory has, for want of an answer.
    Kept(Arc<Entry>),
    /// None; the call is to fail.
    Fail(SharedError),
    /// Another node refreshes it.
    Busy,
}

/// What the shared tier holds, without a lease.
pub(super) enum Seen {
    /// There is none, or it cannot be asked.
    Unknown,
    /// Nothing of use.
    Gone,
    Value(Arc<Entry>),
}

/// How many times in a row the shared tier had nothing of a function. From some on a lease is asked for at once, which
/// saves a miss one exchange of its three and costs the hit that ends the row a second one.
#[derive(Debug, Default)]
pub(super) struct Misses(AtomicU32);

/// What stands in the way of a lease.
#[derive(Clone, Copy)]
enum Standing {
    Nothing,
    Dead(EntryId),
    /// What is to be replaced, and read meanwhile.
    Value(EntryId),
}

impl Misses {
    const EXPECTED_AFTER: u32 = 8;

    fn is_another_expected(&self) -> bool {
        self.0.load(Ordering::Relaxed) >= Self::EXPECTED_AFTER
    }

    fn count(&self, answer: Option<&Read>) {
        match answer {
            Some(Read::Miss { .. }) if self.is_another_expected() => {}
            Some(Read::Miss { .. }) => {
                self.0.fetch_add(1, Ordering::Relaxed);
            }
            Some(Read::Hit(_)) => self.0.store(0, Ordering::Relaxed),
            _ => {}
        }
    }
}

impl Cache {
    /// Asks the shared tier for the value, or for a lease to load it. A refresh names what is `served` meanwhile: a value
    /// that is fresh there is no answer to it, if it is just that one.
    pub(super) async fn ask_shared(&self, leader: &Leader, call: &Keyed, served: Option<&Arc<Entry>>) -> Answer {
        let Some((shared, _)) = &self.shared else { return Answer::Load(Permit::Alone, None) };
        let lookup = self.lookup_named(call, leader.ticket().name.clone());
        let give_up = Instant::now() + shared.lease();
        let (mut asked, mut stale) = (self.clock.now(), None);
        let mut answer = if served.is_none() && self.misses.is_another_expected() {
            Some(Read::Miss { dead: None })
        } else {
            leader.confirming();
            shared.read(lookup.clone()).await
        };
        let mut turn = 0;
        loop {
            self.misses.count(answer.as_ref());
            let standing = match answer {
                Some(Read::Hit(stored)) => match self.decode(&lookup.key, &stored) {
                    Some(value) => {
                        let entry = self.mirror(value, &stored, asked, leader.ticket());
                        let is_fresh = !stored.remaining.is_zero();
                        stale = match served.filter(|served| is_fresh && served.meta.fill == entry.meta.fill) {
                            Some(served) => Some(Arc::clone(served)),
                            None if is_fresh || (served.is_none() && self.serves_stale(&entry)) => {
                                return Answer::Value(entry);
                            }
                            None => Some(entry),
                        };
                        Standing::Value(stored.id)
                    }
                    None => Standing::Dead(stored.id),
                },
                Some(Read::Miss { dead }) => dead.map_or(Standing::Nothing, Standing::Dead),
                Some(Read::Leased) => Standing::Nothing,
                Some(Read::Fenced) => return Answer::Load(Permit::Unleased, None),
                None => return self.bypass(call),
            };
            let grant = match standing {
                Standing::Nothing => shared.acquire(lookup.clone(), None).await,
                Standing::Dead(id) => shared.acquire(lookup.clone(), Some(id)).await,
                Standing::Value(id) => shared.refresh(lookup.clone(), id).await,
            };
            let patience = match grant {
                Some(Grant::Lease(lease)) => return Answer::Load(Permit::Leased(lease), stale),
                Some(Grant::Held(_)) if served.is_some() => return Answer::Busy,
                Some(Grant::Held(remaining)) => Some(remaining),
                Some(Grant::Filled) => None,
                Some(Grant::Fenced) => return Answer::Load(Permit::Unleased, None),
                None => return self.bypass(call),
            };
            let left = give_up.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Answer::Load(Permit::Unleased, None);
            }
            (asked, stale) = (self.clock.now(), None);
            leader.confirming();
            // A value that has just come is read at once; one that was not to be found there after all is waited for.
            answer = match patience {
                None if turn == 0 => shared.read(lookup.clone()).await,
                patience => shared.wait(lookup.clone(), patience.map_or(left, |most| most.min(left)), turn).await,
            };
            turn += 1;
        }
    }

    /// Looks at what the shared tier holds, and takes no lease.
    pub(super) async fn look(&self, call: &Keyed) -> Seen {
        let Some((shared, _)) = &self.shared else { return Seen::Unknown };
        let (asked, ticket) = (self.clock.now(), self.ticket(call));
        let lookup = self.lookup(call);
        match shared.read(lookup.clone()).await {
            None => Seen::Unknown,
            Some(Read::Hit(stored)) => {
                let value = self.decode(&lookup.key, &stored);
                value.map_or(Seen::Gone, |value| Seen::Value(self.mirror(value, &stored, asked, &ticket)))
            }
            Some(_) => Seen::Gone,
        }
    }

    /// The shared tier cannot be asked.
    fn bypass(&self, call: &Keyed) -> Answer {
        let answer = match self.settings.on_outage {
            OnOutage::Fail(error) => Answer::Fail(error()),
            _ => self.kept_for_outages(self.key(&call.key)).map_or(Answer::Bypass, Answer::Kept),
        };
        if !matches!(answer, Answer::Bypass) {
            count(&self.counters.bypassed);
        }
        answer
    }

    /// Waits for a turn to load without the shared tier; `None` says that it is to be asked again.
    pub(super) async fn turn(&self, load: Load) -> Option<Turn> {
        let (shared, _) = self.shared.as_ref()?;
        let turn = shared.turn(&load).await?;
        (0..load.keys()).for_each(|_| count(&self.counters.bypassed));
        Some(turn)
    }

    pub(super) fn lookup(&self, call: &Keyed) -> Lookup {
        self.lookup_named(call, None)
    }

    /// The same for an entry whose key was made before.
    fn lookup_named(&self, call: &Keyed, name: Option<Arc<str>>) -> Lookup {
        Lookup { key: name.unwrap_or_else(|| self.names.key(&call.key)), tags: self.names.tags(&call.tags) }
    }
}
