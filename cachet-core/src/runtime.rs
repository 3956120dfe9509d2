//! `Cachet`: the configuration that cached functions run with, and where they find it.

use std::{
    any::TypeId,
    collections::HashMap,
    env, fmt,
    future::Future,
    sync::{
        Arc, Mutex, MutexGuard, OnceLock, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use tokio::task_local;

use crate::{
    background::{self, Background},
    backplane::{Inbox, News},
    cache::Cache,
    clock::Clock,
    envelope::{Envelope, Seal},
    error::Error,
    events::Stats,
    fronts::{Debt, Fronts},
    invalidate::Invalidation,
    memory::Engine,
    names::{self, Named},
    redis::{Redis, RedisTier},
    shared::{Limits, Shared, Thread},
    sweep::Sweeper,
    tags::TagBoard,
    tier::{Target, Tier},
};

/// The least Δ: a heartbeat goes out four times in it, and times are read coarsely.
const SHORTEST_BOUND: Duration = Duration::from_millis(100);

/// The runtime of every call that is in no scope.
static INSTALLED: OnceLock<Cachet> = OnceLock::new();

/// Set by the first scope, for good: until then a hit looks no further than the installed runtime.
static SCOPES_EXIST: AtomicBool = AtomicBool::new(false);

task_local! {
    static SCOPE: Cachet;
}

#[inline]
pub(crate) fn scopes_exist() -> bool {
    SCOPES_EXIST.load(Ordering::Relaxed)
}

/// A runtime: the tiers, and one cache for each function that was called in it. Cloning gives another handle to it.
///
/// ```
/// use cachet_core::Cachet;
///
/// # fn main() -> Result<(), cachet_core::Error> {
/// Cachet::builder().namespace("shop").memory_only().build()?.install()?;
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct Cachet(Arc<Inner>);

struct Inner {
    surroundings: Surroundings,
    caches: Mutex<HashMap<CacheId, Arc<Cache>>>,
    /// How often expired entries are given back, and the thread that does it from the first call on.
    sweep: Duration,
    sweeper: OnceLock<Option<Sweeper>>,
    drain: Duration,
}

/// The address of a function's static, and which of its instances it is.
pub(crate) type CacheId = (usize, TypeId);

/// What the caches of one runtime share.
pub(crate) struct Surroundings {
    pub(crate) namespace: Arc<str>,
    pub(crate) engine: Engine,
    pub(crate) clock: Clock,
    pub(crate) tags: Arc<TagBoard>,
    pub(crate) shared: Option<Shared>,
    pub(crate) fronts: Arc<Fronts>,
    pub(crate) background: Background,
    pub(crate) throttle: Duration,
    pub(crate) envelope: Arc<Envelope>,
}

impl Cachet {
    /// Begins a configuration; see [`Builder`] for the defaults.
    pub fn builder() -> Builder {
        Builder::default()
    }

    /// Makes this the runtime of the whole process.
    ///
    /// # Errors
    ///
    /// [`Error::AlreadyInstalled`] when a runtime is installed, or a cached function was called before: that call used
    /// the default runtime, which stays.
    pub fn install(self) -> Result<Self, Error> {
        INSTALLED.set(self.clone()).map_err(|_| Error::AlreadyInstalled)?;
        Ok(self)
    }

    /// The scope's runtime, or the installed one. Without either it is the default one, configured by the environment.
    pub fn current() -> Self {
        Self::scoped().unwrap_or_else(Self::installed)
    }

    /// Runs a future with this runtime in place of the installed one, for a test or a second node in one process.
    ///
    /// Tasks that the future spawns are outside; give them scopes of their own.
    pub async fn scope<F: Future>(&self, future: F) -> F::Output {
        SCOPES_EXIST.store(true, Ordering::Relaxed);
        SCOPE.scope(self.clone(), future).await
    }

    /// Runs a closure with this runtime in place of the installed one.
    pub fn scope_blocking<R>(&self, run: impl FnOnce() -> R) -> R {
        SCOPES_EXIST.store(true, Ordering::Relaxed);
        SCOPE.sync_scope(self.clone(), run)
    }

    /// Invalidates every entry that carries the tag.
    pub async fn invalidate_tag(&self, tag: impl AsRef<str>) -> Invalidation {
        self.invalidate_tag_and(tag.as_ref(), None, |_| {}).await
    }

    /// The same, with something to do once the tiers have it, and a follower who need not be told. It is carried out even
    /// if the caller goes away.
    pub(crate) async fn invalidate_tag_and(
        &self,
        tag: &str,
        but: Option<u128>,
        then: impl FnOnce(Option<Debt>) + Send + 'static,
    ) -> Invalidation {
        let (surroundings, local) = (&self.0.surroundings, [tag.to_owned()]);
        surroundings.tags.invalidate(tag);
        let (board, fronts) = (Arc::clone(&surroundings.tags), Arc::clone(&surroundings.fronts));
        let Some(shared) = &surroundings.shared else {
            fronts.tell(&local, None, but);
            then(None);
            return Invalidation::Done;
        };
        let (target, sent) = (names::tag(&surroundings.namespace, tag), shared.clone());
        let after = move || {
            board.invalidate(&local[0]);
            fronts.tell(&local, Some(&sent), but);
            then(Debt::of(Some(&sent)));
        };
        shared.invalidate(target, after).await
    }

    /// Invalidates every entry of the namespace.
    pub async fn clear(&self) -> Invalidation {
        self.drop_all_local();
        let namespace = &self.0.surroundings.namespace;
        let (runtime, name) = (self.clone(), names::everything_in_front(namespace));
        let Some(shared) = &self.0.surroundings.shared else {
            self.tell(&[name]);
            return Invalidation::Done;
        };
        let after = move || {
            runtime.drop_all_local();
            runtime.tell(&[name]);
        };
        shared.invalidate(names::everything(namespace), after).await
    }

    /// Begins no refresh any more, waits for those that run or wait for their turn, as long as [`Builder::drain`] says,
    /// and ends the rest. Cached functions go on as before, but for refreshes.
    pub async fn shutdown(&self) {
        self.0.surroundings.background.shut_down(self.0.drain).await;
    }

    /// Waits until the shared tier can be asked and its news of other nodes' changes come in, at the longest for
    /// `patience`. Says whether it came to that; without a shared tier it is `true` at once.
    ///
    /// Calls need not wait for it: until then they load, or ask the shared tier where memory would do. It serves as a
    /// probe of readiness, and in tests.
    pub async fn is_ready(&self, patience: Duration) -> bool {
        match &self.0.surroundings.shared {
            Some(shared) => shared.is_ready(patience).await,
            None => true,
        }
    }

    /// The counters of every function that was called in this runtime, by name.
    pub fn stats(&self) -> Vec<(String, Stats)> {
        let mut stats: Vec<_> = self.caches().values().map(|cache| (cache.name().to_owned(), cache.stats())).collect();
        stats.sort_by(|(one, _), (other, _)| one.cmp(other));
        stats
    }

    /// The tiers that are configured, nearest first.
    pub fn tiers(&self) -> Vec<&'static str> {
        let shared = self.0.surroundings.shared.as_ref().map(Shared::name);
        ["memory"].into_iter().chain(shared).collect()
    }

    pub(crate) fn fronts(&self) -> &Fronts {
        &self.0.surroundings.fronts
    }

    /// Tells those in front what is invalidated, under the names that they know.
    pub(crate) fn tell(&self, names: &[String]) {
        let surroundings = &self.0.surroundings;
        surroundings.fronts.tell(names, surroundings.shared.as_ref(), None);
    }

    /// What caches in front know every answer of this runtime by.
    pub(crate) fn name_in_front(&self) -> String {
        names::everything_in_front(&self.0.surroundings.namespace)
    }

    pub(crate) fn shared(&self) -> Option<Shared> {
        self.0.surroundings.shared.clone()
    }

    /// A tag in the shared tier.
    pub(crate) fn tag_target(&self, tag: &str) -> Target {
        names::tag(&self.0.surroundings.namespace, tag)
    }

    pub(crate) fn invalidate_tag_locally(&self, tag: &str) {
        self.0.surroundings.tags.invalidate(tag);
    }

    pub(crate) fn scoped() -> Option<Self> {
        if scopes_exist() { SCOPE.try_with(Self::clone).ok() } else { None }
    }

    pub(crate) fn installed() -> Self {
        INSTALLED.get_or_init(Self::from_environment).clone()
    }

    /// The default runtime. A call has nobody to give a configuration's error to, so it is logged, loudly.
    fn from_environment() -> Self {
        Self::builder().build().unwrap_or_else(|error| {
            tracing::error!(%error, "the environment cannot be used; caching in memory only");
            Self::assemble(Builder::default(), "cachet".into(), None)
        })
    }

    fn assemble(builder: Builder, namespace: Arc<str>, shared: Option<Shared>) -> Self {
        let surroundings = Surroundings {
            namespace,
            engine: builder.engine,
            clock: builder.clock,
            tags: Arc::default(),
            shared,
            fronts: Arc::default(),
            background: Background::new(builder.refreshes),
            throttle: builder.throttle,
            envelope: Arc::new(builder.envelope),
        };
        let (sweep, sweeper, drain) = (builder.sweep, OnceLock::new(), builder.drain);
        let inner = Arc::new(Inner { surroundings, caches: Mutex::default(), sweep, sweeper, drain });
        if let Some(shared) = &inner.surroundings.shared {
            let runtime = Arc::downgrade(&inner);
            shared.listen(Inbox::new(move |news| {
                if let Some(inner) = runtime.upgrade() {
                    inner.took(news);
                }
            }));
        }
        Self(inner)
    }

    /// The cache of one function, made at its first call in this runtime.
    pub(crate) fn cache(&self, id: CacheId, make: impl FnOnce(&Surroundings) -> Cache) -> Arc<Cache> {
        self.0.sweeper.get_or_init(|| {
            let runtime = Arc::downgrade(&self.0);
            Sweeper::start(self.0.sweep, move || runtime.upgrade().map(|inner| inner.every_cache()))
        });
        Arc::clone(self.caches().entry(id).or_insert_with(|| Arc::new(make(&self.0.surroundings))))
    }

    /// The cache of one function, if it was called in this runtime.
    pub(crate) fn known_cache(&self, id: &CacheId) -> Option<Arc<Cache>> {
        self.caches().get(id).cloned()
    }

    /// Gives back every entry whose time is over, as the runtime does by itself from time to time.
    #[cfg(feature = "testing")]
    pub fn sweep(&self) {
        for cache in self.0.every_cache() {
            cache.sweep();
        }
    }

    fn drop_all_local(&self) {
        self.0.drop_all_local();
    }

    fn caches(&self) -> MutexGuard<'_, HashMap<CacheId, Arc<Cache>>> {
        self.0.caches()
    }
}

