//! The circuit breaker: whether the shared tier is asked at all.

use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};

/// So many outages without a success between them open the breaker.
const OPENS_AT: u32 = 3;

/// Closed while the tier answers; open from a series of outages until it was reached again.
#[derive(Debug, Default)]
pub(crate) struct Breaker {
    open: AtomicBool,
    outages: AtomicU32,
}

impl Breaker {
    pub(crate) fn is_open(&self) -> bool {
        self.open.load(Ordering::Acquire)
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
        !self.open.swap(true, Ordering::AcqRel)
    }

    pub(crate) fn close(&self) {
        self.outages.store(0, Ordering::Relaxed);
        self.open.store(false, Ordering::Release);
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
        breaker.close();
        assert!(!breaker.is_open());
        assert!(!breaker.failed());
    }
}
