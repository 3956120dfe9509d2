//! Numbers that no other attempt of any node uses.

use std::{
    hash::{BuildHasher, RandomState},
    sync::{
        LazyLock,
        atomic::{AtomicU64, Ordering},
    },
};

/// A number that was never given out before, by this process or another one: as good as random, and not to be guessed.
pub fn unique() -> u128 {
    static NODE: LazyLock<[RandomState; 2]> = LazyLock::new(Default::default);
    static ATTEMPTS: AtomicU64 = AtomicU64::new(0);
    let attempt = (std::process::id(), ATTEMPTS.fetch_add(1, Ordering::Relaxed));
    let [high, low] = NODE.each_ref().map(|keyed| u128::from(keyed.hash_one(attempt)));
    high << 64 | low
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn no_two_attempts_have_one_number() {
        let numbers: HashSet<u128> = (0..10_000).map(|_| unique()).collect();
        assert_eq!(numbers.len(), 10_000);
        let halves: HashSet<u64> = numbers.iter().map(|number| (number >> 64) as u64).collect();
        assert_eq!(halves.len(), 10_000, "its beginning alone is as good, for where there is less room");
    }
}