impl Inner {
    /// What another node changed is dead here as well.
    fn took(&self, news: News<'_>) {
        let Some(coherence) = self.surroundings.shared.as_ref().and_then(Shared::coherence) else { return };
        match news {
            News::Filled(key) => coherence.waiting().wake(key),
            News::AllChanged => coherence.advance_all(),
            News::Changed(key) => match names::read(&self.surroundings.namespace, key) {
                Some(Named::Entry) => {
                    coherence.advance(key);
                    coherence.waiting().wake(key);
                }
                Some(Named::Tag(tag)) => self.surroundings.tags.invalidate(tag),
                Some(Named::Function(name)) => {
                    self.every_cache().iter().filter(|cache| cache.name() == name).for_each(|it| it.drop_all_local());
                }
                Some(Named::Everything) => self.drop_all_local(),
                None => {}
            },
        }
    }

    fn drop_all_local(&self) {
        for cache in self.every_cache() {
            cache.drop_all_local();
        }
    }

    fn caches(&self) -> MutexGuard<'_, HashMap<CacheId, Arc<Cache>>> {
        self.caches.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn every_cache(&self) -> Vec<Arc<Cache>> {
        self.caches().values().cloned().collect()
    }
}

impl fmt::Debug for Cachet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Cachet")
            .field("namespace", &self.0.surroundings.namespace)
            .field("tiers", &self.tiers())
            .finish_non_exhaustive()
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        if let Some(shared) = &self.surroundings.shared {
            shared.end();
        }
    }
}

