//! An entry: a value with its ages, validator and tags, and how callers see it.

use std::{
    any::Any,
    ops::Deref,
    sync::{Arc, OnceLock, atomic::AtomicBool},
    time::{Duration, SystemTime},
};

use crate::{
    beside::{Beside, Held},
    clock::{AtomicTick, Tick},
    returns::Validate,
    tags::TagSeen,
    validator::Validator,
};

/// What an entry holds, whatever its type: tiers and flights handle values without knowing them, so that their code is
/// compiled once and not once a function.
pub(crate) type AnyValue = dyn Any + Send + Sync;

/// A value in the memory tier.
#[derive(Debug)]
pub(crate) struct Entry<V: ?Sized = AnyValue> {
    pub(crate) meta: Meta,
    /// What it weighs in the memory tier, in bytes; told when it comes there, and not at all where entries are counted.
    weight: OnceLock<u64>,
    pub(crate) beside: Beside,
    pub(crate) value: V,
}

impl<V> Entry<V> {
    pub(crate) fn new(meta: Meta, value: V) -> Self {
        Self { meta, weight: OnceLock::new(), beside: Beside::default(), value }
    }
}

/// What an entry knows beside its value.
#[derive(Debug, Default)]
pub(crate) struct Meta {
    /// When the value was loaded, on this node's clock.
    pub(crate) loaded: Tick,
    /// Until when the value is fresh.
    pub(crate) fresh_until: Tick,
    /// Until when a hit may answer with it; later than `fresh_until` only while a source that failed is left alone.
    pub(crate) kept_until: AtomicTick,
    /// Until when this tier may use it at all, for as long as a policy lets it be stale.
    pub(crate) usable_until: Tick,
    /// How long its load took; zero where that is not known.
    pub(crate) load_time: Micros,
    /// The [mark](crate::tier::EntryId::mark) of the shared tier's fill that it mirrors; zero for none.
    pub(crate) fill: u16,
    /// Whether a refresh is on its way or waits for its turn.
    pub(crate) refreshing: AtomicBool,
    /// When the load began, or the shared tier was asked, by the system's clock; of a function whose shared tier tells of
    /// changes.
    pub(crate) asked: Tick,
    /// The function's generation when the load began; another one means that all was cleared since.
    pub(crate) generation: u64,
    pub(crate) modified: WallTime,
    /// Computed when first asked for; the shared tier brings it along.
    pub(crate) validator: OnceLock<Option<Validator>>,
    /// The entry's tags as they were when the load began.
    pub(crate) tags: Option<Arc<[TagSeen]>>,
}

impl Entry {
    /// Whether the entry may answer a call.
    #[inline]
    pub(crate) fn is_live(&self, now: Tick, generation: u64) -> bool {
        now < self.meta.kept_until.get() && self.is_current(generation)
    }

    /// Whether nothing has invalidated it since its load began.
    #[inline]
    pub(crate) fn is_current(&self, generation: u64) -> bool {
        let meta = &self.meta;
        meta.generation == generation && meta.tags.as_deref().is_none_or(TagSeen::all_current)
    }

    /// Whether a policy may still use it, fresh or stale.
    pub(crate) fn is_usable(&self, now: Tick, generation: u64) -> bool {
        now < self.meta.usable_until && self.is_current(generation)
    }

    /// For how long it has been stale, if it is.
    pub(crate) fn staleness(&self, now: Tick) -> Option<Duration> {
        (now >= self.meta.fresh_until).then(|| now.since(self.meta.fresh_until))
    }

    /// The validator, computed unless it is there.
    pub(crate) fn validated(&self, validate: Option<Validate>) -> Option<Validator> {
        *self.meta.validator.get_or_init(|| validate.and_then(|validate| validate(&self.value)))
    }

    /// Whether no call will be answered with the entry any more, so that memory may give it back.
    pub(crate) fn is_over(&self, now: Tick, generation: u64) -> bool {
        let meta = &self.meta;
        now >= meta.usable_until.max(meta.kept_until.get()) || meta.generation < generation
    }

    /// Tells what it weighs, the first time.
    pub(crate) fn weigh(&self, weight: impl FnOnce() -> u64) {
        self.weight.get_or_init(weight);
    }

    /// What it weighs; one, where entries are counted.
    pub(crate) fn weight(&self) -> u64 {
        self.weight.get().copied().unwrap_or(1)
    }

