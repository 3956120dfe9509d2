//! The flow of one call: memory, flight, shared tier, loader, fill.
//!
//! It knows no types: a value is an [`Erased`] one on its way into an entry. What knows the function's types is the thin
//! shell in `private.rs`, which runs the loader between [`Cache::begin`] and [`Lead::fill`].

mod batch;
mod lead;
mod miss;
mod sweep;

use std::{
    any::Any,
    future::Future,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant, SystemTime},
};

use crate::{
    clock::{Clock, RESOLUTION, Tick},
    codec::CodecError,
    entry::{AnyValue, Entry, Meta, Origin},
    erased::{AnyCodec, Erased},
    events::{Counters, Stats, count},
    flight::{Boarding, Flights, Leader, Ticket},
    invalidate::Invalidation,
    key::{Key, KeyBuf, KeyRef},
    memory::{Memory, OVERHEAD},
    names::Names,
    policy::Settings,
    private::Keyed,
    returns::SharedError,
    runtime::Surroundings,
    shared::{Grant, HeldLease, Shared},
    tags::{AnyTag, TagBoard},
    tier::{Lookup, NewEntry, Read, StoredEntry, Target},
};

use self::lead::Fate;
pub(crate) use self::{
    batch::Place,
    lead::Lead,
    miss::{Failed, Miss},
};

/// A part of the flow that is compiled here, once: the poll function of an async function that others await would be
/// compiled into every crate that does. It runs on misses and for controls, where a box is nothing.
pub(crate) type Boxed<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// Tags of one entry, as text.
pub type Tags = Vec<String>;

/// How long memory answers without asking the shared tier, unless `memory_ttl` says otherwise: nothing tells this node
/// yet of another one's invalidations.
const MEMORY_TTL_BESIDE_SHARED: Duration = Duration::from_secs(10);

/// The same for a value that was loaded while the shared tier could not be asked.
const MEMORY_TTL_IN_OUTAGE: Duration = Duration::from_secs(1);

/// The cache of one function in one runtime.
pub(crate) struct Cache {
    settings: Settings,
    name: String,
    names: Names,
    memory: Option<Memory>,
    shared: Option<(Shared, Arc<dyn AnyCodec>)>,
    flights: Arc<Flights>,
    tags: Arc<TagBoard>,
    /// Advanced by a clear; entries and loads of an earlier generation are dead.
    generation: AtomicU64,
    counters: Counters,
    clock: Clock,
    hasher: foldhash::fast::RandomState,
}

/// How a call that memory did not answer goes on.
pub(crate) enum Begun {
    /// A tier, or another caller's load, has the value.
    Found(Found),
    /// Another caller's load failed.
    Failed(SharedError),
    /// The caller runs the loader.
    Lead(Lead),
}

/// An entry, and where it came from.
pub(crate) struct Found {
    pub(crate) entry: Arc<Entry>,
    pub(crate) origin: Origin,
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
enum Answer {
    Value(Arc<Entry>),
    Load(Permit),
}

impl Cache {
    pub(crate) fn new(settings: Settings, surroundings: &Surroundings) -> Self {
        let counters = Counters::default();
        Self {
            name: settings.display_name(),
            names: Names::new(&surroundings.namespace, &settings),
            memory: settings
                .memory
                .then(|| Memory::new(surroundings.engine, &settings, Arc::clone(&counters.evictions))),
            shared: surroundings.shared.clone().zip(settings.codec.clone()),
            flights: Arc::new(Flights::new()),
            tags: Arc::clone(&surroundings.tags),
            generation: AtomicU64::new(0),
            counters,
            clock: surroundings.clock.clone(),
            hasher: foldhash::fast::RandomState::default(),
            settings,
        }
    }

    /// A memory hit: no await, no lock held, nothing allocated.
    ///
    /// Not inlined: it is the same for every function, and the table's look-up would be compiled into each of them.
    #[inline(never)]
    pub(crate) fn hit(&self, call: &KeyBuf) -> Option<Arc<Entry>> {
        let entry = self.memory.as_ref()?.get(self.key(call))?;
        if entry.is_live(self.clock.now(), self.generation()) {
            self.counters.memory_hit();
            Some(entry)
        } else {
            None
        }
    }

