//! Requests for keys, the same in every run.

use rand::{RngExt, SeedableRng, rngs::Xoshiro256PlusPlus};
use rand_distr::Zipf;

/// Keys from zero to this one, without it.
pub const KEYS: u64 = 10_000;

/// A stride that visits every key once: it has no factor in common with [`KEYS`].
const STRIDE: u64 = 7_919;

/// `n` requests, popular by Zipf's law: the key of rank r is asked for as often as r to the power of -`exponent`.
pub fn zipf(n: usize, exponent: f64, seed: u64) -> Vec<u64> {
    ranks(exponent, seed).map(key).take(n).collect()
}

/// Zipf, but after each 2 000 requests come 1 000 for keys that nobody asks for again.
pub fn scan(n: usize, exponent: f64, seed: u64) -> Vec<u64> {
    let mut popular = ranks(exponent, seed).map(key);
    let mut once = KEYS..;
    (0..n).filter_map(|at| if at % 3_000 < 2_000 { popular.next() } else { once.next() }).collect()
}

/// All keys in turn, again and again.
pub fn around(n: usize) -> Vec<u64> {
    (0..KEYS).cycle().take(n).collect()
}

/// Zipf, but every 100 requests each key becomes a little more popular, and the most popular one the least.
pub fn drift(n: usize, exponent: f64, seed: u64) -> Vec<u64> {
    ranks(exponent, seed).zip(0u64..).map(|(rank, at)| key((rank + at / 100) % KEYS)).take(n).collect()
}

/// `n` requests for keys below `keys`, each equally popular.
pub fn uniform(n: usize, keys: u64, seed: u64) -> Vec<u64> {
    let mut random = Xoshiro256PlusPlus::seed_from_u64(seed);
    (0..n).map(|_| random.random_range(0..keys)).collect()
}

/// Ranks from zero.
fn ranks(exponent: f64, seed: u64) -> impl Iterator<Item = u64> {
    let keys = f64::from(u32::try_from(KEYS).expect("it is small"));
    let zipf = Zipf::new(keys, exponent).expect("the exponent is positive");
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "ranks are whole, from 1 to KEYS")]
    Xoshiro256PlusPlus::seed_from_u64(seed).sample_iter(zipf).map(|rank| rank as u64 - 1)
}

/// The key of a rank: neighbours in popularity are not neighbours in number.
fn key(rank: u64) -> u64 {
    rank * STRIDE % KEYS
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_trace_is_the_same_in_every_run() {
        assert_eq!(zipf(1000, 0.9, 1), zipf(1000, 0.9, 1));
        assert_ne!(zipf(1000, 0.9, 1), zipf(1000, 0.9, 2));
    }

    #[test]
    fn a_rank_is_half_as_popular_as_the_one_of_half_its_number() {
        let requests = zipf(1_000_000, 1.0, 1);
        let count = |rank: u64| requests.iter().filter(|&&request| request == key(rank - 1)).count();
        let (fourth, eighth) = (count(4), count(8));
        assert!((eighth * 19 / 10..eighth * 21 / 10).contains(&fourth), "{fourth} and {eighth}");
    }

    #[test]
    fn a_scan_asks_for_its_keys_once() {
        let mut scanned: Vec<_> = scan(9_000, 0.9, 1).into_iter().filter(|&key| key >= KEYS).collect();
        assert_eq!(scanned.len(), 3_000);
        scanned.dedup();
        assert_eq!(scanned.len(), 3_000);
    }

    #[test]
    fn popularity_drifts() {
        let requests = drift(1_000_000, 1.0, 1);
        let most_popular = |requests: &[u64]| {
            let count = |key: u64| requests.iter().filter(|&&request| request == key).count();
            (0..KEYS).max_by_key(|&key| count(key))
        };
        assert_ne!(most_popular(&requests[..1_000]), most_popular(&requests[999_000..]));
    }
}
