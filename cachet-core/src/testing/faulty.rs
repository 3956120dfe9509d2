//! A tier whose calls fail as a test wants.

use std::{future::Future, pin::Pin, sync::Arc, time::Duration};

use tokio::time;

use super::{Faults, Injection, Operation};
use crate::tier::{
    Acquired, Backplane, EntryId, Fault, Inbox, Lease, Lookup, NewEntry, Read, Subscription, Target, Tier, TierError,
    TierFuture, WriterId,
};

/// A tier in front of another one, whose calls fail as [`Faults`] says. Without faults it is as the other one.
///
/// Each node may have faults of its own in front of one tier; [`Nodes`](super::Nodes) does that.
///
/// ```
/// use cachet_core::{Tier, tier::Fault, testing::{Faults, FaultyTier, InProcessTier, Injection, Operation}};
///
/// # pollster::block_on(async {
/// let faults = Faults::new();
/// let tier = FaultyTier::new(InProcessTier::new(), &faults);
/// faults.next(Operation::Probe, Injection::Error(Fault::Denied));
/// assert_eq!(tier.probe().await.map_err(|error| error.fault), Err(Fault::Denied));
/// assert!(tier.probe().await.is_ok());
/// # });
/// ```
#[derive(Clone, Debug)]
pub struct FaultyTier {
    tier: Arc<dyn Tier>,
    faults: Faults,
}

impl FaultyTier {
    /// Puts faults in front of a tier.
    pub fn new(tier: impl Tier, faults: &Faults) -> Self {
        Self::over(Arc::new(tier), faults)
    }

    /// Puts faults in front of a tier that others use as well.
    ///
    /// ```no_run
    /// use cachet_core::{Cachet, testing::{Faults, FaultyTier, redis_tier}};
    ///
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let faults = Faults::new();
    /// let tier = FaultyTier::over(redis_tier("redis://127.0.0.1:6379")?, &faults);
    /// let runtime = Cachet::builder().shared_tier(tier).build()?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn over(tier: Arc<dyn Tier>, faults: &Faults) -> Self {
        Self { tier, faults: faults.clone() }
    }

    fn exchange<T, F>(
        &self,
        operation: Operation,
        command: impl FnOnce(Arc<dyn Tier>) -> F + Send + 'static,
    ) -> TierFuture<'_, T>
    where
        T: Send + 'static,
        F: Future<Output = Result<T, TierError>> + Send + 'static,
    {
        let (tier, faults) = (Arc::clone(&self.tier), self.faults.clone());
        let carry_out = async move {
            let answer = command(tier).await;
            faults.took_answer(operation);
            answer
        };
        Box::pin(async move {
            match self.faults.meet(operation) {
                None => carry_out.await,
                Some(Injection::Error(fault)) => Err(self.error(operation, fault, "an injected fault")),
                Some(Injection::LostRequest) => Err(self.error(operation, Fault::Outage, "the request was lost")),
                Some(Injection::LostReply) => {
                    drop(carry_out.await);
                    Err(self.error(operation, Fault::Outage, "the reply was lost"))
                }
                Some(Injection::Late(gate)) => {
                    let late = self.faults.late();
                    tokio::spawn(async move {
                        gate.pass().await;
                        drop(carry_out.await);
                        drop(late);
                    });
                    Err(self.error(operation, Fault::Outage, "the request is late"))
                }
                Some(Injection::Delay(span)) => {
                    time::sleep(span).await;
                    carry_out.await
                }
                Some(Injection::HoldRequest(gate)) => {
                    gate.pass().await;
                    carry_out.await
                }
                Some(Injection::HoldReply(gate)) => {
                    let answer = carry_out.await;
                    gate.pass().await;
                    answer
                }
            }
        })
    }

    fn error(&self, operation: Operation, fault: Fault, what: &'static str) -> TierError {
        TierError { tier: self.tier.name(), operation: operation.word(), fault, source: what.into() }
    }
}

