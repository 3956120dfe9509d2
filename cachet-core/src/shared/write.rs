//! Invalidations and fences: what a writer tells the tier.

use std::{
    future::Future,
    sync::{Arc, atomic::Ordering},
    time::Duration,
};

use super::Shared;
use crate::{
    invalidate::Invalidation,
    tier::{MAX_BATCH, Target, Tier, TierError, WriterId},
};

impl Shared {
    /// Invalidates, now or as soon as the tier answers again. It is carried out even if the caller goes away; `after`
    /// runs once the tier has answered.
    pub(crate) async fn invalidate(&self, target: Target, after: impl FnOnce() + Send + 'static) -> Invalidation {
        self.invalidate_all(vec![target], after).await
    }

    /// The same for several targets.
    pub(crate) async fn invalidate_all(
        &self,
        targets: Vec<Target>,
        after: impl FnOnce() + Send + 'static,
    ) -> Invalidation {
        let exchange = |tier: Arc<dyn Tier>, some| async move { tier.invalidate_many(some).await };
        self.carry_out("invalidate", targets, exchange, after).await
    }

    /// Sets fences before the source is written; `None` when not all of them could be set.
    ///
    /// Whether to write all the same is the caller's to decide. Whatever was set ends after `time`, or with
    /// [`Shared::lift`].
    pub(crate) async fn fence(&self, targets: Vec<Target>, writer: WriterId, time: Duration) -> Option<()> {
        for some in targets.chunks(MAX_BATCH) {
            let some = some.to_vec();
            self.ask("fence", move |tier| async move { tier.fence(some, writer, time).await }).await?;
        }
        Some(())
    }

    /// Takes the writer out of its fences and invalidates their targets, whether the fences could be set or not. Like an
    /// invalidation it is carried out even if the caller goes away.
    ///
    /// Where it cannot be sent, the invalidation is kept and sent later; the fence ends by itself.
    pub(crate) async fn lift(
        &self,
        targets: Vec<Target>,
        writer: WriterId,
        after: impl FnOnce() + Send + 'static,
    ) -> Invalidation {
        let exchange = move |tier: Arc<dyn Tier>, some| async move { tier.lift(some, writer).await };
        self.carry_out("lift", targets, exchange, after).await
    }

    async fn carry_out<F>(
        &self,
        operation: &'static str,
        targets: Vec<Target>,
        exchange: impl Fn(Arc<dyn Tier>, Vec<Target>) -> F + Send + Sync + 'static,
        after: impl FnOnce() + Send + 'static,
    ) -> Invalidation
    where
        F: Future<Output = Result<(), TierError>> + Send + 'static,
    {
        let shared = self.clone();
        let sending = async move {
            let mut outcome = Invalidation::Done;
            for some in targets.chunks(MAX_BATCH) {
                if !shared.sent(operation, |tier| exchange(tier, some.to_vec())).await {
                    shared.keep(some);
                    outcome = Invalidation::Queued;
                }
            }
            after();
            outcome
        };
        self.0.thread.spawn(sending).await.unwrap_or(Invalidation::Queued)
    }

    async fn sent<F>(&self, operation: &'static str, exchange: impl FnOnce(Arc<dyn Tier>) -> F) -> bool
    where
        F: Future<Output = Result<(), TierError>> + Send + 'static,
    {
        if self.0.breaker.is_open() && !self.0.settling.load(Ordering::Acquire) {
            return false;
        }
        match self.bounded(operation, exchange).await {
            Ok(()) => true,
            Err(error) => {
                self.log(&error);
                false
            }
        }
    }

    /// Keeps invalidations for later, and asks the tier for no value until they were sent.
    fn keep(&self, targets: &[Target]) {
        for target in targets {
            self.0.recovery.keep(target.clone());
        }
        self.suspend();
    }
}
