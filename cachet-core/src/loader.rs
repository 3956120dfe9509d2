//! The loader: the function's own body, run at most once for each call, and what becomes of its result.

use std::{future::Future, time::Instant};

use tracing::Instrument as _;

use crate::{
    events::{Counters, count},
    returns::{ErrorSharing, SharedError},
};

/// A load that was not begun yet, and how its result is to be understood.
pub(crate) struct Load<S, E, F> {
    pub(crate) future: F,
    /// Which errors the followers of a flight are given.
    pub(crate) errors: ErrorSharing<E>,
    /// Whether a value says that there is none.
    pub(crate) negative: fn(&S) -> bool,
    /// Whether the caller wants the validator, which is then computed before anyone else meets the value.
    pub(crate) described: bool,
}

impl<S, E, F: Future<Output = Result<S, E>>> Load<S, E, F> {
    /// Runs the loader to its end. Dropped on the way, or on a panic, it counts nothing.
    pub(crate) async fn run(self, function: &'static str, counters: &Counters) -> Result<S, Failed<E>> {
        let begun = Instant::now();
        let span = tracing::debug_span!("load", function);
        let outcome = self.future.instrument(span).await;
        counters.loaded_in(begun.elapsed());
        outcome.map_err(|error| {
            count(&counters.load_errors);
            Failed { shared: self.errors.share(&error), error }
        })
    }
}

/// A loader's error, and the same for the followers where it can be shared.
pub(crate) struct Failed<E> {
    pub(crate) error: E,
    pub(crate) shared: Option<SharedError>,
}
