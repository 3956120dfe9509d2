//! What all writes have in common: they are finished once begun, and say how far their invalidations have come.

use std::{future::Future, sync::Arc};

use cachet_core::Invalidation;
use serde::Serialize;

use crate::{db::DbError, edge, errors::ShopError};

/// The new state, and whether every cache knows already.
#[derive(Debug, Serialize)]
pub(crate) struct Written<T> {
    #[serde(flatten)]
    state: T,
    /// `done`, or `queued` when Redis or the edge could not be told yet and will be as soon as it answers.
    invalidation: &'static str,
}

impl<T> Written<T> {
    /// Once the edge has answered, so that a client who reads through it finds what it wrote.
    pub(crate) async fn after<const N: usize>(state: T, invalidated: [Invalidation; N]) -> Self {
        let everywhere = edge::purged().await && invalidated.into_iter().all(Invalidation::is_done);
        Self { state, invalidation: if everywhere { "done" } else { "queued" } }
    }
}

/// Runs a write in a task of its own.
///
/// The server drops a handler whose connection breaks. Between the commit and the invalidation that would leave the old
/// value in the caches for the rest of its life; a task runs on without the client.
pub(crate) async fn finish<T, F>(write: F) -> Result<T, ShopError>
where
    F: Future<Output = Result<T, ShopError>> + 'static,
    T: 'static,
{
    actix_web::rt::spawn(write).await.map_err(|_| ShopError::Database(Arc::new(DbError::Panicked)))?
}
