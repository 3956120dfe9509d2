//! Several nodes in one process.

use std::{future::Future, sync::Arc, time::Duration};

use super::{Faults, FaultyTier, InProcessTier, ManualClock};
use crate::{builder::Builder, runtime::Cachet, tier::Tier};

/// The deadline of a node's exchanges: real time, and long, so that a slow machine is no outage.
const DEADLINE: Duration = Duration::from_secs(5);

/// Starts nodes that share a tier and a clock. Each has a memory and [`Faults`] of its own.
///
/// ```
/// use std::{sync::atomic::{AtomicU64, Ordering}, time::Duration};
/// use cachet_core::{cached, testing::Nodes};
///
/// static PRICE: AtomicU64 = AtomicU64::new(1);
///
/// #[cached(ttl = "1h", tier = "memory,redis", memory_ttl = "5s")]
/// async fn price() -> u64 { PRICE.load(Ordering::SeqCst) }
///
/// # pollster::block_on(async {
/// let nodes = Nodes::new();
/// let [one, other] = nodes.start();
/// assert_eq!((one.scope(price()).await, other.scope(price()).await), (1, 1));
///
/// PRICE.store(2, Ordering::SeqCst);
/// assert!(one.scope(price::invalidate()).await.is_done());
/// assert_eq!(one.scope(price()).await, 2);
/// // The other node's memory is as old as `memory_ttl` allows, at most.
/// nodes.clock().advance(Duration::from_secs(6));
/// assert_eq!(other.scope(price()).await, 2);
/// # });
/// ```
///
/// A function needs a shared tier in its `tier = "memory,redis"`; the tier that is given here takes the place of Redis.
#[derive(Clone, Debug)]
pub struct Nodes {
    tier: Arc<dyn Tier>,
    clock: ManualClock,
    namespace: String,
}

/// One node: a runtime with a memory of its own, and faults between it and the shared tier.
///
/// ```
/// use cachet_core::{cached, testing::Nodes};
///
/// #[cached(ttl = "1h", tier = "memory,redis")]
/// async fn square(n: u64) -> u64 { n * n }
///
/// # pollster::block_on(async {
/// let [node] = Nodes::new().start();
/// node.faults().cut_off();
/// assert_eq!(node.scope(square(4)).await, 16, "a function goes on without its tier");
/// # });
/// ```
#[derive(Clone, Debug)]
pub struct Node {
    cachet: Cachet,
    faults: Faults,
}

impl Nodes {
    /// Nodes over an [`InProcessTier`], whose time is that of [`Nodes::clock`].
    pub fn new() -> Self {
        let clock = ManualClock::new();
        Self::over(Arc::new(InProcessTier::with_clock(&clock)), &clock)
    }

    /// Nodes over a tier and a clock of the test's.
    ///
    /// A tier with a time of its own, as Redis is, does not follow the clock: moving it lets memory ask the tier again,
    /// and no more.
    ///
    /// ```
    /// use std::sync::Arc;
    /// use cachet_core::testing::{InProcessTier, ManualClock, Nodes};
    ///
    /// let clock = ManualClock::new();
    /// let tier = InProcessTier::with_clock(&clock);
    /// let [node] = Nodes::over(Arc::new(tier.clone()), &clock).start();
    /// assert_eq!(node.cachet().tiers(), ["memory", "in-process"]);
    /// assert!(tier.keys().is_empty());
    /// ```
    pub fn over(tier: Arc<dyn Tier>, clock: &ManualClock) -> Self {
        Self { tier, clock: clock.clone(), namespace: "test".to_owned() }
    }

    /// What the shared keys begin with, as in [`Builder::namespace`]. Default: `test`.
    #[must_use]
    pub fn namespace(mut self, namespace: impl Into<String>) -> Self {
        self.namespace = namespace.into();
        self
    }

    /// The clock of every node.
    pub fn clock(&self) -> &ManualClock {
        &self.clock
    }

    /// Starts as many nodes as are asked for, each with an empty memory. Their deadline is 5 s of real time.
    ///
    /// ```
    /// # use cachet_core::testing::Nodes;
    /// let nodes = Nodes::new();
    /// let [one, other] = nodes.start();
    /// let [latecomer] = nodes.start();
    /// ```
    ///
    /// # Panics
    ///
    /// When the namespace is none, or a thread cannot be started.
    pub fn start<const N: usize>(&self) -> [Node; N] {
        std::array::from_fn(|_| self.start_with(|builder| builder))
    }

    /// Starts a node with a configuration of its own.
    ///
    /// ```
    /// use std::time::Duration;
    /// # use cachet_core::testing::Nodes;
    ///
    /// let impatient = Nodes::new().start_with(|node| node.lease(Duration::from_millis(50)));
    /// ```
    ///
    /// # Panics
    ///
    /// When [`Builder::build`] fails.
    pub fn start_with(&self, configure: impl FnOnce(Builder) -> Builder) -> Node {
        let faults = Faults::new();
        let tier = FaultyTier::over(Arc::clone(&self.tier), &faults);
        let builder = Cachet::builder().namespace(&*self.namespace).clock(&self.clock).deadline(DEADLINE);
        match configure(builder.shared_tier(tier)).build() {
            Ok(cachet) => Node { cachet, faults },
            Err(error) => panic!("a node cannot be built: {error}"),
        }
    }
}

impl Default for Nodes {
    fn default() -> Self {
        Self::new()
    }
}

impl Node {
    /// Runs a future on this node: [`Cachet::scope`].
    pub async fn scope<F: Future>(&self, future: F) -> F::Output {
        self.cachet.scope(future).await
    }

    /// The node's runtime.
    pub fn cachet(&self) -> &Cachet {
        &self.cachet
    }

    /// What happens between this node and the shared tier.
    ///
    /// ```
    /// use cachet_core::{Invalidation, invalidate_tag, testing::Nodes};
    ///
    /// # pollster::block_on(async {
    /// let [node] = Nodes::new().start();
    /// node.faults().cut_off();
    /// assert_eq!(node.scope(invalidate_tag("products")).await, Invalidation::Queued);
    /// # });
    /// ```
    pub fn faults(&self) -> &Faults {
        &self.faults
    }
}
