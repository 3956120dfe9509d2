//! Asking the shared tier: for the value, or for a lease to load it.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use super::{Cache, Permit};
use crate::{
    codec::CodecError,
    entry::{AnyValue, Entry},
    erased::Erased,
    events::count,
    flight::Leader,
    private::Keyed,
    shared::Grant,
    tier::{EntryId, Lookup, Read, StoredEntry},
};

/// The last byte of a shared body, where errors are kept beside values.
const VALUE: u8 = 0;
const ERROR: u8 = 1;

/// What the shared tier answered.
pub(super) enum Answer {
    Value(Arc<Entry>),
    /// Load; the value that stands there is to be replaced, and may serve if that fails.
    Load(Permit, Option<Arc<Entry>>),
    /// Another node refreshes it.
    Busy,
}

/// What stands in the way of a lease.
#[derive(Clone, Copy)]
enum Standing {
    Nothing,
    Dead(EntryId),
    /// What is to be replaced, and read meanwhile.
    Value(EntryId),
}

impl Cache {
    /// Asks the shared tier for the value, or for a lease to load it. A refresh names what is `served` meanwhile: a value
    /// that is fresh there is no answer to it, if it is just that one.
    pub(super) async fn ask_shared(&self, leader: &Leader, call: &Keyed, served: Option<&Arc<Entry>>) -> Answer {
        let Some((shared, _)) = &self.shared else { return Answer::Load(Permit::Alone, None) };
        let lookup = self.lookup(call);
        let give_up = Instant::now() + shared.lease();
        let (mut asked, mut stale) = (self.clock.now(), None);
        leader.confirming();
        let mut answer = shared.read(lookup.clone()).await;
        loop {
            let standing = match answer {
                Some(Read::Hit(stored)) => match self.decode(&stored) {
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
                None => return self.bypass(),
            };
            let grant = match standing {
                Standing::Nothing => shared.acquire(lookup.clone(), None).await,
                Standing::Dead(id) => shared.acquire(lookup.clone(), Some(id)).await,
                Standing::Value(id) => shared.refresh(lookup.clone(), id).await,
            };
            let patience = match grant {
                Some(Grant::Lease(lease)) => return Answer::Load(Permit::Leased(lease), stale),
                Some(Grant::Held(_)) if served.is_some() => return Answer::Busy,
                Some(Grant::Held(remaining)) => remaining,
                Some(Grant::Filled) => Duration::ZERO,
                Some(Grant::Fenced) => return Answer::Load(Permit::Unleased, None),
                None => return self.bypass(),
            };
            let left = give_up.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Answer::Load(Permit::Unleased, None);
            }
            (asked, stale) = (self.clock.now(), None);
            leader.confirming();
            answer = if patience.is_zero() {
                shared.read(lookup.clone()).await
            } else {
                shared.wait(lookup.clone(), patience.min(left)).await
            };
        }
    }

    fn bypass(&self) -> Answer {
        count(&self.counters.bypassed);
        Answer::Load(Permit::Outage, None)
    }

    pub(super) fn encode(&self, value: &AnyValue) -> Option<Vec<u8>> {
        let (_, codec) = self.shared.as_ref()?;
        let (mark, encoded) = match (&self.settings.error_codec, codec.encode(value)) {
            (None, Some(encoded)) => (None, encoded),
            (Some(_), Some(encoded)) => (Some(VALUE), encoded),
            (Some(errors), None) => (Some(ERROR), errors.encode(value)?),
            (None, None) => return None,
        };
        match encoded {
            Ok(mut body) => {
                body.extend(mark);
                Some(body)
            }
            Err(error) => {
                tracing::error!(function = self.name(), %error, "the value stays out of the shared tier");
                None
            }
        }
    }

    pub(super) fn decode(&self, stored: &StoredEntry) -> Option<Box<dyn Erased>> {
        let (_, codec) = self.shared.as_ref()?;
        let body = &stored.entry.body;
        let decoded = match (&self.settings.error_codec, body.split_last()) {
            (None, _) => codec.decode(body),
            (Some(_), Some((&VALUE, value))) => codec.decode(value),
            (Some(errors), Some((&ERROR, error))) => errors.decode(error),
            (Some(_), _) => Err(CodecError::Mark),
        };
        decoded
            .inspect_err(|error| {
                count(&self.counters.undecodable);
                tracing::debug!(function = self.name(), %error, "an entry is overwritten");
            })
            .ok()
    }

    pub(super) fn lookup(&self, call: &Keyed) -> Lookup {
        self.names.lookup(&call.key, &call.tags)
    }
}
