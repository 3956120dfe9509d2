//! Tags in this process: which version of a tag an entry was loaded under.
//!
//! A tag has a counter as long as an entry or a load refers to it. Invalidating a tag advances the counter, and every
//! entry that saw an older count is dead at its next look-up: one step, however many entries carry the tag.

use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
};

/// The board forgets unused tags whenever it has grown past this, and past twice what was left the last time.
const SWEEP_FROM: usize = 1024;

/// A tag's counter and the count that was seen.
#[derive(Clone, Debug)]
pub(crate) struct TagSeen {
    counter: Arc<AtomicU64>,
    seen: u64,
}

impl TagSeen {
    /// A counter as it stands now.
    pub(crate) fn of(counter: &Arc<AtomicU64>) -> Self {
        Self { seen: counter.load(Ordering::Acquire), counter: Arc::clone(counter) }
    }

    pub(crate) fn all_current(tags: &[Self]) -> bool {
        tags.iter().all(|tag| tag.counter.load(Ordering::Acquire) == tag.seen)
    }
}

/// The tags that somebody in this process refers to.
#[derive(Debug, Default)]
pub(crate) struct TagBoard(Mutex<Counters>);

#[derive(Debug, Default)]
struct Counters {
    by_tag: HashMap<String, Arc<AtomicU64>>,
    /// How often any tag was invalidated.
    invalidations: u64,
    sweep_at: usize,
}

impl TagBoard {
    /// Notes the tags' counts, to be called before the load (or read) whose result they date. The stamp is one more that
    /// the result carries.
    pub(crate) fn observe(&self, tags: &[String], stamp: Option<TagSeen>) -> Option<Arc<[TagSeen]>> {
        if tags.is_empty() {
            return stamp.map(|stamp| Arc::from([stamp]));
        }
        let mut counters = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let seen = stamp.into_iter().chain(tags.iter().map(|tag| counters.observe(tag))).collect();
        counters.sweep();
        Some(seen)
    }

    /// Makes every entry and load that saw the tag before now dead.
    pub(crate) fn invalidate(&self, tag: &str) {
        let mut counters = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        counters.invalidations += 1;
        if let Some(counter) = counters.by_tag.get(tag) {
            counter.fetch_add(1, Ordering::AcqRel);
        }
    }
}

/// How often any tag had been invalidated when a load began.
///
/// A tag that follows from the value is known only after the load. Whoever invalidates it meanwhile finds no load that
/// mentions it, so for such loads every invalidated tag may have been theirs.
#[derive(Debug)]
pub(crate) struct AnyTag {
    board: Arc<TagBoard>,
    invalidations: u64,
}

impl AnyTag {
    pub(crate) fn observe(board: &Arc<TagBoard>) -> Self {
        let invalidations = board.0.lock().unwrap_or_else(PoisonError::into_inner).invalidations;
        Self { board: Arc::clone(board), invalidations }
    }

    pub(crate) fn is_current(&self) -> bool {
        self.board.0.lock().unwrap_or_else(PoisonError::into_inner).invalidations == self.invalidations
    }

    /// The tags that were seen before the load and those that follow from its value; `None` if one of the latter may
    /// have been invalidated since.
    pub(crate) fn and(&self, seen: Option<&[TagSeen]>, more: &[String]) -> Option<Arc<[TagSeen]>> {
        let mut counters = self.board.0.lock().unwrap_or_else(PoisonError::into_inner);
        if counters.invalidations != self.invalidations {
            return None;
        }
        let seen = seen.unwrap_or_default().iter().cloned();
        Some(seen.chain(more.iter().map(|tag| counters.observe(tag))).collect())
    }
}

impl Counters {
    fn observe(&mut self, tag: &str) -> TagSeen {
        match self.by_tag.get(tag) {
            Some(counter) => TagSeen::of(counter),
            None => TagSeen::of(self.by_tag.entry(tag.to_owned()).or_default()),
        }
    }

    /// Drops counters that nobody holds. Under the lock a count of one cannot grow: only `observe` hands clones out.
    fn sweep(&mut self) {
        if self.by_tag.len() >= self.sweep_at.max(SWEEP_FROM) {
            self.by_tag.retain(|_, counter| Arc::strong_count(counter) > 1);
            self.sweep_at = self.by_tag.len() * 2;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn named(tag: &str) -> [String; 1] {
        [tag.to_owned()]
    }

    #[test]
    fn an_invalidated_tag_is_no_longer_current() {
        let board = TagBoard::default();
        let before = board.observe(&named("a"), None).expect("there is a tag");
        let other = board.observe(&named("b"), None).expect("there is a tag");
        assert!(TagSeen::all_current(&before));
        board.invalidate("a");
        assert!(!TagSeen::all_current(&before));
        assert!(TagSeen::all_current(&other));
        let after = board.observe(&named("a"), None).expect("there is a tag");
        assert!(TagSeen::all_current(&after));
    }

    #[test]
    fn tags_that_nobody_refers_to_are_forgotten() {
        let board = TagBoard::default();
        let kept = board.observe(&named("kept"), None).expect("there is a tag");
        for n in 0..SWEEP_FROM * 4 {
            board.observe(&named(&n.to_string()), None);
        }
        assert!(board.0.lock().expect("no test panicked").by_tag.len() <= SWEEP_FROM);
        board.invalidate("kept");
        assert!(!TagSeen::all_current(&kept), "a tag in use survives the sweep");
    }
}
