//! The extension point: a tier shared by several nodes, over bytes.
//!
//! A tier keeps one thing under a key: nothing, a *lease* (somebody is loading) or a *value*. A load is allowed to store
//! only while its lease stands, and invalidating removes lease and value alike; so a load that began before an
//! invalidation can never bring the old value back.

use std::{
    error::Error as StdError,
    fmt,
    future::Future,
    pin::Pin,
    sync::Arc,
    time::{Duration, SystemTime},
};

use bytes::Bytes;

use crate::validator::Validator;

/// A boxed future of a tier's answer; a box costs nothing next to a network call.
pub type TierFuture<'a, T> = Pin<Box<dyn Future<Output = Result<T, TierError>> + Send + 'a>>;

/// A tier that several nodes share.
///
/// Every method is one exchange with the tier. They are cancelled when they overrun the configured deadline, and may
/// then still take effect; each is safe to repeat. `testing::tier_conformance` (feature `testing`) checks the promises
/// below on any implementation.
pub trait Tier: fmt::Debug + Send + Sync + 'static {
    /// The tier's name in logs.
    fn name(&self) -> &'static str;

    /// Reads the value, without taking a lease.
    fn read(&self, lookup: Lookup) -> TierFuture<'_, Read>;

    /// Takes a lease for at most `lease`, if the key holds nothing, or still the entry that the caller found `dead`.
    ///
    /// The lease notes the versions of the tags, before the load begins.
    fn acquire(&self, lookup: Lookup, lease: Duration, dead: Option<EntryId>) -> TierFuture<'_, Acquired>;

    /// Stores a value if the lease still stands, and says whether it did.
    ///
    /// A repeated fill of the same lease is answered like the first one.
    fn fill(&self, lookup: Lookup, lease: Lease, entry: NewEntry) -> TierFuture<'_, bool>;

    /// Gives a lease back, and says whether it still stood.
    fn release(&self, lookup: Lookup, lease: Lease) -> TierFuture<'_, bool>;

    /// Removes what the key holds, lease or value, or outdates everything that carries the tag.
    fn invalidate(&self, target: Target) -> TierFuture<'_, ()>;

    /// Finds out whether the tier can be reached.
    fn probe(&self) -> TierFuture<'_, ()>;
}

/// What is asked for: the entry's key, and the keys of the tags that it carries.
#[derive(Clone, Debug)]
pub struct Lookup {
    /// The entry's key.
    pub key: Arc<str>,
    /// The tags' keys, in the function's order.
    pub tags: Arc<[String]>,
}

/// What is invalidated. Its text is the whole key, namespace included.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Target {
    /// One entry.
    Entry(Arc<str>),
    /// Every entry that carries the tag.
    Tag(Arc<str>),
}

/// Names one fill of one entry, for ever: made by the tier, never by a node, so that no late command can match it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct EntryId(pub [u8; 32]);

/// The right to load and store one entry.
#[derive(Clone, Copy, Debug)]
pub struct Lease {
    /// The token that the tier made.
    pub token: EntryId,
    /// A digest of the tags' versions when the lease was taken.
    pub tags: [u8; 16],
}

/// A value on its way into the tier.
#[derive(Clone, Debug)]
pub struct NewEntry {
    /// For how long it is fresh, from the moment it is stored.
    pub lifetime: Duration,
    /// When it was loaded.
    pub modified: SystemTime,
    /// Its content hash.
    pub validator: Option<Validator>,
    /// The encoded value.
    pub body: Bytes,
}

/// A value as the tier gives it back.
#[derive(Clone, Debug)]
pub struct StoredEntry {
    /// The fill that wrote it.
    pub id: EntryId,
    /// What was stored.
    pub entry: NewEntry,
    /// For how much longer it is fresh, by the tier's own clock.
    pub remaining: Duration,
}

/// The answer to [`Tier::read`].
#[derive(Clone, Debug)]
pub enum Read {
    /// A value whose tags are all as they were when it was loaded.
    Hit(StoredEntry),
    /// Another node is loading.
    Leased,
    /// No usable value; `dead` is the one that stands there all the same.
    Miss {
        /// An entry that may be overwritten: outdated by a tag, or of an earlier life of the tier.
        dead: Option<EntryId>,
    },
}

/// The answer to [`Tier::acquire`].
#[derive(Clone, Debug)]
pub enum Acquired {
    /// The lease is the caller's.
    Granted(Lease),
    /// Another node holds it for this long at most.
    Held(Duration),
    /// There is a value by now; whether it is usable, a [`Tier::read`] tells.
    Filled,
}

/// How a tier failed, which decides what is done about it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Fault {
    /// It cannot be reached, or does not answer in time.
    Outage,
    /// It refuses this client: authentication or permission.
    Denied,
    /// It has no room.
    Full,
    /// It answered something else than it should: another program's data under our key, or an unknown error.
    Reply,
}

/// A tier's failure. It never reaches a caller of a cached function.
#[derive(Debug, thiserror::Error)]
#[error("{tier} {operation} failed")]
pub struct TierError {
    /// The tier's name.
    pub tier: &'static str,
    /// What was being done.
    pub operation: &'static str,
    /// The class of the failure.
    pub fault: Fault,
    /// The failure itself.
    #[source]
    pub source: Box<dyn StdError + Send + Sync>,
}
