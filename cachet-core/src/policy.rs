//! What a cached function asks for: its lifetimes, tiers and bounds.

use std::{any::Any, borrow::Cow, marker::PhantomData, sync::Arc, time::Duration};

use serde::{Serialize, de::DeserializeOwned};

use crate::{
    codec::Codec,
    entry::AnyValue,
    erased::{AnyCodec, ErrorCodec},
    returns::{Absent, Errs, Fails, OutageError, Probed, Share, SharedError, Splits, Validate},
};

/// The default bound of a function's memory tier, in entries.
const CAPACITY: usize = 10_000;

/// Everything that the attribute says about one function that returns `R`; built once for each runtime.
pub struct Spec<R, K> {
    settings: Settings,
    of: PhantomData<fn() -> (R, K)>,
}

/// Asks something of a value or an error, whatever its type.
type Ask<A, T> = Arc<dyn Fn(&A) -> T + Send + Sync>;

/// The same without the types.
pub(crate) struct Settings {
    pub(crate) path: Cow<'static, str>,
    pub(crate) name: Option<&'static str>,
    /// The types that a generic function, or a method of a generic type, was instantiated with.
    pub(crate) instance: Option<&'static str>,
    pub(crate) ttl: Duration,
    pub(crate) negative_ttl: Option<Duration>,
    pub(crate) memory_ttl: Option<Duration>,
    /// The share of its lifetime by which an entry's is shortened at most.
    pub(crate) jitter: f64,
    /// For how long after its lifetime a value is served while it is refreshed.
    pub(crate) stale: Duration,
    /// For how long after its lifetime a value is served when its load fails.
    pub(crate) stale_if_error: Duration,
    /// How eagerly a value is refreshed before its lifetime is over; zero for not at all.
    pub(crate) early: f64,
    /// How long a load may keep its callers waiting while there is something stale to serve.
    pub(crate) timeout: Option<Duration>,
    pub(crate) on_outage: OnOutage,
    pub(crate) memory: bool,
    pub(crate) capacity: usize,
    /// The bound in bytes, in place of that in entries.
    pub(crate) max_bytes: Option<u64>,
    /// How many bytes a value takes.
    pub(crate) weight: Option<Ask<AnyValue, usize>>,
    pub(crate) version: u64,
    pub(crate) codec: Option<Arc<dyn AnyCodec>>,
    pub(crate) error_codec: Option<Arc<dyn AnyCodec>>,
    pub(crate) share: Option<Share>,
    /// Which errors are answers of their own, that no stale value hides.
    pub(crate) is_final: Option<fn(&dyn Any) -> bool>,
    pub(crate) validate: Option<Validate>,
    pub(crate) is_negative: fn(&AnyValue) -> bool,
    /// Which values are stored.
    pub(crate) when: Option<Ask<AnyValue, bool>>,
    /// How long a value is fresh, where the value itself says so.
    pub(crate) ttl_of: Option<Ask<AnyValue, Option<Duration>>>,
    /// How long an error is kept; `None` for one that is not.
    pub(crate) error_ttl: Option<Ask<dyn Any, Option<Duration>>>,
    /// The tags that are known only once the value is.
    pub(crate) tags_of: Option<Ask<AnyValue, Vec<String>>>,
}

/// What a call does that the shared tier should answer, and cannot.
#[derive(Clone, Copy)]
pub(crate) enum OnOutage {
    /// It loads.
    Load,
    /// It takes what memory has, fresh or stale, though another node may have invalidated it unheard; else it loads.
    Stale,
    /// It fails with an error that is made for it.
    Fail(fn() -> SharedError),
}

impl<R, K: Splits<R>> Spec<R, K> {
    /// A memory-only function with the defaults; `path` is its full path.
    #[expect(clippy::needless_pass_by_value, reason = "it is made for this call")]
    pub fn new(path: &'static str, ttl: Duration, probed: Probed<K>) -> Self {
        let settings = Settings {
            path: path.into(),
            name: None,
            instance: None,
            ttl,
            negative_ttl: None,
            memory_ttl: None,
            jitter: 0.0,
            stale: Duration::ZERO,
            stale_if_error: Duration::ZERO,
            early: 0.0,
            timeout: None,
            on_outage: OnOutage::Load,
            memory: true,
            capacity: CAPACITY,
            max_bytes: None,
            weight: None,
            version: 0,
            codec: None,
            error_codec: None,
            share: probed.share,
            is_final: None,
            validate: probed.validate,
            is_negative: |value| value.downcast_ref::<K::Stored>().is_some_and(K::is_negative),
            when: None,
            ttl_of: None,
            error_ttl: None,
            tags_of: None,
        };
        Self { settings, of: PhantomData }
    }

