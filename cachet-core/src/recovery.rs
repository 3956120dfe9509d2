//! Invalidations that could not be sent yet.
//!
//! They are kept, each target once, and once more for each writer whose fence may stand on it, and sent when the tier answers again; until all of them are, the tier is not asked
//! for values, because it may still hold what was invalidated.

use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
};

use crate::tier::{Target, Tier, TierError, WriterId};

/// So much is kept; past that, the tag of everything stands for all of it, and fences end by themselves.
const MAX_KEPT: usize = 10_000;

/// What is to be sent: an invalidation, or the lift of a writer's fence, which is one too.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Kept {
    pub(crate) target: Target,
    pub(crate) writer: Option<WriterId>,
}

impl Kept {
    pub(crate) async fn send(self, tier: Arc<dyn Tier>) -> Result<(), TierError> {
        match self.writer {
            Some(writer) => tier.lift(vec![self.target], writer).await,
            None => tier.invalidate(self.target).await,
        }
    }
}

#[derive(Debug)]
pub(crate) struct Recovery {
    queue: Mutex<Queue>,
    /// How much the queue has.
    length: AtomicUsize,
    /// The tag that every entry of the namespace carries.
    everything: Target,
}

#[derive(Debug, Default)]
struct Queue {
    /// Each with the number of its latest keeping.
    kept: HashMap<Kept, u64>,
    latest: u64,
}

impl Recovery {
    pub(crate) fn new(everything: Target) -> Self {
        Self { queue: Mutex::default(), length: AtomicUsize::new(0), everything }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.length.load(Ordering::Acquire) == 0
    }

    /// Keeps an invalidation, or a lift, for later.
    pub(crate) fn keep(&self, kept: Kept) {
        let mut queue = self.queue();
        queue.latest += 1;
        let latest = queue.latest;
        if queue.kept.len() >= MAX_KEPT && !queue.kept.contains_key(&kept) {
            queue.kept.clear();
            queue.kept.insert(Kept { target: self.everything.clone(), writer: None }, latest);
        } else {
            queue.kept.insert(kept, latest);
        }
        self.length.store(queue.kept.len(), Ordering::Release);
    }

    /// What is kept, oldest first.
    pub(crate) fn pending(&self) -> Vec<(Kept, u64)> {
        let mut pending: Vec<_> = self.queue().kept.iter().map(|(kept, number)| (kept.clone(), *number)).collect();
        pending.sort_unstable_by_key(|(_, number)| *number);
        pending
    }

    /// Forgets what was sent, unless it was kept once more since.
    pub(crate) fn sent(&self, kept: &Kept, number: u64) {
        let mut queue = self.queue();
        if queue.kept.get(kept) == Some(&number) {
            queue.kept.remove(kept);
        }
        self.length.store(queue.kept.len(), Ordering::Release);
    }

    fn queue(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(name: &str) -> Kept {
        Kept { target: Target::Entry(name.into()), writer: None }
    }

    #[test]
    fn a_target_is_kept_once_and_forgotten_only_for_its_latest_number() {
        let recovery = Recovery::new(Target::Tag("all".into()));
        recovery.keep(entry("a"));
        let pending = recovery.pending();
        recovery.keep(entry("a"));
        recovery.sent(&pending[0].0, pending[0].1);
        assert_eq!(recovery.pending().len(), 1, "it was invalidated again after the first number was taken");
        let pending = recovery.pending();
        recovery.sent(&pending[0].0, pending[0].1);
        assert!(recovery.is_empty());
    }

    #[test]
    fn each_writers_lift_is_kept_beside_the_targets_invalidation() {
        let recovery = Recovery::new(Target::Tag("all".into()));
        let lifts = [WriterId([1; 16]), WriterId([2; 16])].map(|writer| Kept { writer: Some(writer), ..entry("a") });
        for kept in [&lifts[0], &entry("a"), &lifts[1], &lifts[0]] {
            recovery.keep(kept.clone());
        }
        let kept: Vec<Kept> = recovery.pending().into_iter().map(|(kept, _)| kept).collect();
        assert_eq!(kept, [entry("a"), lifts[1].clone(), lifts[0].clone()], "in the order of their latest keeping");
    }

    #[test]
    fn an_overflow_outdates_everything_rather_than_forget() {
        let recovery = Recovery::new(Target::Tag("all".into()));
        for n in 0..=MAX_KEPT {
            recovery.keep(entry(&n.to_string()));
        }
        assert_eq!(recovery.pending()[0].0, Kept { target: Target::Tag("all".into()), writer: None });
        recovery.keep(entry("later"));
        assert_eq!(recovery.pending().len(), 2);
    }
}