/// Configures a [`Cachet`].
#[derive(Debug)]
pub struct Builder {
    namespace: Option<String>,
    shared: SharedChoice,
    engine: Engine,
    deadline: Duration,
    lease: Duration,
    staleness_bound: Duration,
    recovery_grace: Duration,
    outage_loads: usize,
    refreshes: usize,
    throttle: Duration,
    drain: Duration,
    sweep: Duration,
    envelope: Envelope,
    clock: Clock,
}

#[derive(Debug)]
enum SharedChoice {
    /// `CACHET_REDIS_URL`, if it is set.
    Environment,
    None,
    Redis(Redis),
    Tier(Arc<dyn Tier>),
}

impl Default for Builder {
    fn default() -> Self {
        Self {
            namespace: None,
            shared: SharedChoice::Environment,
            engine: Engine::default(),
            deadline: Duration::from_millis(250),
            lease: Duration::from_secs(5),
            staleness_bound: Duration::from_secs(1),
            recovery_grace: Duration::from_millis(600),
            outage_loads: 64,
            refreshes: background::CONCURRENT,
            throttle: Duration::from_secs(5),
            drain: Duration::from_secs(5),
            sweep: Duration::from_mins(1),
            envelope: Envelope::default(),
            clock: Clock::default(),
        }
    }
}

