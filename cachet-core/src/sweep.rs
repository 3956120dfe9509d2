//! The thread that gives the memory of expired entries back.
//!
//! It is a plain thread, because plain functions are cached where there is no async runtime.

use std::{
    convert::Infallible,
    sync::{
        Arc,
        mpsc::{self, RecvTimeoutError, Sender},
    },
    thread,
    time::Duration,
};

use crate::cache::Cache;

/// Ends the thread when it is dropped.
pub(crate) struct Sweeper(#[expect(dead_code, reason = "what counts is when it goes away")] Sender<Infallible>);

impl Sweeper {
    /// Sweeps every `period`, until it is dropped or `caches` gives none because their runtime is gone. The caches are
    /// held during a sweep only, the runtime not even then.
    pub(crate) fn start(
        period: Duration,
        caches: impl Fn() -> Option<Vec<Arc<Cache>>> + Send + 'static,
    ) -> Option<Self> {
        if period == Duration::MAX {
            return None;
        }
        let (running, ended) = mpsc::channel::<Infallible>();
        let sweep = move || {
            while ended.recv_timeout(period) == Err(RecvTimeoutError::Timeout) {
                let Some(caches) = caches() else { return };
                for cache in caches {
                    cache.sweep();
                }
            }
        };
        thread::Builder::new()
            .name("cachet-sweep".into())
            .spawn(sweep)
            .inspect_err(|error| tracing::warn!(%error, "expired entries stay in memory until a call comes for them"))
            .ok()?;
        Some(Self(running))
    }
}
