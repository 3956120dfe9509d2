//! The circuit breaker: whether the shared tier is asked at all.

use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};

/// So many outages without a success between them open the breaker.
const OPENS_AT: u32 = 3;

/// Closed while the tier answers; open from a series of outages until it was reached again.
#[derive(Debug, Default)]
pub(crate) struct Breaker {
    /// An odd number while it is open. It grows whenever that changes, and when an open one is opened anew.
    state: AtomicU64,
    outages: AtomicU32,
}

/// A breaker's state, from one opening or closing to the next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct State(u64);

impl State {
    pub(crate) fn is_open(self) -> bool {
        self.0 & 1 == 1
    }
}

impl Breaker {
    pub(crate) fn state(&self) -> State {
        State(self.state.load(Ordering::Acquire))
    }

    pub(crate) fn is_open(&self) -> bool {
        self.state().is_open()
    }

    pub(crate) fn succeeded(&self) {
        // Mostly read: a success after a success writes nothing.
        if self.outages.load(Ordering::Relaxed) != 0 {
            self.outages.store(0, Ordering::Relaxed);
        }
    }

    /// Counts an outage, and says whether it opened the breaker.
    pub(crate) fn failed(&self) -> bool {
        self.outages.fetch_add(1, Ordering::Relaxed) + 1 >= OPENS_AT && self.open()
    }

    /// Opens the breaker at once, and says whether it was closed before.
    pub(crate) fn open(&self) -> bool {
        self.state.fetch_or(1, Ordering::AcqRel) & 1 == 0
    }

    /// The same; an open one is opened anew, so that whoever is about to close it does not.
    pub(crate) fn open_anew(&self) {
        self.state.update(Ordering::AcqRel, Ordering::Acquire, |state| (state | 1) + 2);
    }

    /// Closes the breaker, if it is still open as it was then, and says whether it did.
    pub(crate) fn close(&self, then: State) -> bool {
        let open = then.0 | 1;
        let closed = self.state.compare_exchange(open, open + 1, Ordering::AcqRel, Ordering::Acquire).is_ok();
        if closed {
            self.outages.store(0, Ordering::Relaxed);
        }
        closed
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_series_of_outages_opens_it_and_one_bad_reply_does_not() {
        let breaker = Breaker::default();
        assert!(!breaker.failed());
        breaker.succeeded();
        assert!(!breaker.failed());
        assert!(!breaker.failed());
        assert!(!breaker.is_open());
        assert!(breaker.failed(), "the third in a row opens it");
        assert!(!breaker.failed(), "it opens once");
        assert!(breaker.is_open());
        assert!(breaker.close(breaker.state()));
        assert!(!breaker.is_open());
        assert!(!breaker.failed());
    }

    #[test]
    fn an_opening_is_not_closed_for_a_later_one() {
        let breaker = Breaker::default();
        breaker.open_anew();
        let first = breaker.state();
        assert!(!breaker.open(), "a fault of the same outage");
        breaker.open_anew();
        assert!(!breaker.close(first) && breaker.is_open());
        let second = breaker.state();
        assert!(breaker.close(second) && !breaker.close(second) && !breaker.is_open());
        assert!(breaker.open());
        assert!(!breaker.close(second) && breaker.is_open());
    }
}