    /// What follows when memory does not answer: one caller of a key leads, the others follow.
    async fn begin(self: Arc<Self>, call: Keyed) -> Begun {
        count(&self.counters.misses);
        let key = self.key(&call.key).to_key();
        loop {
            match self.flights.board(&key, self.generation(), || self.ticket(&call.tags)) {
                // Another flight may have landed between this call's look-up and its boarding.
                Boarding::Lead(leader) => match self.find(key.borrowed()) {
                    Some(entry) => return Begun::Found(Found { entry, origin: Origin::Memory }),
                    None => return self.lead(leader, &call).await,
                },
                Boarding::Follow(follower) => {
                    count(&self.counters.followers);
                    match follower.outcome().await {
                        Some(Ok(entry)) => return Begun::Found(Found { entry, origin: Origin::Flight }),
                        Some(Err(error)) => return Begun::Failed(error),
                        None => {}
                    }
                    if let Some(entry) = self.find(key.borrowed()) {
                        return Begun::Found(Found { entry, origin: Origin::Memory });
                    }
                }
                Boarding::Inside => self.refuse_recursion(),
            }
        }
    }

    /// A load that needs its own value would wait for itself for ever.
    fn refuse_recursion(&self) -> ! {
        panic!("`{}` was called by its own load, for the key that is being loaded", self.name)
    }

    /// The leader's way to its load: the shared tier may have the value.
    async fn lead(self: &Arc<Self>, leader: Leader, call: &Keyed) -> Begun {
        let permit = match self.ask_shared(&leader, call).await {
            Answer::Value(entry) => {
                count(&self.counters.shared_hits);
                leader.land(Arc::clone(&entry), |key, entry| self.remember(key, entry));
                return Begun::Found(Found { entry, origin: Origin::Shared });
            }
            Answer::Load(permit) => permit,
        };
        Begun::Lead(Lead::new(Arc::clone(self), leader, permit))
    }

