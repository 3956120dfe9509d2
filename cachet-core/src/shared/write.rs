//! Invalidations and fences: what a writer tells the tier.

use std::{sync::atomic::Ordering, time::Duration};

use super::Shared;
use crate::{
    invalidate::Invalidation,
    recovery::Kept,
    tier::{MAX_BATCH, Target, WriterId},
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
        self.carry_out(targets, None, after).await
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
    /// Where it cannot be sent, it is kept and sent later. A fence that arrives later still, because its command was
    /// given up here and is carried out all the same, ends by itself.
    pub(crate) async fn lift(
        &self,
        targets: Vec<Target>,
        writer: WriterId,
        after: impl FnOnce() + Send + 'static,
    ) -> Invalidation {
        self.carry_out(targets, Some(writer), after).await
    }

    /// Invalidates, and takes the writer, if there is one, out of its fences.
    async fn carry_out(
        &self,
        targets: Vec<Target>,
        writer: Option<WriterId>,
        after: impl FnOnce() + Send + 'static,
    ) -> Invalidation {
        let shared = self.clone();
        let sending = async move {
            let mut outcome = Invalidation::Done;
            for some in targets.chunks(MAX_BATCH) {
                if !shared.sent(some.to_vec(), writer).await {
                    shared.keep(some, writer);
                    outcome = Invalidation::Queued;
                }
            }
            after();
            outcome
        };
        self.0.thread.spawn(sending).await.unwrap_or(Invalidation::Queued)
    }

    async fn sent(&self, targets: Vec<Target>, writer: Option<WriterId>) -> bool {
        if self.0.breaker.is_open() && !self.0.settling.load(Ordering::Acquire) {
            return false;
        }
        let answer = match writer {
            Some(writer) => self.bounded("lift", |tier| async move { tier.lift(targets, writer).await }).await,
            None => self.bounded("invalidate", |tier| async move { tier.invalidate_many(targets).await }).await,
        };
        if let Err(error) = &answer {
            self.log(error);
        }
        answer.is_ok()
    }

    /// Keeps invalidations for later, and asks the tier for no value until they were sent.
    fn keep(&self, targets: &[Target], writer: Option<WriterId>) {
        for target in targets {
            self.0.recovery.keep(Kept { target: target.clone(), writer });
        }
        self.suspend();
    }
}