impl Tier for FaultyTier {
    fn name(&self) -> &'static str {
        self.tier.name()
    }

    fn read(&self, lookup: Lookup) -> TierFuture<'_, Read> {
        self.exchange(Operation::Read, |tier| async move { tier.read(lookup).await })
    }

    fn refresh(&self, lookup: Lookup, lease: Duration, stale: EntryId) -> TierFuture<'_, Acquired> {
        self.exchange(Operation::Refresh, move |tier| async move { tier.refresh(lookup, lease, stale).await })
    }

    fn acquire(&self, lookup: Lookup, lease: Duration, dead: Option<EntryId>) -> TierFuture<'_, Acquired> {
        self.exchange(Operation::Acquire, move |tier| async move { tier.acquire(lookup, lease, dead).await })
    }

    fn fill(&self, lookup: Lookup, lease: Lease, entry: NewEntry) -> TierFuture<'_, bool> {
        self.exchange(Operation::Fill, move |tier| async move { tier.fill(lookup, lease, entry).await })
    }

    fn renew(&self, lookup: Lookup, lease: Lease, time: Duration) -> TierFuture<'_, bool> {
        self.exchange(Operation::Renew, move |tier| async move { tier.renew(lookup, lease, time).await })
    }

    fn release(&self, lookup: Lookup, lease: Lease) -> TierFuture<'_, bool> {
        self.exchange(Operation::Release, move |tier| async move { tier.release(lookup, lease).await })
    }

    fn invalidate(&self, target: Target) -> TierFuture<'_, ()> {
        self.exchange(Operation::Invalidate, |tier| async move { tier.invalidate(target).await })
    }

    fn fence(&self, targets: Vec<Target>, writer: WriterId, time: Duration) -> TierFuture<'_, ()> {
        self.exchange(Operation::Fence, move |tier| async move { tier.fence(targets, writer, time).await })
    }

    fn lift(&self, targets: Vec<Target>, writer: WriterId) -> TierFuture<'_, ()> {
        self.exchange(Operation::Lift, move |tier| async move { tier.lift(targets, writer).await })
    }

    fn backplane(&self) -> Option<&dyn Backplane> {
        self.tier.backplane().map(|_| self as &dyn Backplane)
    }

    fn probe(&self) -> TierFuture<'_, ()> {
        self.exchange(Operation::Probe, |tier| async move { tier.probe().await })
    }

    fn read_many(&self, lookups: Vec<Lookup>) -> TierFuture<'_, Vec<Read>> {
        self.exchange(Operation::Read, |tier| async move { tier.read_many(lookups).await })
    }

    fn acquire_many(&self, wanted: Vec<(Lookup, Option<EntryId>)>, lease: Duration) -> TierFuture<'_, Vec<Acquired>> {
        self.exchange(Operation::Acquire, move |tier| async move { tier.acquire_many(wanted, lease).await })
    }

    fn fill_many(&self, fills: Vec<(Lookup, Lease, NewEntry)>) -> TierFuture<'_, Vec<bool>> {
        self.exchange(Operation::Fill, |tier| async move { tier.fill_many(fills).await })
    }

    fn invalidate_many(&self, targets: Vec<Target>) -> TierFuture<'_, ()> {
        self.exchange(Operation::Invalidate, |tier| async move { tier.invalidate_many(targets).await })
    }
}

impl Backplane for FaultyTier {
    fn subscribe(&self, inbox: Inbox) -> TierFuture<'_, Box<dyn Subscription>> {
        let subscribing = self.exchange(Operation::Subscribe, |tier| async move {
            match tier.backplane() {
                Some(backplane) => backplane.subscribe(inbox).await,
                None => unreachable!("it had a backplane before"),
            }
        });
        let tier = self.clone();
        Box::pin(async move {
            let subscription = Arc::from(subscribing.await?);
            Ok(Box::new(FaultySubscription { tier, subscription }) as Box<dyn Subscription>)
        })
    }
}

/// A subscription whose heartbeat fails as the faults say.
struct FaultySubscription {
    tier: FaultyTier,
    subscription: Arc<dyn Subscription>,
}

impl Subscription for FaultySubscription {
    fn heartbeat(&self) -> TierFuture<'_, ()> {
        let subscription = Arc::clone(&self.subscription);
        self.tier.exchange(Operation::Heartbeat, |_| async move { subscription.heartbeat().await })
    }

    fn lost(&self) -> Pin<Box<dyn Future<Output = ()> + Send + '_>> {
        self.subscription.lost()
    }
}
