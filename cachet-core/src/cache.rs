//! The flow of one call: memory, flight, shared tier, loader, fill.

use std::{
    future::Future,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant, SystemTime},
};

use crate::{
    clock::{Clock, RESOLUTION, Tick},
    codec::Codec,
    entry::{Cached, Entry, Origin},
    events::{Counters, Stats, count},
    flight::{Boarding, Flights, Leader, Ticket},
    invalidate::Invalidation,
    key::{Key, KeyBuf, KeyRef},
    loader::Load,
    memory::Memory,
    names::Names,
    policy::Spec,
    returns::Value,
    runtime::Surroundings,
    shared::{Grant, HeldLease, Shared},
    tags::TagBoard,
    tier::{Lookup, NewEntry, Read, StoredEntry},
};

/// Tags of one entry, as text.
pub type Tags = Vec<String>;

/// How long memory answers without asking the shared tier, unless `memory_ttl` says otherwise: nothing tells this node
/// yet of another one's invalidations.
const MEMORY_TTL_BESIDE_SHARED: Duration = Duration::from_secs(10);

/// The same for a value that was loaded while the shared tier could not be asked.
const MEMORY_TTL_IN_OUTAGE: Duration = Duration::from_secs(1);

/// The cache of one function in one runtime.
pub(crate) struct Cache<S: Value> {
    spec: Spec<S>,
    names: Names,
    memory: Option<Memory<S>>,
    shared: Option<(Shared, Codec<S>)>,
    flights: Flights<S>,
    tags: Arc<TagBoard>,
    /// Advanced by a clear; entries and loads of an earlier generation are dead.
    generation: AtomicU64,
    serials: AtomicU64,
    counters: Counters,
    clock: Clock,
    hasher: foldhash::fast::RandomState,
}

/// What a load may do with its value.
enum Permit {
    /// There is no shared tier; memory keeps it.
    Alone,
    /// It goes into the shared tier while the lease stands, then into memory.
    Leased(HeldLease),
    /// The shared tier cannot be asked; memory keeps it for a moment.
    Outage,
    /// Another node holds the lease for too long, or a writer fences the key; nothing keeps it.
    Unleased,
}

/// What the shared tier answered.
enum Answer<S> {
    Value(Entry<S>),
    Load(Permit),
}

impl<S: Value> Cache<S> {
    pub(crate) fn new(spec: Spec<S>, surroundings: &Surroundings) -> Self {
        let counters = Counters::default();
        let capacity = spec.capacity.max(1);
        Self {
            names: Names::new(&surroundings.namespace, &spec),
            memory: spec.memory.then(|| Memory::new(surroundings.engine, capacity, Arc::clone(&counters.evictions))),
            shared: surroundings.shared.clone().zip(spec.codec),
            flights: Flights::new(),
            tags: Arc::clone(&surroundings.tags),
            generation: AtomicU64::new(0),
            serials: AtomicU64::new(0),
            counters,
            clock: surroundings.clock.clone(),
            hasher: foldhash::fast::RandomState::default(),
            spec,
        }
    }

    /// A memory hit: no await, no lock held, nothing allocated.
    #[inline]
    pub(crate) fn hit_value(&self, call: &KeyBuf) -> Option<S> {
        let entry = self.memory.as_ref()?.get(self.key(call))?;
        // Written out, because handing the whole entry on would copy it twice more.
        if entry.is_live(self.clock.now(), self.generation()) {
            self.counters.memory_hit();
            Some(entry.value)
        } else {
            None
        }
    }

    /// The same with the entry's ages.
    pub(crate) fn hit(&self, call: &KeyBuf) -> Option<Entry<S>> {
        let entry = self.find(self.key(call))?;
        self.counters.memory_hit();
        Some(entry)
    }

    /// What follows when memory does not answer: one caller of a key leads, the others follow.
    pub(crate) async fn fetch<E, F>(&self, call: KeyBuf, tags: Tags, load: Load<S, E, F>) -> Result<Cached<S>, E>
    where
        F: Future<Output = Result<S, E>>,
    {
        count(&self.counters.misses);
        let key = self.key(&call).to_key();
        loop {
            match self.flights.board(&key, self.generation(), || self.ticket(&tags)) {
                // Another flight may have landed between this call's look-up and its boarding.
                Boarding::Lead(leader) => match self.find(key.borrowed()) {
                    Some(entry) => return Ok(self.cached(entry, Origin::Memory)),
                    None => return self.lead(leader, &call, &tags, load).await,
                },
                Boarding::Follow(follower) => {
                    count(&self.counters.followers);
                    match follower.outcome().await {
                        Some(Ok(entry)) => return Ok(self.cached(entry, Origin::Flight)),
                        Some(Err(shared)) => {
                            if let Some(error) = load.errors.take(&shared) {
                                return Err(error);
                            }
                        }
                        None => {}
                    }
                    if let Some(entry) = self.find(key.borrowed()) {
                        return Ok(self.cached(entry, Origin::Memory));
                    }
                }
            }
        }
    }

