//! Keeping up with the backplane: subscribing, listening, trusting, and what a loss means.

use std::{sync::Arc, time::Duration};

use tokio::time;

use super::Shared;
use crate::{
    backplane::{Inbox, Subscription},
    coherence::{self, Coherence},
};

/// The longest pause before a lost subscription is tried again; it begins at a fraction, chosen by chance, so that not
/// all nodes come at once.
const LONGEST_PAUSE: Duration = Duration::from_secs(2);
const FIRST_PAUSE: Duration = Duration::from_millis(50);

/// After so many times Δ without an answer a connection is given up.
const PATIENCE: u32 = 4;

impl Shared {
    /// Keeps a subscription as long as the runtime lives. The inbox is told of everything that other nodes change.
    pub(crate) fn listen(&self, inbox: Inbox) {
        if let Some(coherence) = self.coherence() {
            self.0.thread.stand(self.clone().keep_up(Arc::clone(coherence), inbox));
        }
    }

    /// Waits until the tier's news come in, or for as long as `patience`.
    pub(crate) async fn is_ready(&self, patience: Duration) -> bool {
        let shared = self.clone();
        let ready = async move {
            let live = async {
                if let Some(coherence) = shared.coherence() {
                    coherence.is_live().await;
                }
                while shared.is_suspended() {
                    time::sleep(FIRST_PAUSE / 10).await;
                }
            };
            time::timeout(patience, live).await.is_ok()
        };
        self.0.thread.spawn(ready).await.unwrap_or(false)
    }

    async fn keep_up(self, coherence: Arc<Coherence>, inbox: Inbox) {
        let mut pause = FIRST_PAUSE;
        loop {
            if let Some(subscription) = self.subscribe(&inbox).await {
                // What changed while nobody listened is unknown.
                coherence.advance_all();
                if self.follow(&coherence, &*subscription).await {
                    pause = FIRST_PAUSE;
                }
                coherence.lose();
                self.suspend();
                // Where the tier is gone as well, that is the news, and it is told once.
                match self.bounded("probe", |tier| async move { tier.probe().await }).await {
                    Ok(()) => {
                        tracing::warn!(
                            tier = self.name(),
                            "the backplane is lost; memory is asked again once it is back"
                        );
                    }
                    Err(error) => self.log(&error),
                }
            }
            time::sleep(pause.mul_f64(fastrand::f64())).await;
            pause = (pause * 2).min(LONGEST_PAUSE);
        }
    }

    async fn subscribe(&self, inbox: &Inbox) -> Option<Box<dyn Subscription>> {
        let backplane = self.0.tier.backplane()?;
        // Nobody waits for it, so it may take as long as a heartbeat.
        let patience = self.coherence().map_or(self.0.deadline, |coherence| coherence.bound().max(self.0.deadline));
        match time::timeout(patience, backplane.subscribe(inbox.clone())).await {
            Ok(Ok(subscription)) => Some(subscription),
            Ok(Err(error)) => {
                self.took_fault(&error);
                None
            }
            Err(_) => None,
        }
    }

    /// Listens until the connection is lost. Says whether it was ever trusted.
    async fn follow(&self, coherence: &Coherence, subscription: &dyn Subscription) -> bool {
        let bound = coherence.bound();
        let mut was_trusted = false;
        loop {
            let sent = coherence::now();
            let answered = tokio::select! {
                () = subscription.lost() => false,
                answer = time::timeout(bound * PATIENCE, subscription.heartbeat()) => matches!(answer, Ok(Ok(()))),
            };
            if !answered {
                return was_trusted;
            }
            // Who: a node that could not reach the tier, as this one could not, and kept an invalidation. When: trust comes
            // back here before that was sent. What keeps both from answering with the old value: the tier is not asked
            // until others have had the time to send what they kept, and what memory has from before is dead. In this
            // order, or a value of the tier could come in between.
            if coherence.has_lapsed() {
                self.suspend();
                coherence.advance_all();
            }
            coherence.trust(sent);
            was_trusted = true;
            tokio::select! {
                () = subscription.lost() => return true,
                () = time::sleep(bound / 4) => {}
            }
        }
    }
}