    /// Asks the shared tier for the value, or for a lease to load it.
    async fn ask_shared(&self, leader: &Leader, call: &Keyed) -> Answer {
        let Some((shared, _)) = &self.shared else { return Answer::Load(Permit::Alone) };
        let lookup = self.lookup(call);
        let give_up = Instant::now() + shared.lease();
        let mut asked = self.clock.now();
        leader.confirming();
        let mut answer = shared.read(lookup.clone()).await;
        loop {
            let dead = match answer {
                Some(Read::Hit(stored)) => match self.decode(&stored) {
                    Some(value) => return Answer::Value(self.mirror(value, &stored, asked, leader.ticket())),
                    None => Some(stored.id),
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

    fn bypass(&self) -> Answer {
        count(&self.counters.bypassed);
        Answer::Load(Permit::Outage)
    }

    /// How long a loaded value is kept; `None` for one that is not.
    fn lifetime(&self, value: &AnyValue) -> Option<Duration> {
        let settings = &self.settings;
        let ttl = if let Some(error) = value.downcast_ref::<SharedError>() {
            self.error_lifetime(error.as_any())?
        } else if (settings.is_negative)(value) {
            settings.negative_ttl?
        } else if settings.when.as_ref().is_some_and(|passes| !passes(value)) {
            return None;
        } else {
            settings.ttl_of.as_ref().and_then(|ttl| ttl(value)).unwrap_or(settings.ttl)
        };
        let ttl = if settings.jitter > 0.0 { shortened(ttl, settings.jitter) } else { ttl };
        (!ttl.is_zero()).then_some(ttl)
    }

    fn error_lifetime(&self, error: &dyn Any) -> Option<Duration> {
        self.settings.error_ttl.as_ref().and_then(|ttl| ttl(error))
    }

    /// An entry for a value that this node loaded.
    fn entry(&self, value: Box<dyn Erased>, fate: Fate, keep: Duration) -> Arc<Entry> {
        let now = self.clock.now();
        let fresh_until = now + fate.lifetime.unwrap_or_default();
        value.into_entry(Meta {
            loaded: now,
            fresh_until,
            kept_until: self.kept_until(now, fresh_until).min(now + keep),
            generation: fate.generation,
            modified: Some(SystemTime::now()),
            validator: fate.validator.map(Some).map(Into::into).unwrap_or_default(),
            tags: fate.tags,
        })
    }

    /// An entry that mirrors a shared one, which was asked for at `asked` and had that much left some time after.
    fn mirror(&self, value: Box<dyn Erased>, stored: &StoredEntry, asked: Tick, ticket: &Ticket) -> Arc<Entry> {
        let fresh_until = asked + stored.remaining;
        value.into_entry(Meta {
            loaded: fresh_until.before(stored.entry.lifetime),
            fresh_until,
            kept_until: self.kept_until(asked, fresh_until),
            generation: ticket.generation,
            modified: Some(stored.entry.modified),
            validator: stored.entry.validator.map(Some).map(Into::into).unwrap_or_default(),
            tags: ticket.tags.clone(),
        })
    }

    fn kept_until(&self, now: Tick, fresh_until: Tick) -> Tick {
        if self.shared.is_none() {
            return self.settings.memory_ttl.map_or(fresh_until, |ttl| fresh_until.min(now + ttl));
        }
        let ttl = self.settings.memory_ttl.unwrap_or(MEMORY_TTL_BESIDE_SHARED);
        // The shared entry began to age later than this one, but a coarse reading may be that much behind.
        fresh_until.before(RESOLUTION).min(now + ttl)
    }

    /// A loaded value as the shared tier is given it.
    fn new_entry(&self, value: &AnyValue, fate: &Fate) -> Option<NewEntry> {
        let lifetime = fate.lifetime?;
        let body = self.encode(value)?.into();
        Some(NewEntry { lifetime, modified: SystemTime::now(), validator: fate.validator, body })
    }

    fn encode(&self, value: &AnyValue) -> Option<Vec<u8>> {
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

    fn decode(&self, stored: &StoredEntry) -> Option<Box<dyn Erased>> {
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

    fn find(&self, key: KeyRef<'_>) -> Option<Arc<Entry>> {
        let entry = self.memory.as_ref()?.peek(key)?;
        entry.is_live(self.clock.now(), self.generation()).then_some(entry)
    }

    fn remember(&self, key: Key, entry: Arc<Entry>) {
        if let Some(memory) = &self.memory {
            if let Some(weight) = &self.settings.weight {
                entry.weigh(|| key.size() + OVERHEAD + weight(&entry.value) as u64);
            }
            memory.insert(key, entry);
        }
    }

    #[inline]
    fn key<'a>(&self, call: &'a KeyBuf) -> KeyRef<'a> {
        call.hashed(&self.hasher)
    }

    fn generation(&self) -> u64 {
        self.generation.load(Ordering::Acquire)
    }

    fn ticket(&self, tags: &[String]) -> Ticket {
        Ticket {
            generation: self.generation(),
            tags: self.tags.observe(tags),
            any_tag: self.settings.tags_of.as_ref().map(|_| AnyTag::observe(&self.tags)),
        }
    }

    fn lookup(&self, call: &Keyed) -> Lookup {
        self.names.lookup(&call.key, &call.tags)
    }

    /// Computes an entry's validator, unless it has one.
    pub(crate) fn validate(&self, entry: &Entry) {
        entry.meta.validator.get_or_init(|| self.settings.validate.and_then(|validate| validate(&entry.value)));
    }

    /// What the tiers hold, without loading or counting.
    pub(crate) fn peek<'a>(&'a self, call: &'a Keyed) -> Boxed<'a, Option<Found>> {
        Box::pin(self.peek_all(call))
    }

    async fn peek_all(&self, call: &Keyed) -> Option<Found> {
        if let Some(found) = self.peek_memory(&call.key) {
            return Some(found);
        }
        let (shared, _) = self.shared.as_ref()?;
        let (asked, ticket) = (self.clock.now(), self.ticket(&call.tags));
        let Some(Read::Hit(stored)) = shared.read(self.lookup(call)).await else { return None };
        let entry = self.mirror(self.decode(&stored)?, &stored, asked, &ticket);
        Some(Found { entry, origin: Origin::Shared })
    }

    /// What memory holds, without counting.
    pub(crate) fn peek_memory(&self, call: &KeyBuf) -> Option<Found> {
        self.find(self.key(call)).map(|entry| Found { entry, origin: Origin::Memory })
    }

    /// Puts a value in place of whatever the tiers hold, as a load that began now would.
    pub(crate) fn put<'a>(self: &'a Arc<Self>, call: &'a Keyed, value: Box<dyn Erased>) -> Boxed<'a, Invalidation> {
        Box::pin(self.replace(call, value))
    }

    async fn replace(self: &Arc<Self>, call: &Keyed, value: Box<dyn Erased>) -> Invalidation {
        let invalidated = self.invalidate(&call.key).await;
        let key = self.key(&call.key).to_key();
        // Someone else may lead by now: that load began after the invalidation, and its value is as new as this one.
        if let Boarding::Lead(leader) = self.flights.board(&key, self.generation(), || self.ticket(&call.tags)) {
            let permit = match &self.shared {
                None => Permit::Alone,
                Some((shared, _)) => match shared.acquire(self.lookup(call), None).await {
                    Some(Grant::Lease(lease)) => Permit::Leased(lease),
                    Some(Grant::Held(_) | Grant::Filled | Grant::Fenced) => Permit::Unleased,
                    None => Permit::Outage,
                },
            };
            Lead::new(Arc::clone(self), leader, permit).fill(value, false).await;
        }
        invalidated
    }

    /// Invalidates one key: in memory before the shared tier is told and again after, because a reader between the two
    /// may have brought the old value back from there.
    pub(crate) fn invalidate<'a>(self: &'a Arc<Self>, call: &'a KeyBuf) -> Boxed<'a, Invalidation> {
        Box::pin(self.drop_everywhere(call))
    }

    async fn drop_everywhere(self: &Arc<Self>, call: &KeyBuf) -> Invalidation {
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

    /// The entry in the shared tier, if the function uses that.
    pub(crate) fn shared_target(&self, call: &KeyBuf) -> Option<Target> {
        self.shared.as_ref().map(|_| self.names.entry(call))
    }

    fn drop_local(&self, key: KeyRef<'_>) {
        self.flights.detach(key, || {
            if let Some(memory) = &self.memory {
                memory.remove(key);
            }
        });
    }

    /// Invalidates every key.
    pub(crate) fn clear(self: &Arc<Self>) -> Boxed<'_, Invalidation> {
        Box::pin(self.drop_all_everywhere())
    }

    async fn drop_all_everywhere(self: &Arc<Self>) -> Invalidation {
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
        let weight = self.memory.as_ref().filter(|_| self.settings.weight.is_some()).map_or(0, Memory::weight);
        Stats { bytes: weight, ..self.counters.snapshot(self.memory.as_ref().map_or(0, Memory::len)) }
    }

    pub(crate) fn now(&self) -> Tick {
        self.clock.now()
    }

    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// Counts a loader's run.
    pub(crate) fn loaded(&self, time: Duration, is_ok: bool) {
        self.counters.loaded_in(time);
        if !is_ok {
            count(&self.counters.load_errors);
        }
    }
}

/// The last byte of a shared body, where errors are kept beside values.
const VALUE: u8 = 0;
const ERROR: u8 = 1;

/// A lifetime without a random part of its share.
fn shortened(lifetime: Duration, share: f64) -> Duration {
    lifetime.mul_f64(1.0 - share.clamp(0.0, 1.0) * fastrand::f64())
}
