//! How often a loader ran, and how many ran at once.

use std::sync::atomic::{AtomicUsize, Ordering};

/// Counts the loads of a function where they happen: in its body.
///
/// [`Stats`](crate::Stats) counts what one runtime loaded; this counts what the source was asked, by all of them.
///
/// ```
/// use cachet_core::{Cachet, cached, testing::LoadCounter};
///
/// static LOADS: LoadCounter = LoadCounter::new();
///
/// #[cached(ttl = "1m")]
/// async fn square(n: u64) -> u64 {
///     let _load = LOADS.load();
///     n * n
/// }
///
/// # fn main() -> Result<(), cachet_core::Error> {
/// # let runtime = Cachet::builder().memory_only().build()?;
/// # pollster::block_on(runtime.scope(async {
/// tokio::join!(square(4), square(4));
/// square(5).await;
/// assert_eq!((LOADS.count(), LOADS.peak()), (2, 1));
/// # }));
/// # Ok(())
/// # }
/// ```
///
/// The tests of one binary run side by side. So that they do not count each other's loads, a test has a function of its
/// own inside it, or hands a counter in as an argument that is no part of the key: `skip(loads)`.
#[derive(Debug, Default)]
pub struct LoadCounter {
    begun: AtomicUsize,
    running: AtomicUsize,
    peak: AtomicUsize,
}

impl LoadCounter {
    /// A counter at zero. It may be a `static` beside the cached function.
    pub const fn new() -> Self {
        Self { begun: AtomicUsize::new(0), running: AtomicUsize::new(0), peak: AtomicUsize::new(0) }
    }

    /// Counts a load, which is under way until the guard is dropped.
    #[must_use = "the load ends when this is dropped; bind it to a name such as `_load`"]
    pub fn load(&self) -> Load<'_> {
        self.begun.fetch_add(1, Ordering::SeqCst);
        let running = self.running.fetch_add(1, Ordering::SeqCst) + 1;
        self.peak.fetch_max(running, Ordering::SeqCst);
        Load(self)
    }

    /// How many loads began, those that failed or were cancelled as well.
    pub fn count(&self) -> usize {
        self.begun.load(Ordering::SeqCst)
    }

    /// How many are under way.
    pub fn running(&self) -> usize {
        self.running.load(Ordering::SeqCst)
    }

    /// How many were under way at once, at most.
    pub fn peak(&self) -> usize {
        self.peak.load(Ordering::SeqCst)
    }
}

/// One load under way; see [`LoadCounter::load`].
///
/// ```
/// use cachet_core::testing::LoadCounter;
///
/// let loads = LoadCounter::new();
/// let load = loads.load();
/// assert_eq!(loads.running(), 1);
/// drop(load);
/// assert_eq!(loads.running(), 0);
/// ```
#[derive(Debug)]
pub struct Load<'a>(&'a LoadCounter);

impl Drop for Load<'_> {
    fn drop(&mut self) {
        self.0.running.fetch_sub(1, Ordering::SeqCst);
    }
}
