//! The static of one cached function, and the way from there to its cache.

use std::{
    any::TypeId,
    ops::Deref,
    sync::{Arc, OnceLock},
};

use crate::{
    cache::Cache,
    entry::Entry,
    key::KeyBuf,
    policy::{Settings, Spec},
    returns::Splits,
    runtime::{self, Cachet},
};

/// One cached function: a static of its own, so that the installed runtime's cache is one load away.
///
/// A generic function, or a method of a generic type, has a cache for each of its instances. They stand in a list that
/// only grows, so that looking for one takes no lock; the first is the only one of most functions.
pub struct Site(OnceLock<Box<Instance>>);

/// The only instance of a function.
const ONLY: TypeId = TypeId::of::<()>();

struct Instance {
    id: TypeId,
    cache: Arc<Cache>,
    next: OnceLock<Box<Instance>>,
}

impl Site {
    /// A function that was not called yet.
    #[expect(clippy::new_without_default, reason = "a static needs a constant")]
    pub const fn new() -> Self {
        Self(OnceLock::new())
    }

    /// The entry that memory answers a call with, of a function that has one instance.
    ///
    /// Not inlined, for the compiler's time; both ways end in a call that takes this one's place.
    #[inline(never)]
    fn hit(&'static self, key: &KeyBuf) -> Option<Arc<Entry>> {
        match self.0.get() {
            Some(only) if !runtime::scopes_exist() => only.cache.hit(key),
            _ => self.hit_elsewhere(ONLY, key),
        }
    }

    /// The same of one instance of several.
    #[inline(never)]
    fn hit_instance(&'static self, id: TypeId, key: &KeyBuf) -> Option<Arc<Entry>> {
        match self.0.get() {
            Some(first) if first.id == id && !runtime::scopes_exist() => first.cache.hit(key),
            _ => self.hit_elsewhere(id, key),
        }
    }

    #[inline(never)]
    fn hit_elsewhere(&'static self, id: TypeId, key: &KeyBuf) -> Option<Arc<Entry>> {
        self.known_cache(id)?.hit(key)
    }

    /// The cache in the current runtime, if there was a call before.
    fn known_cache(&'static self, id: TypeId) -> Option<Current> {
        if let Some(runtime) = Cachet::scoped() {
            return runtime.known_cache(&(self.address(), id)).map(Current::Scoped);
        }
        let mut instance = self.0.get()?;
        while instance.id != id {
            instance = instance.next.get()?;
        }
        Some(Current::Installed(&instance.cache))
    }

    /// The cache of one instance of the function in the current runtime.
    #[cold]
    fn cache(&'static self, id: TypeId, settings: &dyn Fn() -> Settings) -> Current {
        match Cachet::scoped() {
            Some(runtime) => Current::Scoped(self.cache_in(&runtime, id, settings)),
            None => Current::Installed(self.installed(id, settings)),
        }
    }

    fn installed(&'static self, id: TypeId, settings: &dyn Fn() -> Settings) -> &'static Arc<Cache> {
        let mut place = &self.0;
        loop {
            let instance = place.get_or_init(|| {
                let cache = self.cache_in(&Cachet::installed(), id, settings);
                Box::new(Instance { id, cache, next: OnceLock::new() })
            });
            if instance.id == id {
                return &instance.cache;
            }
            place = &instance.next;
        }
    }

    fn cache_in(&'static self, runtime: &Cachet, id: TypeId, settings: &dyn Fn() -> Settings) -> Arc<Cache> {
        runtime.cache((self.address(), id), |surroundings| Cache::new(settings(), surroundings))
    }

    fn address(&'static self) -> usize {
        std::ptr::from_ref(self).addr()
    }
}

/// Where a function's caches are, and what the attribute says of it.
pub struct Described<R, S> {
    site: &'static Site,
    /// Which instance it is, where there are several.
    id: Option<TypeId>,
    spec: fn() -> Spec<R, S>,
}

impl<R, S> Clone for Described<R, S> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<R, S> Copy for Described<R, S> {}

impl<R, S> Described<R, S> {
    /// The only instance of a function.
    #[inline]
    pub const fn new(site: &'static Site, spec: fn() -> Spec<R, S>) -> Self {
        Self { site, id: None, spec }
    }

    /// One instance of a generic function: that of the type `I`, which may borrow.
    #[inline]
    pub fn instance<I>(site: &'static Site, spec: fn() -> Spec<R, S>) -> Self {
        Self { site, id: Some(typeid::of::<I>()), spec }
    }

    /// A method, of a type that may be generic: the type of what is inside the method tells the instances apart.
    #[inline]
    pub fn method<I>(site: &'static Site, spec: fn() -> Spec<R, S>, _inside: I) -> Self {
        Self::instance::<I>(site, spec)
    }
}

impl<R, S: Splits<R>> Described<R, S> {
    /// The entry that memory answers a call with.
    #[inline]
    pub(crate) fn hit(self, key: &KeyBuf) -> Option<Arc<Entry>> {
        match self.id {
            None => self.site.hit(key),
            Some(id) => self.site.hit_instance(id, key),
        }
    }

    /// The cache in the current runtime.
    pub(crate) fn cache(self) -> Current {
        self.site.cache(self.id.unwrap_or(ONLY), &|| (self.spec)().into_settings())
    }
}

/// A function's cache: the installed runtime's, which lives as long as the process, or a scope's.
#[derive(Clone)]
pub(crate) enum Current {
    Installed(&'static Arc<Cache>),
    Scoped(Arc<Cache>),
}

impl Deref for Current {
    type Target = Arc<Cache>;

    #[inline]
    fn deref(&self) -> &Arc<Cache> {
        match self {
            Self::Installed(cache) => cache,
            Self::Scoped(cache) => cache,
        }
    }
}
