//! Pauses between tries at a tier that is out of reach.

use std::time::Duration;

/// The first and, unless the grace is long, the longest.
pub(super) const FIRST: Duration = Duration::from_millis(200);

/// So many tries fit into the grace, in which each node sends what it kept: so this limits how seldom they may come.
const IN_A_GRACE: u32 = 3;

/// Longer each time, and each cut short by up to half, by chance, so that not all nodes come at once.
pub(super) struct Pauses {
    next: Duration,
    longest: Duration,
}

impl Pauses {
    pub(super) fn within(grace: Duration) -> Self {
        Self { next: FIRST, longest: FIRST.max(grace / IN_A_GRACE) }
    }
}

impl Iterator for Pauses {
    type Item = Duration;

    fn next(&mut self) -> Option<Duration> {
        let pause = self.next;
        self.next = (pause * 2).min(self.longest);
        Some(pause.mul_f64(1.0 - fastrand::f64() / 2.0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_up_to_a_third_of_the_grace_and_differ_from_node_to_node() {
        let whole = [200, 400, 800, 1000, 1000].map(Duration::from_millis);
        let pauses = || Pauses::within(Duration::from_secs(3)).zip(whole);
        for (pause, whole) in (0..100).flat_map(|_| pauses()) {
            assert!((whole / 2..=whole).contains(&pause), "{pause:?} of {whole:?}");
        }
        assert_ne!(pauses().collect::<Vec<_>>(), pauses().collect::<Vec<_>>());
    }

    #[test]
    fn a_short_grace_makes_none_shorter_and_the_usual_one_none_longer() {
        for grace in [Duration::ZERO, Duration::from_millis(600)] {
            assert!(Pauses::within(grace).take(20).all(|pause| (FIRST / 2..=FIRST).contains(&pause)));
        }
    }
}
