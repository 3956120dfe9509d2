//! What a load replaces: the body may ask its source whether that is still so.

use std::{
    marker::PhantomData,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::SystemTime,
};

use crate::{entry::Entry, loader, returns::Validate, validator::Validator};

/// The value that a load replaces, as an argument that callers do not give.
///
/// A source that can tell "not modified" spares the transfer: the body takes a `Refresh<T>`, asks by its
/// [`validator`](Self::validator) or [`modified`](Self::modified), and returns [`not_modified`](Self::not_modified). There is a value where
/// `stale`, `stale_if_error` or `early` keeps one; a first load has none.
///
/// ```
/// use cachet_core::{Refresh, cached};
///
/// # async fn get(id: u64, known: Option<std::time::SystemTime>) -> Result<Option<String>, String> {
/// #     Ok(known.is_none().then(|| format!("page {id}")))
/// # }
/// #[cached(ttl = 60, stale_if_error = "1h")]
/// async fn page(id: u64, refresh: Refresh<String>) -> Result<String, String> {
///     // `get` answers `None` for 304.
///     match get(id, refresh.modified()).await? {
///         Some(page) => Ok(page),
///         None => refresh.not_modified().ok_or_else(|| "304 of nothing".to_owned()),
///     }
/// }
///
/// # pollster::block_on(async {
/// assert_eq!(page(1).await, Ok("page 1".to_owned())); // the first load replaces nothing
/// # });
/// ```
pub struct Refresh<T> {
    replaced: Option<Arc<Replaced>>,
    of: PhantomData<fn() -> T>,
}

impl<T: 'static> Refresh<T> {
    /// What the load that is being polled replaces.
    #[doc(hidden)]
    pub fn current() -> Self
    where
        T: Clone,
    {
        Self { replaced: loader::replaced(), of: PhantomData }
    }
}

impl<T: Clone + 'static> Refresh<T> {
    /// The value, if there is one. Of a function that returns `Option<T>` it is what is inside.
    pub fn value(&self) -> Option<&T> {
        let value = &self.replaced.as_ref()?.entry.value;
        value.downcast_ref::<T>().or_else(|| value.downcast_ref::<Option<T>>()?.as_ref())
    }

    /// Its content hash, which an `ETag` is made of; `None` where the value does not implement `Serialize`.
    pub fn validator(&self) -> Option<Validator> {
        let replaced = self.replaced.as_ref()?;
        replaced.entry.validated(replaced.validate)
    }

    /// When it was loaded, by the wall clock of the node that did, or found to be as it was when it was loaded.
    pub fn modified(&self) -> Option<SystemTime> {
        Some(self.replaced.as_ref()?.entry.meta.modified.into())
    }

    /// The value, to be returned as it is: its lifetime begins anew, and [`Cached::modified`](crate::Cached::modified) stays.
    pub fn not_modified(&self) -> Option<T> {
        let value = self.value()?.clone();
        self.replaced.as_ref()?.is_unchanged.store(true, Ordering::Relaxed);
        Some(value)
    }
}

/// An entry that a load replaces.
pub(crate) struct Replaced {
    entry: Arc<Entry>,
    validate: Option<Validate>,
    is_unchanged: AtomicBool,
}

impl Replaced {
    pub(crate) fn new(entry: Arc<Entry>, validate: Option<Validate>) -> Self {
        Self { entry, validate, is_unchanged: AtomicBool::new(false) }
    }

    /// The entry, if the body said that it is as it was.
    pub(crate) fn unchanged(&self) -> Option<Arc<Entry>> {
        self.is_unchanged.load(Ordering::Relaxed).then(|| Arc::clone(&self.entry))
    }
}
