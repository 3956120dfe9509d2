//! Keeping up with the backplane: subscribing, listening, trusting, and what a loss means.

use std::{sync::Arc, time::Duration};

use tokio::time;

use super::Shared;
use crate::{
    backplane::{Inbox, Subscription},
    coherence::{self, Coherence},
    tier::{Fault, TierError},
};

/// The longest pause before a lost subscription is tried again; it begins at a fraction, chosen by chance, so that not
/// all nodes come at once.
const LONGEST_PAUSE: Duration = Duration::from_secs(2);
const FIRST_PAUSE: Duration = Duration::from_millis(50);

const KEEPS_LITTLE: &str =
    "the backplane is lost; until it is back, memory keeps what it gets for the staleness bound at the most";

/// A subscription is given that long, however short Δ and the deadline are.
const SUBSCRIBING: Duration = Duration::from_secs(1);

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
        let (mut pause, mut is_told) = (FIRST_PAUSE, false);
        loop {
            match self.subscribe(&inbox).await {
                Ok(subscription) => {
                    // What changed while nobody listened is unknown.
                    coherence.advance_all();
                    if self.follow(&coherence, &*subscription).await {
                        (pause, is_told) = (FIRST_PAUSE, false);
                    }
                    coherence.lose();
                    self.suspend();
                    is_told = is_told || self.told_of_silence(None).await;
                }
                // The tier may be as well as ever, and is asked. Where it is not, that is told already.
                Err(error) if !is_told && !self.0.breaker.is_open() => {
                    is_told = self.told_of_silence(Some(&error)).await;
                }
                Err(_) => {}
            }
            time::sleep(pause.mul_f64(fastrand::f64())).await;
            pause = (pause * 2).min(LONGEST_PAUSE);
        }
    }

    async fn subscribe(&self, inbox: &Inbox) -> Result<Box<dyn Subscription>, TierError> {
        // Nobody waits for it, so it may take as long as a heartbeat, and as connections take.
        let bound = self.coherence().map_or(SUBSCRIBING, |coherence| coherence.bound());
        let patience = bound.max(self.0.deadline).max(SUBSCRIBING);
        let subscribing = async {
            match self.0.tier.backplane() {
                Some(backplane) => backplane.subscribe(inbox.clone()).await,
                None => std::future::pending().await,
            }
        };
        time::timeout(patience, subscribing).await.unwrap_or_else(|_| Err(self.overran("subscribe", patience)))
    }

    /// Says that no news come, and whether it did: where the tier is gone as well, that is the news, and it is told once.
    async fn told_of_silence(&self, error: Option<&TierError>) -> bool {
        if let Err(error) = self.bounded("probe", |tier| async move { tier.probe().await }).await {
            self.took_fault(&error);
            if self.0.breaker.is_open() {
                // It may have been opened without a word.
                self.log(&error);
            }
            return false;
        }
        match error.map(|error| (error, error.source.as_ref())) {
            Some((error, cause)) if error.fault == Fault::Denied => {
                tracing::error!(%error, %cause, "the backplane refuses this client; check its rights");
            }
            Some((error, cause)) => tracing::warn!(%error, %cause, "{KEEPS_LITTLE}"),
            None => tracing::warn!(tier = self.name(), "{KEEPS_LITTLE}"),
        }
        true
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