    /// The value with its ages, if it is of the type `T`.
    pub(crate) fn cached<T: Clone + 'static>(self: Arc<Self>, now: Tick, origin: Origin) -> Option<Cached<T>> {
        let meta = &self.meta;
        Some(Cached {
            value: self.value.downcast_ref::<T>()?.clone(),
            age: now.since(meta.loaded),
            lifetime: meta.fresh_until.since(meta.loaded),
            modified: meta.modified.into(),
            validator: meta.validator.get().copied().flatten(),
            origin,
            held: self.into(),
        })
    }
}

/// A span in µs, an hour at most: an entry is kept small.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Micros(u32);

impl From<Duration> for Micros {
    fn from(span: Duration) -> Self {
        Self(u32::try_from(span.as_micros()).unwrap_or(u32::MAX))
    }
}

impl From<Micros> for Duration {
    fn from(span: Micros) -> Self {
        Self::from_micros(span.0.into())
    }
}

/// A moment by the wall clock, in ns since 1970.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct WallTime(u64);

impl From<SystemTime> for WallTime {
    fn from(time: SystemTime) -> Self {
        let since_1970 = time.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        Self(u64::try_from(since_1970.as_nanos()).unwrap_or(u64::MAX))
    }
}

impl From<WallTime> for SystemTime {
    fn from(time: WallTime) -> Self {
        Self::UNIX_EPOCH + Duration::from_nanos(time.0)
    }
}

/// Where an answer came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Origin {
    /// This process' memory.
    Memory,
    /// The tier shared by all nodes.
    Shared,
    /// Another caller's load that was under way.
    Flight,
    /// The loader, run for this call.
    Loaded,
}

/// A value with its age, lifetime and validator.
///
/// It dereferences to the value.
#[derive(Clone, Debug)]
pub struct Cached<T> {
    value: T,
    age: Duration,
    lifetime: Duration,
    modified: SystemTime,
    validator: Option<Validator>,
    origin: Origin,
    held: Held,
}

impl<T> Cached<T> {
    /// The value.
    pub fn value(&self) -> &T {
        &self.value
    }

    /// The value alone.
    pub fn into_inner(self) -> T {
        self.value
    }

    /// How long ago the value was loaded, on whichever node; measured by durations, never by comparing clocks.
    pub fn age(&self) -> Duration {
        self.age
    }

    /// For how long the value was fresh when it was loaded; zero for a value that is not kept.
    pub fn lifetime(&self) -> Duration {
        self.lifetime
    }

    /// Whether the value is past its lifetime, served by `stale` or `stale_if_error`.
    pub fn is_stale(&self) -> bool {
        self.age >= self.lifetime && !self.lifetime.is_zero()
    }

    /// For how long the value is still fresh.
    pub fn remaining(&self) -> Duration {
        self.lifetime.saturating_sub(self.age)
    }

    /// The content hash that an `ETag` is made of; `None` where the value does not implement `Serialize`.
    pub fn validator(&self) -> Option<Validator> {
        self.validator
    }

    /// When the value was loaded, by the wall clock of the node that did; for `Last-Modified`.
    pub fn modified(&self) -> SystemTime {
        self.modified
    }

    /// Where this answer came from.
    pub fn origin(&self) -> Origin {
        self.origin
    }

    /// Whether a tier answered, so that no loader ran for this call.
    pub fn is_hit(&self) -> bool {
        matches!(self.origin, Origin::Memory | Origin::Shared)
    }

    /// What was made of the value in this process, for crates that answer with it: it is there as long as the entry, for
    /// all who hold it. `None` after [`map`](Self::map), or if there is something of another type.
    #[doc(hidden)]
    pub fn beside<D: Default + Any + Send + Sync>(&self) -> Option<&D> {
        self.held.beside()
    }

    /// The same entry seen through `f`. The validator stays that of the whole value.
    pub fn map<U>(self, f: impl FnOnce(T) -> U) -> Cached<U> {
        Cached {
            value: f(self.value),
            age: self.age,
            lifetime: self.lifetime,
            modified: self.modified,
            validator: self.validator,
            origin: self.origin,
            held: Held::default(),
        }
    }
}

impl<T> Cached<Option<T>> {
    /// Turns an entry over an option inside out.
    pub fn transpose(self) -> Option<Cached<T>> {
        let Self { value, age, lifetime, modified, validator, origin, held } = self;
        value.map(|value| Cached { value, age, lifetime, modified, validator, origin, held })
    }
}

impl<T> Deref for Cached<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.value
    }
}
