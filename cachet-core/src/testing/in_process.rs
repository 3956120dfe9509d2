//! A shared tier in this process, for tests of several nodes without a server.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use super::ManualClock;
use crate::{
    clock::{Clock, Tick},
    tier::{
        Acquired, EntryId, Fault, Lease, Lookup, NewEntry, Read, StoredEntry, Target, Tier, TierError, TierFuture,
        WriterId,
    },
    unique::unique,
};

/// So many entries and tags are kept; past that the tier has no room.
const MAX_KEYS: usize = 100_000;

/// So many writers hold one fence.
const MAX_WRITERS: usize = 1_024;

const NAME: &str = "in-process";

/// A shared tier that lives in this process. Cloning gives another handle to it.
///
/// It keeps every promise of [`Tier`], which [`tier_conformance`](super::tier_conformance) checks. It holds at most
/// 100 000 entries and tags, and 1024 writers a fence; past that it answers [`Fault::Full`]. In logs it is `in-process`.
///
/// ```
/// use cachet_core::{Cachet, Origin, cached, testing::InProcessTier};
///
/// #[cached(ttl = "1h", tier = "memory,redis")]
/// async fn square(n: u64) -> u64 { n * n }
///
/// # fn main() -> Result<(), cachet_core::Error> {
/// let tier = InProcessTier::new();
/// let one = Cachet::builder().shared_tier(tier.clone()).build()?;
/// let other = Cachet::builder().shared_tier(tier.clone()).build()?;
/// # pollster::block_on(async {
/// assert_eq!(one.scope(square::fetch(4)).await.origin(), Origin::Loaded);
/// assert_eq!(other.scope(square::fetch(4)).await.origin(), Origin::Shared);
/// assert_eq!(tier.keys().len(), 1);
/// # });
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug, Default)]
pub struct InProcessTier(Arc<Inner>);

#[derive(Debug, Default)]
struct Inner {
    clock: Clock,
    tables: Mutex<Tables>,
}

#[derive(Debug, Default)]
struct Tables {
    entries: Table<Held>,
    /// The tags' versions.
    tags: Table<u128>,
}

/// What is under a key: a fence, or what it is there for.
#[derive(Debug)]
enum Slot<T> {
    /// The writers, and when the time of each is over.
    Fenced(HashMap<WriterId, Tick>),
    Holds(T),
}

#[derive(Debug)]
struct Table<T>(HashMap<Arc<str>, Slot<T>>);

/// A lease, or the value that was filled by it.
#[derive(Debug)]
struct Held {
    id: EntryId,
    ends: Tick,
    tags: Arc<[String]>,
    /// A digest of the tags' versions when the lease was taken.
    versions: [u8; 16],
    value: Option<NewEntry>,
    /// The refresh of the value that was granted last, and until when nobody else is granted one.
    refresh: Option<(EntryId, Tick)>,
}

/// How an entry's key holds a token.
enum Token {
    Lease,
    Refresh,
    /// Of the value's own fill.
    Id,
}

impl InProcessTier {
    /// An empty tier whose leases, values and fences end by the system's clock.
    pub fn new() -> Self {
        Self::default()
    }

    /// An empty tier whose leases, values and fences end when the clock is moved.
    pub fn with_clock(clock: &ManualClock) -> Self {
        Self(Arc::new(Inner { clock: clock.as_clock(), tables: Mutex::default() }))
    }

    /// The keys of the entries that a reader is given now, sorted: no lease, and nothing that has expired, is fenced or
    /// was outdated by a tag.
    pub fn keys(&self) -> Vec<String> {
        let (tables, now) = self.tables();
        let lookups = tables.entries.0.iter().filter_map(|(key, slot)| match slot {
            Slot::Holds(held) => Some(Lookup { key: Arc::clone(key), tags: Arc::clone(&held.tags) }),
            Slot::Fenced(_) => None,
        });
        let readable = lookups.filter(|lookup| matches!(tables.read(lookup, now), Read::Hit(_)));
        let mut keys: Vec<String> = readable.map(|lookup| lookup.key.as_ref().to_owned()).collect();
        keys.sort_unstable();
        keys
    }