impl Builder {
    /// What the shared keys begin with: letters, digits, `_`, `.`, `-`, `/`. Programs with one namespace share entries.
    ///
    /// Default: `CACHET_NAMESPACE`, else `cachet`.
    #[must_use]
    pub fn namespace(mut self, namespace: impl Into<String>) -> Self {
        self.namespace = Some(namespace.into());
        self
    }

    /// Uses Redis or Valkey as the shared tier: a server such as `redis://127.0.0.1:6379/0`, over TLS or a Unix socket,
    /// behind Sentinels or as a Cluster. [`Redis`] lists the forms of the URL, and says what a URL cannot.
    ///
    /// Default: `CACHET_REDIS_URL`; without it there is no shared tier, and functions that name one do without.
    #[must_use]
    pub fn redis(mut self, redis: impl Into<Redis>) -> Self {
        self.shared = SharedChoice::Redis(redis.into());
        self
    }

    /// Uses another implementation as the shared tier, in the place of Redis.
    #[must_use]
    pub fn shared_tier(mut self, tier: impl Tier) -> Self {
        self.shared = SharedChoice::Tier(Arc::new(tier));
        self
    }

    /// Uses no shared tier, whatever the environment says.
    #[must_use]
    pub fn memory_only(mut self) -> Self {
        self.shared = SharedChoice::None;
        self
    }

    /// The table behind the memory tier. Default: [`Engine::QuickCache`].
    #[must_use]
    pub fn engine(mut self, engine: Engine) -> Self {
        self.engine = engine;
        self
    }

    /// How long one exchange with the shared tier may take, connecting included. Default 250 ms.
    #[must_use]
    pub fn deadline(mut self, deadline: Duration) -> Self {
        self.deadline = deadline;
        self
    }

    /// For how long memory may answer with a value that another node has invalidated, at the most: the bound for when news
    /// of it do not come, because the connection that brings them is lost or hangs. Default 1 s.
    ///
    /// Usually news come within a millisecond. A heartbeat goes out four times in this span; without an answer memory is
    /// not asked until one comes, which costs reads of the shared tier and nothing else. It applies to a tier that has a
    /// [`Backplane`](crate::tier::Backplane), as Redis has.
    #[must_use]
    pub fn staleness_bound(mut self, bound: Duration) -> Self {
        self.staleness_bound = bound;
        self
    }

    /// How long a shared tier that was out of reach is asked for no values once it answers again. Default 600 ms.
    ///
    /// Other nodes may have kept invalidations meanwhile, which they send as soon as they reach it, trying five times a
    /// second; until they have, it may still hold what was invalidated. Zero believes it at once.
    #[must_use]
    pub fn recovery_grace(mut self, grace: Duration) -> Self {
        self.recovery_grace = grace;
        self
    }

    /// How many loads run at a time while the shared tier cannot be asked, so that its outage is not the source's as well.
    /// Default 64; zero is taken as one.
    ///
    /// Others wait for their turn, as long as [`Builder::lease`] at the most. Loads of one key are one load as always, and
    /// one that another load makes needs no turn.
    #[must_use]
    pub fn outage_loads(mut self, at_a_time: usize) -> Self {
        self.outage_loads = at_a_time;
        self
    }

    /// How long a node may load before another one may load as well, and how long others wait for it. Default 5 s.
    ///
    /// A load that takes longer keeps its lease up, for twelve times that long at the most; a node that dies loses it
    /// after that time.
    #[must_use]
    pub fn lease(mut self, lease: Duration) -> Self {
        self.lease = lease;
        self
    }

    /// How many refreshes of stale values, or early ones, run at a time in the whole runtime. Default 64; zero is taken as
    /// one. At most 1024 more wait for their turn, and beyond that the least urgent is dropped: the one whose value stays
    /// of use the longest.
    #[must_use]
    pub fn refreshes(mut self, at_a_time: usize) -> Self {
        self.refreshes = at_a_time;
        self
    }

    /// How long a source that failed, or overran `timeout`, is left alone while a stale value is served in its place.
    /// Default 5 s; zero asks it at every call.
    #[must_use]
    pub fn throttle(mut self, pause: Duration) -> Self {
        self.throttle = pause;
        self
    }

    /// How long [`Cachet::shutdown`] waits for refreshes. Default 5 s; zero ends them at once.
    #[must_use]
    pub fn drain(mut self, patience: Duration) -> Self {
        self.drain = patience;
        self
    }

