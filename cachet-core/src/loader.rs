//! The loader: the function's own body, run at most once for each call, and what becomes of its result.

use std::{future::Future, time::Instant};

use tracing::Instrument as _;

use crate::{cache::Cache, returns::Splits};

/// Runs a loader to its end. Dropped on the way, or on a panic, it counts nothing.
pub(crate) async fn run<R, K, F>(cache: &Cache, loader: F) -> Result<K::Stored, K::Failure>
where
    K: Splits<R>,
    F: Future<Output = R>,
{
    let (begun, span) = (Instant::now(), tracing::debug_span!("load", function = cache.name()));
    let outcome = K::split(loader.instrument(span).await);
    cache.loaded(begun.elapsed(), outcome.is_ok());
    outcome
}