    /// Loses everything, leases and fences too, as a server that restarts empty.
    pub fn restart(&self) {
        *self.tables().0 = Tables::default();
    }

    fn tables(&self) -> (MutexGuard<'_, Tables>, Tick) {
        let tables = self.0.tables.lock().unwrap_or_else(PoisonError::into_inner);
        (tables, self.0.clock.now())
    }

    fn exchange<'a, T>(
        &'a self,
        command: impl FnOnce(&mut Tables, Tick) -> Result<T, TierError> + Send + 'a,
    ) -> TierFuture<'a, T> {
        Box::pin(async move {
            let (mut tables, now) = self.tables();
            command(&mut tables, now)
        })
    }
}

impl Tier for InProcessTier {
    fn name(&self) -> &'static str {
        NAME
    }

    fn read(&self, lookup: Lookup) -> TierFuture<'_, Read> {
        self.exchange(move |tables, now| Ok(tables.read(&lookup, now)))
    }

    fn acquire(&self, lookup: Lookup, lease: Duration, dead: Option<EntryId>) -> TierFuture<'_, Acquired> {
        self.exchange(move |tables, now| tables.acquire(lookup, lease, dead, now))
    }

    fn refresh(&self, lookup: Lookup, lease: Duration, seen: EntryId) -> TierFuture<'_, Acquired> {
        self.exchange(move |tables, now| Ok(tables.refresh(&lookup, lease, seen, now)))
    }

    fn fill(&self, lookup: Lookup, lease: Lease, entry: NewEntry) -> TierFuture<'_, bool> {
        self.exchange(move |tables, now| {
            let are_current = tables.versions(&lookup) == Some(lease.tags);
            let Some((held, token)) = tables.entries.held_by(&lookup.key, lease.token, now) else { return Ok(false) };
            if !matches!(token, Token::Id) {
                held.id = lease.token;
                held.ends = now + entry.lifetime + entry.grace;
                held.value = Some(entry);
                held.refresh = None;
            }
            Ok(are_current)
        })
    }

    fn renew(&self, lookup: Lookup, lease: Lease, time: Duration) -> TierFuture<'_, bool> {
        self.exchange(move |tables, now| {
            let Some((held, token)) = tables.entries.held_by(&lookup.key, lease.token, now) else { return Ok(false) };
            Ok(held.renew(token, now + time))
        })
    }

    fn release(&self, lookup: Lookup, lease: Lease) -> TierFuture<'_, bool> {
        self.exchange(move |tables, now| {
            let are_current = tables.versions(&lookup) == Some(lease.tags);
            match tables.entries.held_by(&lookup.key, lease.token, now) {
                Some((_, Token::Lease)) => drop(tables.entries.0.remove(&lookup.key)),
                Some((held, Token::Refresh)) => held.refresh = None,
                Some((_, Token::Id)) | None => return Ok(false),
            }
            Ok(are_current)
        })
    }

    fn invalidate(&self, target: Target) -> TierFuture<'_, ()> {
        self.exchange(move |tables, now| {
            match &target {
                Target::Entry(key) => tables.entries.invalidate(key, now),
                Target::Tag(key) => tables.tags.invalidate(key, now),
            }
            Ok(())
        })
    }

    fn fence(&self, targets: Vec<Target>, writer: WriterId, time: Duration) -> TierFuture<'_, ()> {
        self.exchange(move |tables, now| {
            tables.make_room("fence", targets.len(), now)?;
            targets.into_iter().try_for_each(|target| match target {
                Target::Entry(key) => tables.entries.fence(key, writer, time, now),
                Target::Tag(key) => tables.tags.fence(key, writer, time, now),
            })
        })
    }

    fn lift(&self, targets: Vec<Target>, writer: WriterId) -> TierFuture<'_, ()> {
        self.exchange(move |tables, now| {
            for target in &targets {
                match target {
                    Target::Entry(key) => tables.entries.lift(key, writer, now),
                    Target::Tag(key) => tables.tags.lift(key, writer, now),
                }
            }
            Ok(())
        })
    }

    fn probe(&self) -> TierFuture<'_, ()> {
        self.exchange(|_, _| Ok(()))
    }
}