    fn with(mut self, set: impl FnOnce(&mut Settings)) -> Self {
        set(&mut self.settings);
        self
    }

    /// Takes it that a load may end in an error.
    #[must_use]
    pub fn fails(self) -> Self
    where
        K: Fails,
    {
        self
    }

    /// The name in shared keys and counters, in place of the path.
    #[must_use]
    pub fn name(self, name: &'static str) -> Self {
        self.with(|settings| settings.name = Some(name))
    }

    /// A method of the type of that name.
    #[must_use]
    pub fn method_of(self, ty: &'static str, method: &'static str) -> Self {
        self.with(|settings| settings.path = format!("{ty}::{method}").into())
    }

    /// One instance of a generic function, by the name of a type or function with the same generics.
    #[must_use]
    pub fn instance(self, named: &'static str) -> Self {
        let generics = named.split_once('<').and_then(|(_, after)| after.rsplit_once('>'));
        self.with(|settings| settings.instance = generics.map(|(generics, _)| generics))
    }

    /// Uses the shared tier, with bincode 2.
    #[must_use]
    pub fn bincode(self) -> Self
    where
        K::Stored: Serialize + DeserializeOwned,
    {
        self.codec(Codec::bincode())
    }

    /// Uses the shared tier, with JSON.
    #[must_use]
    pub fn json(self) -> Self
    where
        K::Stored: Serialize + DeserializeOwned,
    {
        self.codec(Codec::json())
    }

    /// Uses the shared tier, with postcard.
    #[must_use]
    pub fn postcard(self) -> Self
    where
        K::Stored: Serialize + DeserializeOwned,
    {
        self.codec(Codec::postcard())
    }

    fn codec(self, codec: Codec<K::Stored>) -> Self
    where
        K::Stored: Serialize + DeserializeOwned,
    {
        self.with(|settings| settings.codec = Some(Arc::new(codec)))
    }

    /// How errors are encoded in the shared tier.
    #[must_use]
    pub fn shared_errors(self) -> Self
    where
        K::Failure: Clone + Send + Sync + Serialize + DeserializeOwned,
    {
        // JSON reads whatever serde can write.
        self.with(|settings| settings.error_codec = Some(Arc::new(ErrorCodec(Codec::<K::Failure>::json()))))
    }

    /// Whether the function uses the memory tier.
    #[must_use]
    pub fn memory(self, memory: bool) -> Self {
        self.with(|settings| settings.memory = memory)
    }

    /// The bound of the memory tier, in entries.
    #[must_use]
    pub fn capacity(self, entries: usize) -> Self {
        self.with(|settings| settings.capacity = entries)
    }

    /// The bound of the memory tier in bytes, in place of that in entries; it needs a [`weight`](Self::weight).
    #[must_use]
    pub fn max_bytes(self, bytes: u64) -> Self {
        self.with(|settings| settings.max_bytes = Some(bytes))
    }

    /// How many bytes a value takes. A `None` and an error take none.
    #[must_use]
    pub fn weight(self, bytes: impl Fn(&K::Value) -> usize + Send + Sync + 'static) -> Self {
        self.with(|settings| {
            settings.weight = Some(Arc::new(move |value| value_of::<R, K>(value).map_or(0, &bytes)));
        })
    }

    /// Which errors are answers of their own: no stale value is served in their place, nor after them.
    #[must_use]
    pub fn is_final(self, is_final: fn(&dyn Any) -> bool) -> Self {
        self.with(|settings| settings.is_final = Some(is_final))
    }

    /// A number of the user's that is part of the shared key.
    #[must_use]
    pub fn version(self, version: u64) -> Self {
        self.with(|settings| settings.version = version)
    }

