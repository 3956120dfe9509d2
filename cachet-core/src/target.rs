//! One entry of one function, as a writer names it.

use std::{marker::PhantomData, sync::Arc};

use crate::{cache::Cache, private::Keyed, tier};

/// The entry that a call with some arguments would be answered from. `R` is what the function returns, `S` how it
/// splits.
pub struct Target<R, S> {
    pub(crate) entry: Addressed,
    of: PhantomData<fn() -> (R, S)>,
}

/// The same whatever the types are.
#[derive(Clone)]
pub(crate) struct Addressed {
    pub(crate) cache: Arc<Cache>,
    pub(crate) call: Keyed,
}

impl<R, S> Target<R, S> {
    pub(crate) fn new(cache: &Arc<Cache>, call: Keyed) -> Self {
        Self { entry: Addressed { cache: Arc::clone(cache), call }, of: PhantomData }
    }
}

impl Addressed {
    /// The entry in the shared tier, if its function uses that.
    pub(crate) fn shared_target(&self) -> Option<tier::Target> {
        self.cache.shared_target(&self.call.key)
    }
}