    /// The leader's way: the shared tier's value, or a load and its fill.
    async fn lead<E, F>(
        &self,
        leader: Leader<'_, S>,
        call: &KeyBuf,
        tags: &[String],
        load: Load<S, E, F>,
    ) -> Result<Cached<S>, E>
    where
        F: Future<Output = Result<S, E>>,
    {
        let permit = match self.ask_shared(&leader, call, tags).await {
            Answer::Value(entry) => {
                count(&self.counters.shared_hits);
                leader.land(entry.clone(), |key, entry| self.remember(key, entry));
                return Ok(self.cached(entry, Origin::Shared));
            }
            Answer::Load(permit) => permit,
        };
        if matches!(permit, Permit::Unleased) {
            // Nothing will confirm this load's value, so only those who came before it began may share it.
            leader.confirming();
        }
        let (negative, described) = (load.negative, load.described);
        match load.run(self.spec.display_name(), &self.counters).await {
            Ok(value) => {
                let ttl = self.ttl_of(&value, negative);
                Ok(self.fill(leader, permit, value, ttl, described).await)
            }
            Err(failed) => {
                if let Permit::Leased(lease) = permit {
                    lease.release().await;
                }
                leader.fail(failed.shared);
                Err(failed.error)
            }
        }
    }

    /// Asks the shared tier for the value, or for a lease to load it.
    async fn ask_shared(&self, leader: &Leader<'_, S>, call: &KeyBuf, tags: &[String]) -> Answer<S> {
        let Some((shared, codec)) = &self.shared else { return Answer::Load(Permit::Alone) };
        let lookup = self.lookup(call, tags);
        let give_up = Instant::now() + shared.lease();
        let mut asked = self.clock.now();
        leader.confirming();
        let mut answer = shared.read(lookup.clone()).await;
        loop {
            let dead = match answer {
                Some(Read::Hit(stored)) => match (codec.decode)(&stored.entry.body) {
                    Ok(value) => return Answer::Value(self.entry_of(value, &stored, asked, leader.ticket())),
                    Err(error) => {
                        count(&self.counters.undecodable);
                        tracing::debug!(function = self.spec.display_name(), %error, "an entry is overwritten");
                        Some(stored.id)
                    }
                },
                Some(Read::Miss { dead }) => dead,
                Some(Read::Leased) => None,
                Some(Read::Fenced) => return Answer::Load(Permit::Unleased),
                None => return self.bypass(),
            };
            let patience = match shared.acquire(lookup.clone(), dead).await {
                Some(Grant::Lease(lease)) => return Answer::Load(Permit::Leased(lease)),
                Some(Grant::Held(remaining)) => remaining,
                Some(Grant::Filled) => Duration::ZERO,
                Some(Grant::Fenced) => return Answer::Load(Permit::Unleased),
                None => return self.bypass(),
            };
            let left = give_up.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Answer::Load(Permit::Unleased);
            }
            asked = self.clock.now();
            leader.confirming();
            answer = if patience.is_zero() {
                shared.read(lookup.clone()).await
            } else {
                shared.wait(lookup.clone(), patience.min(left)).await
            };
        }
    }

    fn bypass(&self) -> Answer<S> {
        count(&self.counters.bypassed);
        Answer::Load(Permit::Outage)
    }

    /// Hands a loaded value to the tiers and the followers.
    async fn fill(
        &self,
        leader: Leader<'_, S>,
        permit: Permit,
        value: S,
        ttl: Option<Duration>,
        described: bool,
    ) -> Cached<S> {
        let mut entry = self.new_entry(value, ttl.unwrap_or_default(), leader.ticket());
        if described || matches!(permit, Permit::Leased(_)) {
            entry.validator = self.spec.validate.and_then(|validate| validate(&entry.value));
        }
        let remember = |key, entry| {
            if ttl.is_some() {
                self.remember(key, entry);
            }
        };
        match permit {
            Permit::Alone => leader.land_unconfirmed(entry.clone(), remember),
            Permit::Outage => {
                entry.kept_until = entry.kept_until.min(entry.loaded + MEMORY_TTL_IN_OUTAGE);
                leader.land_unconfirmed(entry.clone(), remember);
            }
            Permit::Unleased => leader.land(entry.clone(), |_, _| {}),
            Permit::Leased(lease) => {
                leader.confirming();
                let stood = match ttl.and_then(|ttl| self.encode(&entry, ttl)) {
                    Some(new) => lease.fill(new).await,
                    None => lease.release().await,
                };
                match stood {
                    Some(true) => leader.land(entry.clone(), remember),
                    Some(false) => {
                        count(&self.counters.refused_fills);
                        leader.fail(None);
                    }
                    None => {
                        entry.kept_until = entry.kept_until.min(entry.loaded + MEMORY_TTL_IN_OUTAGE);
                        leader.land_unconfirmed(entry.clone(), remember);
                    }
                }
            }
        }
        self.cached(entry, Origin::Loaded)
    }

    fn encode(&self, entry: &Entry<S>, ttl: Duration) -> Option<NewEntry> {
        let (_, codec) = self.shared.as_ref()?;
        match (codec.encode)(&entry.value) {
            Ok(body) => Some(NewEntry {
                lifetime: ttl,
                modified: entry.modified,
                validator: entry.validator,
                body: body.into(),
            }),
            Err(error) => {
                tracing::error!(function = self.spec.display_name(), %error, "the value stays out of the shared tier");
                None
            }
        }
    }

    fn new_entry(&self, value: S, ttl: Duration, ticket: &Ticket) -> Entry<S> {
        let now = self.clock.now();
        let fresh_until = now + ttl;
        Entry {
            value,
            serial: self.serials.fetch_add(1, Ordering::Relaxed),
            loaded: now,
            fresh_until,
            kept_until: self.kept_until(now, fresh_until),
            generation: ticket.generation,
            modified: SystemTime::now(),
            validator: None,
            tags: ticket.tags.clone(),
        }
    }

    /// An entry that mirrors a shared one, which was asked for at `asked` and had that much left some time after.
    fn entry_of(&self, value: S, stored: &StoredEntry, asked: Tick, ticket: &Ticket) -> Entry<S> {
        let fresh_until = asked + stored.remaining;
        Entry {
            value,
            serial: self.serials.fetch_add(1, Ordering::Relaxed),
            loaded: fresh_until.before(stored.entry.lifetime),
            fresh_until,
            kept_until: self.kept_until(asked, fresh_until),
            generation: ticket.generation,
            modified: stored.entry.modified,
            validator: stored.entry.validator,
            tags: ticket.tags.clone(),
        }
    }

    fn kept_until(&self, now: Tick, fresh_until: Tick) -> Tick {
        if self.shared.is_none() {
            return self.spec.memory_ttl.map_or(fresh_until, |ttl| fresh_until.min(now + ttl));
        }
        let ttl = self.spec.memory_ttl.unwrap_or(MEMORY_TTL_BESIDE_SHARED);
        // The shared entry began to age later than this one, but a coarse reading may be that much behind.
        fresh_until.before(RESOLUTION).min(now + ttl)
    }

    /// How long a value is kept; `None` for one that is not.
    fn ttl_of(&self, value: &S, negative: fn(&S) -> bool) -> Option<Duration> {
        if negative(value) { self.spec.negative_ttl } else { Some(self.spec.ttl) }
    }

    fn cached(&self, entry: Entry<S>, origin: Origin) -> Cached<S> {
        entry.into_cached(self.clock.now(), origin)
    }

    #[inline]
    fn find(&self, key: KeyRef<'_>) -> Option<Entry<S>> {
        let entry = self.memory.as_ref()?.get(key)?;
        entry.is_live(self.clock.now(), self.generation()).then_some(entry)
    }

    fn remember(&self, key: Key, entry: Entry<S>) {
        if let Some(memory) = &self.memory {
            memory.insert(key, entry);
        }
    }

    #[inline]
    fn key<'a>(&self, call: &'a KeyBuf) -> KeyRef<'a> {
        KeyRef::new(&self.hasher, call.as_bytes())
    }

    #[inline]
    fn generation(&self) -> u64 {
        self.generation.load(Ordering::Acquire)
    }

    fn ticket(&self, tags: &[String]) -> Ticket {
        Ticket { generation: self.generation(), tags: self.tags.observe(tags) }
    }

    fn lookup(&self, call: &KeyBuf, tags: &[String]) -> Lookup {
        self.names.lookup(call, tags)
    }
}

