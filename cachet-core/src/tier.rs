//! The extension point: a tier shared by several nodes, over bytes.
//!
//! A tier keeps one thing under a key:
//!
//! | an entry's key holds | and then |
//! |---|---|
//! | nothing | whoever asks is granted a lease |
//! | a *lease* | somebody is loading; the others wait for the fill |
//! | a *value* | it is read, as long as its tags have the versions that it was loaded under |
//! | a *fence* | somebody is writing the source; readers load and store nothing |
//!
//! | a tag's key holds | and then |
//! |---|---|
//! | nothing | the next load gives it a version that never was before |
//! | a *version* | entries that were loaded under another one are dead |
//! | a *fence* | every entry that carries the tag is dead, and no load that needs the tag's version is stored |
//!
//! A load is allowed to store only while its lease stands. Invalidating removes lease and value alike, and so does a
//! fence; so a load that began before an invalidation can never bring the old value back. Neither can one that began
//! under a fence, because it has no lease. Of a tag it is the version that says so: the lease notes it, and what was loaded
//! under another one than stands there at the fill is its own caller's.

use std::{
    error::Error as StdError,
    fmt,
    future::Future,
    hash::BuildHasher as _,
    pin::Pin,
    sync::Arc,
    time::{Duration, SystemTime},
};

use bytes::Bytes;

pub use crate::backplane::{Backplane, Inbox, News, Subscription};
use crate::{unique::unique, validator::Validator};

/// The cache asks for at most so many entries, or names so many targets, in one exchange.
pub const MAX_BATCH: usize = 512;

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

    /// Reads the beginning of a fresh value: of its body at least the first `bytes` bytes and the last one. What lies
    /// between may be left out. Whatever else there is may be told as [`Read::Miss`].
    ///
    /// By default it reads all of it.
    fn read_start(&self, lookup: Lookup, bytes: usize) -> TierFuture<'_, Read> {
        let _ = bytes;
        self.read(lookup)
    }

    /// Takes a lease for at most `lease`, if the key holds nothing, or still the entry that the caller found `dead`.
    ///
    /// The lease notes the versions of the tags, before the load begins.
    fn acquire(&self, lookup: Lookup, lease: Duration, dead: Option<EntryId>) -> TierFuture<'_, Acquired>;

    /// Takes the right to replace the value that the caller saw, fresh or stale, for that long, while readers still get
    /// it.
    ///
    /// The value keeps its id until it is replaced, and the new one has another: so whoever saw the old one, before this
    /// or meanwhile, is not granted a refresh of the new one. Anything but that value is [`Acquired::Filled`]. A later
    /// refresher's lease takes the place of one whose time is over, whose fill is refused from then on. A release leaves
    /// the value where it is.
    fn refresh(&self, lookup: Lookup, lease: Duration, seen: EntryId) -> TierFuture<'_, Acquired>;

    /// Stores a value if the lease still stands, and says whether it did, and every tag has the version that the lease
    /// noted.
    ///
    /// What is stored though a tag has another version by then is dead from the start. A repeated fill of the same lease
    /// is answered like the first one, and changes nothing. Reads tell the lease with the value, and
    /// give back what the entry was: lifetime and grace to the millisecond, `load_time` to the microsecond, `modified` to
    /// the second, all of which a [`Seal`](crate::Seal) is over.
    fn fill(&self, lookup: Lookup, lease: Lease, entry: NewEntry) -> TierFuture<'_, bool>;

    /// Lets a lease go on for that long from now, and says whether it still stood.
    ///
    /// By default it cannot, so that a load which takes longer than its lease is not stored.
    fn renew(&self, lookup: Lookup, lease: Lease, time: Duration) -> TierFuture<'_, bool> {
        let _ = (lookup, lease, time);
        Box::pin(async { Ok(false) })
    }

    /// Gives a lease back, and says whether it still stood, and every tag has the version that the lease noted.
    fn release(&self, lookup: Lookup, lease: Lease) -> TierFuture<'_, bool>;

    /// Removes what the key holds, lease or value, or outdates everything that carries the tag. A fence stays.
    fn invalidate(&self, target: Target) -> TierFuture<'_, ()>;

    /// Fences the targets for a writer that is about to change their source: drops lease or value, and takes no fill
    /// until [`Tier::lift`], or until `time` is over.
    ///
    /// Several writers may hold one fence, each for a time of its own; a writer that fences anew begins its time anew.
    /// A writer that dies leaves a fence that ends by itself. So does a fence whose setting failed half-way.
    fn fence(&self, targets: Vec<Target>, writer: WriterId, time: Duration) -> TierFuture<'_, ()>;

    /// Takes the writer out of the targets' fences, and invalidates them.
    ///
    /// The last writer out leaves nothing under the key. Where no fence stands any more, or never stood, whatever is
    /// there was loaded while the writer wrote, and goes too.
    fn lift(&self, targets: Vec<Target>, writer: WriterId) -> TierFuture<'_, ()>;

    /// How the tier tells each node what others change; by default it does not, and memory keeps what it has for 10 s at
    /// most, or as `memory_ttl` says.
    fn backplane(&self) -> Option<&dyn Backplane> {
        None
    }

    /// Finds out whether the tier can be reached.
    fn probe(&self) -> TierFuture<'_, ()>;

    /// Reads several values, at most [`MAX_BATCH`]. The answers are those of [`Tier::read`], in the lookups' order.
    fn read_many(&self, lookups: Vec<Lookup>) -> TierFuture<'_, Vec<Read>> {
        Box::pin(async move {
            let mut answers = Vec::with_capacity(lookups.len());
            for lookup in lookups {
                answers.push(self.read(lookup).await?);
            }
            Ok(answers)
        })
    }

    /// Takes several leases, at most [`MAX_BATCH`], each with the entry that the caller found dead. The answers are
    /// those of [`Tier::acquire`], in the given order: a key that comes twice is granted once.
    ///
    /// Leases of a batch that fails half-way end by themselves.
    fn acquire_many(&self, wanted: Vec<(Lookup, Option<EntryId>)>, lease: Duration) -> TierFuture<'_, Vec<Acquired>> {
        Box::pin(async move {
            let mut answers = Vec::with_capacity(wanted.len());
            for (lookup, dead) in wanted {
                answers.push(self.acquire(lookup, lease, dead).await?);
            }
            Ok(answers)
        })
    }

    /// Stores several values, at most [`MAX_BATCH`]. The answers are those of [`Tier::fill`], in the given order.
    fn fill_many(&self, fills: Vec<(Lookup, Lease, NewEntry)>) -> TierFuture<'_, Vec<bool>> {
        Box::pin(async move {
            let mut answers = Vec::with_capacity(fills.len());
            for (lookup, lease, entry) in fills {
                answers.push(self.fill(lookup, lease, entry).await?);
            }
            Ok(answers)
        })
    }

    /// Invalidates several targets, at most [`MAX_BATCH`].
    fn invalidate_many(&self, targets: Vec<Target>) -> TierFuture<'_, ()> {
        Box::pin(async move {
            for target in targets {
                self.invalidate(target).await?;
            }
            Ok(())
        })
    }
}

