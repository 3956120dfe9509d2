//! Leases that this node holds.

use std::time::Duration;

use tokio::{task::AbortHandle, time};

use super::Shared;
use crate::tier::{Acquired, Lease, Lookup, NewEntry};

/// For so many times its time a lease is kept up for a load that takes longer; a load that never ends does not hold
/// others up for ever.
pub(super) const LONGEST: u32 = 12;

/// The answer to a request for a lease.
pub(crate) enum Grant {
    Lease(HeldLease),
    Held(Duration),
    Filled,
    /// A writer fences the entry or a tag of it: what is loaded is not stored.
    Fenced,
}

/// A lease that this node holds, kept up while the load runs. Dropping it gives it back, as a cancelled or panicking
/// load does.
pub(crate) struct HeldLease {
    shared: Shared,
    lookup: Lookup,
    lease: Option<Lease>,
    keeping_up: AbortHandle,
}

impl Grant {
    pub(super) fn of(acquired: Acquired, shared: Shared, lookup: Lookup) -> Self {
        match acquired {
            Acquired::Granted(lease) => Self::Lease(HeldLease::new(shared, lookup, lease)),
            Acquired::Held(remaining) => Self::Held(remaining),
            Acquired::Filled => Self::Filled,
            Acquired::Fenced(_) => Self::Fenced,
        }
    }
}

impl HeldLease {
    fn new(shared: Shared, lookup: Lookup, lease: Lease) -> Self {
        let keeping_up = shared.0.thread.spawn(keep_up(shared.clone(), lookup.clone(), lease)).abort_handle();
        Self { shared, lookup, lease: Some(lease), keeping_up }
    }

    /// The entry's key.
    pub(crate) fn key(&self) -> &str {
        &self.lookup.key
    }

    /// The lease itself; `None` once its fill was sent.
    pub(crate) fn lease(&self) -> Option<Lease> {
        self.lease
    }

    /// The mark of the fill that it allows; zero once that was sent.
    pub(crate) fn mark(&self) -> u16 {
        self.lease.map_or(0, |lease| lease.token.mark())
    }

    /// Stores the value, and says whether the lease still stood.
    pub(crate) async fn fill(self, entry: NewEntry) -> Option<bool> {
        let shared = self.shared.clone();
        let (lookup, lease, entry) = self.into_fill(entry)?;
        shared.ask("fill", move |tier| async move { tier.fill(lookup, lease, entry).await }).await
    }

    /// What a fill is sent with; from here on the lease is not given back any more.
    pub(super) fn into_fill(mut self, entry: NewEntry) -> Option<(Lookup, Lease, NewEntry)> {
        let lease = self.lease.take()?;
        Some((self.lookup.clone(), lease, entry))
    }

    /// Gives the lease back, and says whether it still stood.
    pub(crate) async fn release(mut self) -> Option<bool> {
        let lease = self.lease.take()?;
        self.shared.release(self.lookup.clone(), lease).await
    }
}

impl Drop for HeldLease {
    fn drop(&mut self) {
        self.keeping_up.abort();
        if let Some(lease) = self.lease.take() {
            let (shared, lookup) = (self.shared.clone(), self.lookup.clone());
            self.shared.0.thread.spawn(async move { shared.release(lookup, lease).await });
        }
    }
}

/// Renews a lease at half its time, as long as it stands.
async fn keep_up(shared: Shared, lookup: Lookup, lease: Lease) {
    let time = shared.lease();
    for _ in 0..(LONGEST - 1) * 2 {
        time::sleep(time / 2).await;
        let lookup = lookup.clone();
        if shared.ask("renew", move |tier| async move { tier.renew(lookup, lease, time).await }).await == Some(false) {
            return;
        }
    }
}