/// The controls.
impl<S: Value> Cache<S> {
    /// The entry with its validator, which is computed once: the entry in memory keeps it.
    pub(crate) fn describe(&self, call: &KeyBuf, mut entry: Entry<S>) -> Cached<S> {
        if entry.validator.is_none()
            && let Some(validate) = self.spec.validate
        {
            entry.validator = validate(&entry.value);
            let key = self.key(call);
            self.flights.undisturbed(key, || {
                // Only in place of the very entry that was read: anything else there is newer.
                if self.find(key).is_some_and(|kept| kept.serial == entry.serial) {
                    self.remember(key.to_key(), entry.clone());
                }
            });
        }
        self.cached(entry, Origin::Memory)
    }

    /// The validator of a value that was just fetched.
    pub(crate) fn validated(&self, cached: Cached<S>) -> Cached<S> {
        match self.spec.validate {
            Some(validate) if cached.validator().is_none() => cached.with_validator(validate),
            _ => cached,
        }
    }

    /// What the tiers hold, without loading or counting.
    pub(crate) async fn peek(&self, call: &KeyBuf, tags: &[String]) -> Option<Cached<S>> {
        if let Some(cached) = self.peek_memory(call) {
            return Some(cached);
        }
        let (shared, codec) = self.shared.as_ref()?;
        let (asked, ticket) = (self.clock.now(), self.ticket(tags));
        let Some(Read::Hit(stored)) = shared.read(self.lookup(call, tags)).await else { return None };
        let value = (codec.decode)(&stored.entry.body).ok()?;
        Some(self.cached(self.entry_of(value, &stored, asked, &ticket), Origin::Shared))
    }

