//! Invalidations that could not be sent yet.
//!
//! They are kept, each target once, and sent when the tier answers again; until all of them are, the tier is not asked
//! for values, because it may still hold what was invalidated.

use std::{
    collections::HashMap,
    sync::{
        Mutex, MutexGuard, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
};

use crate::tier::Target;

/// So many single targets are kept; past that, the tag of everything stands for all of them.
const MAX_TARGETS: usize = 10_000;

#[derive(Debug)]
pub(crate) struct Recovery {
    queue: Mutex<Queue>,
    /// How many targets the queue has.
    length: AtomicUsize,
    /// The tag that every entry of the namespace carries.
    everything: Target,
}

#[derive(Debug, Default)]
struct Queue {
    /// Each target with the number of its latest invalidation.
    targets: HashMap<Target, u64>,
    latest: u64,
}

impl Recovery {
    pub(crate) fn new(everything: Target) -> Self {
        Self { queue: Mutex::default(), length: AtomicUsize::new(0), everything }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.length.load(Ordering::Acquire) == 0
    }

    /// Keeps a target for later.
    pub(crate) fn keep(&self, target: Target) {
        let mut queue = self.queue();
        queue.latest += 1;
        let latest = queue.latest;
        if queue.targets.len() >= MAX_TARGETS && !queue.targets.contains_key(&target) {
            queue.targets.clear();
            queue.targets.insert(self.everything.clone(), latest);
        } else {
            queue.targets.insert(target, latest);
        }
        self.length.store(queue.targets.len(), Ordering::Release);
    }

    /// What is kept, oldest first.
    pub(crate) fn pending(&self) -> Vec<(Target, u64)> {
        let mut pending: Vec<_> =
            self.queue().targets.iter().map(|(target, number)| (target.clone(), *number)).collect();
        pending.sort_unstable_by_key(|(_, number)| *number);
        pending
    }

    /// Forgets a target that was sent, unless it was invalidated once more since.
    pub(crate) fn sent(&self, target: &Target, number: u64) {
        let mut queue = self.queue();
        if queue.targets.get(target) == Some(&number) {
            queue.targets.remove(target);
        }
        self.length.store(queue.targets.len(), Ordering::Release);
    }

    fn queue(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(name: &str) -> Target {
        Target::Entry(name.into())
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
    fn an_overflow_outdates_everything_rather_than_forget() {
        let recovery = Recovery::new(Target::Tag("all".into()));
        for n in 0..=MAX_TARGETS {
            recovery.keep(entry(&n.to_string()));
        }
        assert_eq!(recovery.pending()[0].0, Target::Tag("all".into()));
        recovery.keep(entry("later"));
        assert_eq!(recovery.pending().len(), 2);
    }
}
