//! Warming: loading many entries before anyone asks for them.

use std::{fmt, sync::Arc};

use futures_util::stream::{FuturesUnordered, StreamExt as _};

use crate::{controls::warm_one, entry::Origin, private::Load};

/// How `warm_with` goes about it.
///
/// ```
/// use cachet_core::{Warming, cached};
///
/// #[cached(ttl = "5m")]
/// async fn square(n: u64) -> u64 {
///     n * n
/// }
///
/// # pollster::block_on(async {
/// let warming = Warming::new().concurrency(4).on_progress(|warmed| assert!(warmed.done() <= 100));
/// let warmed = square::warm_with(0..100, warming).await;
/// assert_eq!(warmed.loaded, 100);
/// # });
/// ```
#[derive(Clone)]
pub struct Warming {
    concurrency: usize,
    progress: Option<Arc<dyn Fn(Warmed) + Send + Sync>>,
}

/// What a warming has done so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Warmed {
    /// Entries that were loaded, here or by somebody else's call at the same time.
    pub loaded: u64,
    /// Entries that a tier held already.
    pub hits: u64,
    /// Loads that failed.
    pub failed: u64,
}

impl Warmed {
    /// How many items are done.
    pub fn done(self) -> u64 {
        self.loaded + self.hits + self.failed
    }

    fn add(&mut self, outcome: Option<Origin>) {
        match outcome {
            Some(Origin::Memory | Origin::Shared) => self.hits += 1,
            Some(Origin::Flight | Origin::Loaded) => self.loaded += 1,
            None => self.failed += 1,
        }
    }
}

impl Warming {
    /// Sixteen loads at a time, no callback.
    pub fn new() -> Self {
        Self { concurrency: 16, progress: None }
    }

    /// How many loads run at a time; zero is taken as one.
    #[must_use]
    pub fn concurrency(mut self, loads: usize) -> Self {
        self.concurrency = loads.max(1);
        self
    }

    /// Is called after each item, with the counts so far.
    #[must_use]
    pub fn on_progress(mut self, progress: impl Fn(Warmed) + Send + Sync + 'static) -> Self {
        self.progress = Some(Arc::new(progress));
        self
    }
}

impl Default for Warming {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for Warming {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Warming").field("concurrency", &self.concurrency).finish_non_exhaustive()
    }
}

pub(crate) async fn warm_all<F: Load<A>, A, I: Iterator<Item = A>>(
    function: F,
    mut items: I,
    warming: Warming,
) -> Warmed {
    let (mut warmed, mut loads) = (Warmed::default(), FuturesUnordered::new());
    loop {
        while loads.len() < warming.concurrency
            && let Some(args) = items.next()
        {
            loads.push(warm_one(&function, args));
        }
        let Some(outcome) = loads.next().await else { return warmed };
        warmed.add(outcome);
        if let Some(progress) = &warming.progress {
            progress(warmed);
        }
    }
}
