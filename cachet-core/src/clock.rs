//! The clock of the hit path.
//!
//! Ages are measured on one node's monotonic clock. It is read coarsely (a few milliseconds, and no system call) because
//! every memory hit reads it; an entry that mirrors a shared one ends that much earlier, see [`RESOLUTION`].

#[cfg(feature = "testing")]
use std::sync::Arc;
use std::{
    ops::Add,
    sync::atomic::{AtomicU64, Ordering},
    time::Duration,
};

/// By how much a coarse reading may lag behind the true time, on any supported platform.
pub(crate) const RESOLUTION: Duration = Duration::from_millis(20);

/// A moment on this node's clock, in 2⁻³² seconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Tick(u64);

impl Tick {
    /// Time from `earlier` to here; zero if `earlier` is later.
    pub(crate) fn since(self, earlier: Tick) -> Duration {
        coarsetime::Duration::from_ticks(self.0.saturating_sub(earlier.0)).into()
    }

    /// The moment `span` before, or the clock's beginning.
    pub(crate) fn before(self, span: Duration) -> Tick {
        Tick(self.0.saturating_sub(ticks(span)))
    }
}

impl Add<Duration> for Tick {
    type Output = Tick;

    fn add(self, span: Duration) -> Tick {
        Tick(self.0.saturating_add(ticks(span)))
    }
}

/// A moment that can be moved.
#[derive(Debug, Default)]
pub(crate) struct AtomicTick(AtomicU64);

impl AtomicTick {
    pub(crate) fn new(tick: Tick) -> Self {
        Self(AtomicU64::new(tick.0))
    }

    #[inline]
    pub(crate) fn get(&self) -> Tick {
        Tick(self.0.load(Ordering::Relaxed))
    }

    pub(crate) fn set(&self, tick: Tick) {
        self.0.store(tick.0, Ordering::Relaxed);
    }

    /// Reads it before whatever follows.
    #[inline]
    pub(crate) fn acquire(&self) -> Tick {
        Tick(self.0.load(Ordering::Acquire))
    }

    /// Moves it after whatever came before.
    pub(crate) fn release(&self, tick: Tick) {
        self.0.store(tick.0, Ordering::Release);
    }
}

fn ticks(span: Duration) -> u64 {
    // The conversion overflows past 2³² seconds; 136 years are as good as for ever.
    coarsetime::Duration::from(span.min(Duration::from_secs(u32::MAX.into()))).as_ticks()
}

/// Where the time comes from: the system, or a test's hand.
#[derive(Clone, Debug, Default)]
pub(crate) enum Clock {
    #[default]
    System,
    #[cfg(feature = "testing")]
    Manual(Arc<AtomicU64>),
}

impl Clock {
    #[inline]
    pub(crate) fn now(&self) -> Tick {
        match self {
            Self::System => Tick(coarsetime::Instant::now_without_cache_update().as_ticks()),
            #[cfg(feature = "testing")]
            Self::Manual(ticks) => Tick(ticks.load(Ordering::Acquire)),
        }
    }

    /// The system's time, where that was read already.
    #[inline]
    pub(crate) fn system(&self, now: Tick) -> Tick {
        match self {
            Self::System => now,
            #[cfg(feature = "testing")]
            Self::Manual(_) => Self::System.now(),
        }
    }

    #[cfg(feature = "testing")]
    pub(crate) fn advance(&self, span: Duration) {
        if let Self::Manual(now) = self {
            // Rounded up, so that two steps to a moment are as good as one.
            let whole = ticks(span);
            let exact = Duration::from(coarsetime::Duration::from_ticks(whole)) >= span;
            now.fetch_add(whole + u64::from(!exact), Ordering::AcqRel);
        }
    }

    #[cfg(feature = "testing")]
    pub(crate) fn manual() -> Self {
        // Not zero, so that a test can look at a moment before its start.
        Self::Manual(Arc::new(AtomicU64::new(ticks(Duration::from_secs(1 << 20)))))
    }
}
