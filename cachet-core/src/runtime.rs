//! `Cachet`: the configuration that cached functions run with, and where they find it.

use std::{
    any::TypeId,
    collections::HashMap,
    fmt,
    future::Future,
    sync::{
        Arc, Mutex, MutexGuard, OnceLock, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use tokio::task_local;

use crate::{
    background::Background,
    backplane::{Inbox, News},
    builder::Builder,
    cache::Cache,
    clock::Clock,
    envelope::Envelope,
    error::Error,
    events::Stats,
    fronts::{Debt, Fronts},
    invalidate::Invalidation,
    memory::Engine,
    names::{self, Named},
    shared::Shared,
    sweep::Sweeper,
    tags::TagBoard,
    tier::Target,
};

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

    pub(crate) fn assemble(builder: Builder, namespace: Arc<str>, shared: Option<Shared>) -> Self {
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