impl Tables {
    fn read(&self, lookup: &Lookup, now: Tick) -> Read {
        if self.fenced(lookup, now).is_some() {
            return Read::Fenced;
        }
        let Some(held) = self.entries.held(&lookup.key, now) else { return Read::Miss { dead: None } };
        let Some(entry) = &held.value else { return Read::Leased };
        if self.versions(lookup) == Some(held.versions) {
            let (kept, grace) = (held.ends.since(now), entry.grace);
            let (remaining, stale_for) = (kept.saturating_sub(grace), grace.saturating_sub(kept));
            Read::Hit(StoredEntry { id: held.id, tags: held.versions, entry: entry.clone(), remaining, stale_for })
        } else {
            Read::Miss { dead: Some(held.id) }
        }
    }

    fn acquire(
        &mut self,
        lookup: Lookup,
        lease: Duration,
        dead: Option<EntryId>,
        now: Tick,
    ) -> Result<Acquired, TierError> {
        if let Some(left) = self.fenced(&lookup, now) {
            return Ok(Acquired::Fenced(left));
        }
        match self.entries.held(&lookup.key, now) {
            Some(held) if held.value.is_none() => return Ok(Acquired::Held(held.ends.since(now))),
            Some(held) if dead != Some(held.id) => return Ok(Acquired::Filled),
            _ => {}
        }
        self.make_room("acquire", lookup.tags.len() + 1, now)?;
        for tag in &*lookup.tags {
            if self.tags.holds(tag).is_none() {
                self.tags.0.insert(tag.as_str().into(), Slot::Holds(unique()));
            }
        }
        let versions = self.versions(&lookup).unwrap_or_default();
        let id = new_id();
        let held = Held { id, ends: now + lease, tags: lookup.tags, versions, value: None, refresh: None };
        self.entries.0.insert(lookup.key, Slot::Holds(held));
        Ok(Acquired::Granted(Lease { token: id, tags: versions }))
    }

    fn refresh(&mut self, lookup: &Lookup, lease: Duration, seen: EntryId, now: Tick) -> Acquired {
        if let Some(left) = self.fenced(lookup, now) {
            return Acquired::Fenced(left);
        }
        let versions = self.versions(lookup);
        let stands = |held: &&mut Held| held.id == seen && held.value.is_some() && Some(held.versions) == versions;
        let Some(held) = self.entries.held_mut(&lookup.key, now).filter(stands) else { return Acquired::Filled };
        if let Some((_, ends)) = held.refresh.filter(|(_, ends)| *ends > now) {
            return Acquired::Held(ends.since(now));
        }
        let token = new_id();
        held.refresh = Some((token, now + lease));
        Acquired::Granted(Lease { token, tags: held.versions })
    }

    /// What is left of the fence that ends last, of the entry's and its tags'.
    fn fenced(&self, lookup: &Lookup, now: Tick) -> Option<Duration> {
        let of_tags = lookup.tags.iter().filter_map(|tag| self.tags.fenced(tag, now)).max();
        self.entries.fenced(&lookup.key, now).max(of_tags)
    }

    /// A digest of the tags' versions, if each has one.
    fn versions(&self, lookup: &Lookup) -> Option<[u8; 16]> {
        let mut digest = blake3::Hasher::new();
        for tag in &*lookup.tags {
            digest.update(&self.tags.holds(tag)?.to_be_bytes());
        }
        digest.finalize().as_bytes().first_chunk().copied()
    }

    /// Makes room for so many more keys: by what has ended, then by the tags' versions, whose loss only costs misses.
    fn make_room(&mut self, operation: &'static str, keys: usize, now: Tick) -> Result<(), TierError> {
        let has_room = |tables: &Self| tables.entries.0.len() + tables.tags.0.len() + keys <= MAX_KEYS;
        if !has_room(self) {
            self.entries.0.retain(|_, slot| slot.stands(now) || matches!(slot, Slot::Holds(held) if held.ends > now));
        }
        if !has_room(self) {
            self.tags.0.retain(|_, slot| slot.stands(now));
        }
        if has_room(self) { Ok(()) } else { Err(full(operation, "its keys are bounded")) }
    }
}

