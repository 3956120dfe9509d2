//! The clock that a test moves.

use std::time::Duration;

use crate::clock::Clock;

/// A clock that stands still until it is moved. Cloning gives another handle to it.
///
/// It moves ages: what is fresh, stale or expired in memory, and in an [`InProcessTier`](super::InProcessTier). Waits
/// take real time all the same: deadlines, and the wait for another node's load.
///
/// ```
/// use std::time::Duration;
/// use cachet_core::{Cachet, cached, testing::ManualClock};
///
/// #[cached(ttl = "1m")]
/// async fn answer() -> u32 { 42 }
///
/// # fn main() -> Result<(), cachet_core::Error> {
/// let clock = ManualClock::new();
/// let runtime = Cachet::builder().memory_only().clock(&clock).build()?;
/// # pollster::block_on(
/// runtime.scope(async {
///     answer().await;
///     clock.advance(Duration::from_secs(61));
///     answer().await;
///     assert_eq!(answer::stats().loads, 2);
/// })
/// # );
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct ManualClock(Clock);

impl ManualClock {
    /// A clock at an arbitrary moment.
    pub fn new() -> Self {
        Self(Clock::manual())
    }

    /// Moves the clock forward, for every runtime and tier that was built with it.
    pub fn advance(&self, span: Duration) {
        self.0.advance(span);
    }

    pub(crate) fn as_clock(&self) -> Clock {
        self.0.clone()
    }
}

impl Default for ManualClock {
    fn default() -> Self {
        Self::new()
    }
}
