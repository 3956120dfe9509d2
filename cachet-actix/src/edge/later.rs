//! Tags that are purged once more at a time of their own.

use std::collections::{BTreeSet, HashMap};

use cachet_core::__private::Debt;
use tokio::time::Instant;

/// Each tag once, at its latest time.
#[derive(Default)]
pub(super) struct Later {
    order: BTreeSet<(Instant, String)>,
    due: HashMap<String, (Instant, Option<Debt>)>,
}

impl Later {
    pub(super) fn len(&self) -> usize {
        self.order.len()
    }

    /// Adds a tag; false where it was there already and has this time now.
    pub(super) fn push(&mut self, tag: String, at: Instant, debt: Option<Debt>) -> bool {
        let known = self.due.insert(tag.clone(), (at, debt));
        let is_new = known.is_none_or(|(before, _)| !self.order.remove(&(before, tag.clone())));
        self.order.insert((at, tag));
        is_new
    }

    /// Whether one of them waits for the shared tier.
    pub(super) fn owes(&self) -> bool {
        self.due.values().any(|(_, debt)| debt.is_some())
    }

    /// When the first is due.
    pub(super) fn next(&self) -> Option<Instant> {
        self.order.first().map(|(at, _)| *at)
    }

    /// One that is due by now, and what the shared tier had not been told when it was added.
    pub(super) fn pop(&mut self, now: Instant) -> Option<(String, Option<Debt>)> {
        let (_, tag) = self.next().filter(|at| *at <= now).and_then(|_| self.order.pop_first())?;
        let debt = self.due.remove(&tag).and_then(|(_, debt)| debt);
        Some((tag, debt))
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn a_tag_is_there_once_at_its_latest_time() {
        let (mut later, start) = (Later::default(), Instant::now());
        let at = |seconds| start + Duration::from_secs(seconds);
        assert!(later.push("a".into(), at(1), None) && later.push("b".into(), at(2), None));
        assert!(!later.push("a".into(), at(3), None));
        assert_eq!((later.len(), later.next()), (2, Some(at(2))));
        assert!(later.pop(at(1)).is_none() && later.len() == 2, "what is not due stays");
        let due: Vec<_> = std::iter::from_fn(|| later.pop(at(3))).map(|(tag, _)| tag).collect();
        assert_eq!(due, ["b", "a"]);
    }
}