impl<T> Slot<T> {
    /// Whether it is a fence that stands.
    fn stands(&self, now: Tick) -> bool {
        matches!(self, Self::Fenced(writers) if writers.values().any(|ends| *ends > now))
    }
}

impl<T> Table<T> {
    fn holds(&self, key: &str) -> Option<&T> {
        match self.0.get(key) {
            Some(Slot::Holds(held)) => Some(held),
            _ => None,
        }
    }

    /// What is left of the key's fence.
    fn fenced(&self, key: &str, now: Tick) -> Option<Duration> {
        let Some(Slot::Fenced(writers)) = self.0.get(key) else { return None };
        let last = writers.values().max().filter(|ends| **ends > now)?;
        Some(last.since(now))
    }

    fn invalidate(&mut self, key: &str, now: Tick) {
        if self.fenced(key, now).is_none() {
            self.0.remove(key);
        }
    }

    fn fence(&mut self, key: Arc<str>, writer: WriterId, time: Duration, now: Tick) -> Result<(), TierError> {
        let mut writers = self.others(&key, writer, now);
        if writers.len() >= MAX_WRITERS {
            return Err(full("fence", "the writers of one fence are bounded"));
        }
        writers.insert(writer, now + time);
        self.0.insert(key, Slot::Fenced(writers));
        Ok(())
    }

    fn lift(&mut self, key: &Arc<str>, writer: WriterId, now: Tick) {
        let writers = self.others(key, writer, now);
        if writers.is_empty() {
            self.0.remove(key);
        } else {
            self.0.insert(Arc::clone(key), Slot::Fenced(writers));
        }
    }

    /// The writers of the key's fence without the named one, and without those whose time is over.
    fn others(&self, key: &str, writer: WriterId, now: Tick) -> HashMap<WriterId, Tick> {
        let Some(Slot::Fenced(writers)) = self.0.get(key) else { return HashMap::new() };
        let others = writers.iter().filter(|(other, ends)| **other != writer && **ends > now);
        others.map(|(other, ends)| (*other, *ends)).collect()
    }
}

impl Table<Held> {
    fn held(&self, key: &str, now: Tick) -> Option<&Held> {
        self.holds(key).filter(|held| held.ends > now)
    }

    /// What holds the token, and how.
    fn held_by(&mut self, key: &str, token: EntryId, now: Tick) -> Option<(&mut Held, Token)> {
        let held = self.held_mut(key, now)?;
        let token = held.token(token)?;
        Some((held, token))
    }

    fn held_mut(&mut self, key: &str, now: Tick) -> Option<&mut Held> {
        match self.0.get_mut(key) {
            Some(Slot::Holds(held)) if held.ends > now => Some(held),
            _ => None,
        }
    }
}

impl Held {
    /// Lets the lease, or the refresh, go on until then, if it is one.
    fn renew(&mut self, token: Token, until: Tick) -> bool {
        match (token, &mut self.refresh) {
            (Token::Lease, _) => self.ends = until,
            (Token::Refresh, Some((_, ends))) => *ends = until,
            _ => return false,
        }
        true
    }

    fn token(&self, token: EntryId) -> Option<Token> {
        match (&self.value, self.refresh) {
            (None, _) => (self.id == token).then_some(Token::Lease),
            (Some(_), Some((refresh, _))) if refresh == token => Some(Token::Refresh),
            (Some(_), _) => (self.id == token).then_some(Token::Id),
        }
    }
}

impl<T> Default for Table<T> {
    fn default() -> Self {
        Self(HashMap::new())
    }
}

fn new_id() -> EntryId {
    let mut id = [0; 32];
    id[..16].copy_from_slice(&unique().to_be_bytes());
    EntryId(id)
}

fn full(operation: &'static str, why: &'static str) -> TierError {
    TierError { tier: NAME, operation, fault: Fault::Full, source: why.into() }
}