/// What is asked for: the entry's key, and the keys of the tags that it carries.
#[derive(Clone, Debug)]
pub struct Lookup {
    /// The entry's key.
    pub key: Arc<str>,
    /// The tags' keys, in the function's order.
    pub tags: Arc<[String]>,
}

/// What is invalidated or fenced. Its text is the whole key, namespace included.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Target {
    /// One entry.
    Entry(Arc<str>),
    /// Every entry that carries the tag.
    Tag(Arc<str>),
}

impl Target {
    pub(crate) fn key(&self) -> &str {
        let (Self::Entry(key) | Self::Tag(key)) = self;
        key
    }
}

/// Names one writer while it holds fences: one attempt of one call, on one node.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct WriterId(pub [u8; 16]);

impl WriterId {
    /// A name that no other attempt of any node has.
    pub fn unique() -> Self {
        Self(unique().to_be_bytes())
    }
}

/// Names one fill of one entry, for ever: made by the tier, never by a node, so that no late command can match it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct EntryId(pub [u8; 32]);

impl EntryId {
    /// A short mark, by which memory knows the fill that an entry mirrors; another one has the same once in 65 536 times.
    pub(crate) fn mark(self) -> u16 {
        let hash = foldhash::fast::FixedState::default().hash_one(self.0);
        u16::try_from(hash >> 48).unwrap_or_default().max(1)
    }
}

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
    /// For how long it is kept after that, stale.
    pub grace: Duration,
    /// How long its load took.
    pub load_time: Duration,
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
    /// The fill that wrote it: the token of its lease.
    pub id: EntryId,
    /// The digest of the tags' versions that its lease noted.
    pub tags: [u8; 16],
    /// What was stored.
    pub entry: NewEntry,
    /// For how much longer it is fresh, by the tier's own clock; zero for a stale one.
    pub remaining: Duration,
    /// For how long it has been stale; zero for a fresh one.
    pub stale_for: Duration,
}

/// The answer to [`Tier::read`].
#[derive(Clone, Debug)]
pub enum Read {
    /// A value whose tags are all as they were when it was loaded, fresh or stale.
    Hit(StoredEntry),
    /// Another node is loading.
    Leased,
    /// A writer fences the entry, or a tag of it: load, and store nothing.
    Fenced,
    /// No usable value; `dead` is the one that stands there all the same.
    Miss {
        /// An entry that may be overwritten: outdated by a tag, or of an earlier life of the tier.
        dead: Option<EntryId>,
    },
}

/// The answer to [`Tier::acquire`].
#[derive(Clone, Copy, Debug)]
pub enum Acquired {
    /// The lease is the caller's.
    Granted(Lease),
    /// Another node holds it for this long at most.
    Held(Duration),
    /// There is a value by now; whether it is usable, a [`Tier::read`] tells.
    Filled,
    /// A writer fences the entry, or a tag of it, for this long at most: load, and store nothing.
    Fenced(Duration),
}

/// How a tier failed, which decides what is done about it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Fault {
    /// It cannot be reached, does not answer in time, or is not the one to ask. Three in a row, and it is asked for nothing
    /// until a probe has found it.
    Outage,
    /// It is there, and too busy to answer: loading its data, running a script, moving a slot, or out of connections. As
    /// good as an outage.
    Overload,
    /// It refuses this client: authentication or permission. It is asked for nothing, from the first time on.
    Denied,
    /// It takes no values: it has no room, or cannot save or replicate them. What it has is read all the same.
    Full,
    /// Another program's data is under our key, of a type that no value of ours has. Only that key is of no use; it is not
    /// overwritten, but for an invalidation or a fence.
    WrongType,
    /// It has named another server for the key, and that was not followed: a Cluster that is configured as a single server.
    Moved,
    /// It answered something else than it should: an unknown error.
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
