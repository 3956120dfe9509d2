//! The static descriptor of one cached function, and the way from there to its cache.

use std::{
    ops::Deref,
    sync::{Arc, OnceLock},
};

use crate::{
    cache::Cache,
    policy::Spec,
    returns::Value,
    runtime::{self, Cachet},
};

/// One cached function: a static of its own, so that the installed runtime's cache is one load away.
pub struct Call<S: Value> {
    spec: fn() -> Spec<S>,
    installed: OnceLock<Arc<Cache<S>>>,
}

impl<S: Value> Call<S> {
    /// Describes a function.
    pub const fn new(spec: fn() -> Spec<S>) -> Self {
        Self { spec, installed: OnceLock::new() }
    }

    /// The function's cache in the current runtime.
    #[inline]
    pub(crate) fn cache(&'static self) -> Current<S> {
        match self.installed.get() {
            Some(cache) if !runtime::scopes_exist() => Current::Installed(cache),
            _ => self.find_cache(),
        }
    }

    #[cold]
    fn find_cache(&'static self) -> Current<S> {
        match Cachet::scoped() {
            Some(runtime) => Current::Scoped(self.cache_in(&runtime)),
            None => Current::Installed(self.installed.get_or_init(|| self.cache_in(&Cachet::installed()))),
        }
    }

    fn cache_in(&'static self, runtime: &Cachet) -> Arc<Cache<S>> {
        runtime.cache(std::ptr::from_ref(self).addr(), |surroundings| Cache::new((self.spec)(), surroundings))
    }
}

/// A function's cache: the installed runtime's, which lives as long as the process, or a scope's.
pub(crate) enum Current<S: Value> {
    Installed(&'static Arc<Cache<S>>),
    Scoped(Arc<Cache<S>>),
}

impl<S: Value> Deref for Current<S> {
    type Target = Arc<Cache<S>>;

    #[inline]
    fn deref(&self) -> &Arc<Cache<S>> {
        match self {
            Self::Installed(cache) => cache,
            Self::Scoped(cache) => cache,
        }
    }
}