    /// What memory holds, without counting.
    pub(crate) fn peek_memory(&self, call: &KeyBuf) -> Option<Cached<S>> {
        self.find(self.key(call)).map(|entry| self.cached(entry, Origin::Memory))
    }

    /// Puts a value in place of whatever the tiers hold, as a load that began now would.
    pub(crate) async fn put(
        self: &Arc<Self>,
        call: KeyBuf,
        tags: Tags,
        value: S,
        negative: fn(&S) -> bool,
    ) -> Invalidation {
        let invalidated = self.invalidate(&call).await;
        let key = self.key(&call).to_key();
        // Someone else may lead by now: that load began after the invalidation, and its value is as new as this one.
        if let Boarding::Lead(leader) = self.flights.board(&key, self.generation(), || self.ticket(&tags)) {
            let permit = match &self.shared {
                None => Permit::Alone,
                Some((shared, _)) => match shared.acquire(self.lookup(&call, &tags), None).await {
                    Some(Grant::Lease(lease)) => Permit::Leased(lease),
                    Some(Grant::Held(_) | Grant::Filled | Grant::Fenced) => Permit::Unleased,
                    None => Permit::Outage,
                },
            };
            let ttl = self.ttl_of(&value, negative);
            self.fill(leader, permit, value, ttl, false).await;
        }
        invalidated
    }

    /// Invalidates one key: in memory before the shared tier is told and again after, because a reader between the two
    /// may have brought the old value back from there.
    pub(crate) async fn invalidate(self: &Arc<Self>, call: &KeyBuf) -> Invalidation {
        count(&self.counters.invalidations);
        let key = self.key(call).to_key();
        self.drop_local(key.borrowed());
        let Some((shared, _)) = &self.shared else { return Invalidation::Done };
        let cache = Arc::clone(self);
        shared.invalidate(self.names.entry(call), move || cache.drop_local(key.borrowed())).await
    }

    /// Invalidates one key of a function that no shared tier knows.
    pub(crate) fn invalidate_memory(&self, call: &KeyBuf) -> Invalidation {
        count(&self.counters.invalidations);
        self.drop_local(self.key(call));
        Invalidation::Done
    }

    fn drop_local(&self, key: KeyRef<'_>) {
        self.flights.detach(key, || {
            if let Some(memory) = &self.memory {
                memory.remove(key);
            }
        });
    }

    /// Invalidates every key.
    pub(crate) async fn clear(self: &Arc<Self>) -> Invalidation {
        count(&self.counters.invalidations);
        self.drop_all_local();
        let Some((shared, _)) = &self.shared else { return Invalidation::Done };
        let cache = Arc::clone(self);
        shared.invalidate(self.names.function(), move || cache.drop_all_local()).await
    }

    /// Invalidates every key in memory.
    pub(crate) fn clear_memory(&self) -> Invalidation {
        count(&self.counters.invalidations);
        self.drop_all_local();
        Invalidation::Done
    }

    pub(crate) fn drop_all_local(&self) {
        // The generation first: a load that ends between the two steps stores an entry that is dead on arrival.
        self.generation.fetch_add(1, Ordering::AcqRel);
        self.flights.detach_all(|| {
            if let Some(memory) = &self.memory {
                memory.clear();
            }
        });
    }

    pub(crate) fn stats(&self) -> Stats {
        self.counters.snapshot(self.memory.as_ref().map_or(0, Memory::len))
    }

    pub(crate) fn name(&self) -> &'static str {
        self.spec.display_name()
    }
}