    /// How often the memory of expired entries is given back that no call comes for. Default 60 s; `Duration::MAX` for
    /// never.
    ///
    /// An expired entry is gone after that time and the moment that a look at all entries takes. One thread does it,
    /// which the first call starts and which ends with the runtime; it holds no lock for longer than one entry takes.
    /// Values are dropped on it.
    #[must_use]
    pub fn sweep(mut self, period: Duration) -> Self {
        self.sweep = period;
        self
    }

    /// Compresses values in the shared tier that are longer than so many bytes, if that makes them shorter. Default: none.
    ///
    /// LZ4 is quick; it pays where values repeat themselves, as JSON does, and the network or the memory of
    /// the server is what is scarce. Every node reads compressed values, whether it compresses itself or not.
    #[must_use]
    pub fn compress_over(mut self, bytes: usize) -> Self {
        self.envelope.compress_over = Some(bytes);
        self
    }

    /// Seals entries in the shared tier, and believes none that is not sealed. Default: none; whoever can write to the
    /// tier can then make this service believe anything.
    #[must_use]
    pub fn seal(mut self, seal: Seal) -> Self {
        self.envelope.seal = Some(seal);
        self
    }

    /// Takes the time from a clock that a test moves by hand.
    #[cfg(feature = "testing")]
    #[must_use]
    pub fn clock(mut self, clock: &crate::testing::ManualClock) -> Self {
        self.clock = clock.as_clock();
        self
    }

    /// Checks the configuration and builds the runtime. It does not wait for the shared tier, and does not fail when
    /// that is down.
    ///
    /// # Errors
    ///
    /// [`Error::Configuration`] names the field that cannot be used.
    pub fn build(mut self) -> Result<Cachet, Error> {
        let namespace = self.checked_namespace()?;
        let shortest = [("deadline", self.deadline, 10), ("lease", self.lease, 1), ("sweep", self.sweep, 1)];
        for (field, duration, millis) in shortest {
            if duration < Duration::from_millis(millis) {
                return Err(Error::Configuration { field, reason: format!("it is shorter than {millis} ms") });
            }
        }
        let Some(tier) = self.chosen_tier(&namespace)? else {
            return Ok(Cachet::assemble(self, namespace, None));
        };
        if self.staleness_bound < SHORTEST_BOUND {
            let reason = format!("it is shorter than {} ms", SHORTEST_BOUND.as_millis());
            return Err(Error::Configuration { field: "staleness_bound", reason });
        }
        let background = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .thread_name("cachet")
            .enable_all()
            .build()
            .map_err(Error::Background)?;
        let everything = names::everything(&namespace);
        let limits = Limits {
            deadline: self.deadline,
            lease: self.lease,
            staleness_bound: self.staleness_bound,
            grace: self.recovery_grace,
            outage_loads: self.outage_loads,
        };
        let shared = Shared::new(tier, Thread::new(background), limits, everything);
        Ok(Cachet::assemble(self, namespace, Some(shared)))
    }

    fn checked_namespace(&self) -> Result<Arc<str>, Error> {
        let (field, namespace) = match (&self.namespace, env::var("CACHET_NAMESPACE")) {
            (Some(namespace), _) => ("namespace", namespace.clone()),
            (None, Ok(namespace)) => ("CACHET_NAMESPACE", namespace),
            (None, Err(_)) => ("namespace", "cachet".to_owned()),
        };
        let valid = |byte: u8| byte.is_ascii_alphanumeric() || b"_.-/".contains(&byte);
        if namespace.is_empty() || !namespace.bytes().all(valid) {
            let reason = format!("`{namespace}` is not made of letters, digits, `_`, `.`, `-` and `/`");
            return Err(Error::Configuration { field, reason });
        }
        Ok(namespace.into())
    }

    fn chosen_tier(&mut self, namespace: &str) -> Result<Option<Arc<dyn Tier>>, Error> {
        let (field, redis) = match std::mem::replace(&mut self.shared, SharedChoice::None) {
            SharedChoice::None => return Ok(None),
            SharedChoice::Tier(tier) => return Ok(Some(tier)),
            SharedChoice::Redis(redis) => ("redis", redis),
            SharedChoice::Environment => match env::var("CACHET_REDIS_URL") {
                Ok(url) if !url.is_empty() => ("CACHET_REDIS_URL", Redis::url(url)),
                _ => return Ok(None),
            },
        };
        let tier = RedisTier::new(&redis, namespace, true).map_err(|reason| Error::Configuration { field, reason })?;
        Ok(Some(Arc::new(tier)))
    }
}
