//! A gate that holds loaders, and whatever else a test wants to hold.

use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::sync::{Notify, Semaphore, TryAcquireError};

use super::wait::{PATIENCE, until, within};

/// Holds whoever comes until the test lets them through, so that it decides what happens during a load.
///
/// It needs no tokio runtime. Its waits are bounded by [`PATIENCE`].
///
/// ```
/// use std::sync::Arc;
/// use cachet_core::{Cachet, cached, testing::Gate};
///
/// #[cached(ttl = "1m", skip(gate))]
/// async fn report(id: u64, gate: Arc<Gate>) -> u64 {
///     gate.pass().await;
///     id
/// }
///
/// # fn main() -> Result<(), cachet_core::Error> {
/// # let runtime = Cachet::builder().memory_only().build()?;
/// # pollster::block_on(runtime.scope(async {
/// let gate = Arc::new(Gate::closed());
/// let during = async {
///     gate.arrived(1).await;      // the load is under way
///     report::invalidate(1).await;
///     gate.open();
/// };
/// tokio::join!(report(1, gate.clone()), during);
/// assert!(report::peek(1).await.is_none(), "a load that began before an invalidation is not kept");
/// # }));
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct Gate {
    /// One for each caller that is let through. Closing it is opening the gate.
    permits: Semaphore,
    arrivals: AtomicUsize,
    arrived: Notify,
}

impl Gate {
    /// A gate that lets nobody through yet. It may be a `static` beside the function that it holds.
    pub const fn closed() -> Self {
        Self { permits: Semaphore::const_new(0), arrivals: AtomicUsize::new(0), arrived: Notify::const_new() }
    }

    /// Waits to be let through, first come, first served. A caller that goes away while it waits uses nobody's turn.
    ///
    /// # Panics
    ///
    /// When it is not let through within [`PATIENCE`].
    pub async fn pass(&self) {
        self.arrivals.fetch_add(1, Ordering::SeqCst);
        self.arrived.notify_waiters();
        let permit = match self.permits.try_acquire() {
            Err(TryAcquireError::NoPermits) => {
                within(PATIENCE, self.permits.acquire(), || "nobody opened the gate".into()).await.ok()
            }
            answer => answer.ok(),
        };
        if let Some(permit) = permit {
            permit.forget();
        }
    }

    /// [`Gate::pass`] for a plain function; it blocks the thread.
    ///
    /// # Panics
    ///
    /// When it is not let through within [`PATIENCE`].
    pub fn pass_blocking(&self) {
        pollster::block_on(self.pass());
    }

    /// Lets everybody through, from now on.
    pub fn open(&self) {
        self.permits.close();
    }

    /// Lets so many callers through, those that stand at the gate first.
    ///
    /// ```
    /// # use cachet_core::testing::Gate;
    /// # pollster::block_on(async {
    /// let gate = Gate::closed();
    /// gate.admit(1);
    /// gate.pass().await; // the next one would wait
    /// # });
    /// ```
    pub fn admit(&self, callers: usize) {
        self.permits.add_permits(callers);
    }

    /// Waits until so many callers came to the gate, counted from its beginning: also those that passed or went away.
    ///
    /// # Panics
    ///
    /// When they do not come within [`PATIENCE`].
    pub async fn arrived(&self, callers: usize) {
        let overdue = || format!("{} of {callers} callers came to the gate", self.arrivals());
        until(&self.arrived, || self.arrivals() >= callers, overdue).await;
    }

    /// How many callers came so far.
    pub fn arrivals(&self) -> usize {
        self.arrivals.load(Ordering::SeqCst)
    }
}

impl Default for Gate {
    /// A closed gate.
    fn default() -> Self {
        Self::closed()
    }
}