    /// How long an absent value is kept.
    #[must_use]
    pub fn negative_ttl(self, ttl: Duration) -> Self
    where
        K: Absent,
    {
        self.with(|settings| settings.negative_ttl = Some(ttl))
    }

    /// How long memory may answer without asking the shared tier.
    #[must_use]
    pub fn memory_ttl(self, ttl: Duration) -> Self {
        self.with(|settings| settings.memory_ttl = Some(ttl))
    }

    /// By which share of its lifetime an entry's is shortened at most.
    #[must_use]
    pub fn jitter(self, share: f64) -> Self {
        self.with(|settings| settings.jitter = share)
    }

    /// For how long after its lifetime a value is served while it is refreshed.
    #[must_use]
    pub fn stale(self, window: Duration) -> Self {
        self.with(|settings| settings.stale = window)
    }

    /// For how long after its lifetime a value is served when its load fails.
    #[must_use]
    pub fn stale_if_error(self, window: Duration) -> Self {
        self.with(|settings| settings.stale_if_error = window)
    }

    /// How eagerly a value is refreshed before its lifetime is over.
    #[must_use]
    pub fn early(self, beta: f64) -> Self {
        self.with(|settings| settings.early = beta)
    }

    /// How long a load may keep its callers waiting while there is something stale to serve.
    #[must_use]
    pub fn timeout(self, deadline: Duration) -> Self {
        self.with(|settings| settings.timeout = Some(deadline))
    }

    /// A call that the shared tier should answer, and cannot, takes what memory has.
    #[must_use]
    pub fn stale_in_outage(self) -> Self {
        self.with(|settings| settings.on_outage = OnOutage::Stale)
    }

    /// It fails.
    #[must_use]
    pub fn fail_in_outage(self) -> Self
    where
        K::Failure: OutageError,
    {
        self.with(|settings| settings.on_outage = OnOutage::Fail(|| SharedError::new(K::Failure::outage())))
    }

    /// Which values are stored. A `None` is none.
    #[must_use]
    pub fn when(self, passes: impl Fn(&K::Value) -> bool + Send + Sync + 'static) -> Self {
        self.with(|settings| settings.when = Some(Arc::new(move |value| value_of::<R, K>(value).is_none_or(&passes))))
    }

    /// How long a value is fresh, by what it says itself.
    #[must_use]
    pub fn ttl_of(self, ttl: impl Fn(&K::Value) -> Duration + Send + Sync + 'static) -> Self {
        self.with(|settings| settings.ttl_of = Some(Arc::new(move |value| value_of::<R, K>(value).map(&ttl))))
    }

    /// How long an error is kept; `None` for one that is not.
    #[must_use]
    pub fn error_ttl(self, ttl: impl Fn(&K::Failure) -> Option<Duration> + Send + Sync + 'static) -> Self
    where
        K: Errs,
        K::Failure: Clone + Send + Sync,
    {
        self.with(|settings| settings.error_ttl = Some(Arc::new(move |error| ttl(error.downcast_ref()?))))
    }

    /// What follows of a value's tags from the value itself.
    #[must_use]
    pub fn tags_of(self, tags: impl Fn(&K::Value) -> Vec<String> + Send + Sync + 'static) -> Self {
        self.with(|settings| {
            settings.tags_of = Some(Arc::new(move |value| value_of::<R, K>(value).map(&tags).unwrap_or_default()));
        })
    }

    pub(crate) fn into_settings(self) -> Settings {
        self.settings
    }
}

/// What `when` and its like are given of a stored value: the value, or what is inside an `Option`.
fn value_of<R, K: Splits<R>>(value: &AnyValue) -> Option<&K::Value> {
    value.downcast_ref::<K::Stored>().and_then(K::value)
}

impl Settings {
    /// For how long after its lifetime a value is of any use.
    pub(crate) fn longest_stale(&self) -> Duration {
        self.stale.max(self.stale_if_error)
    }

    pub(crate) fn display_name(&self) -> String {
        let name = self.name.unwrap_or(&self.path);
        self.instance.map_or_else(|| name.to_owned(), |instance| format!("{name}<{instance}>"))
    }
}
