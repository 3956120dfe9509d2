//! Belady's optimum: what a cache that knows the future hits.
//!
//! L. A. Belady, "A study of replacement algorithms for a virtual-storage computer", IBM Systems Journal 5(2), 1966. A
//! value that is needed later than every cached one is not kept, as the engines may refuse one too.

use std::collections::{BTreeSet, HashMap};

/// How many of the requests a cache of this many entries can hit at most.
pub fn hits(requests: &[u64], capacity: usize) -> usize {
    let next = next_uses(requests);
    // When each cached key is needed next, and which key that is; and the same by key.
    let mut uses = BTreeSet::new();
    let mut cached = HashMap::new();
    let mut hits = 0;
    for (&key, &next) in requests.iter().zip(&next) {
        if let Some(now) = cached.insert(key, next) {
            hits += 1;
            uses.remove(&(now, key));
        }
        uses.insert((next, key));
        if cached.len() > capacity
            && let Some((_, last)) = uses.pop_last()
        {
            cached.remove(&last);
        }
    }
    hits
}

/// For each request, the place of the next one for its key.
fn next_uses(requests: &[u64]) -> Vec<usize> {
    let mut seen = HashMap::new();
    let mut next: Vec<_> =
        requests.iter().enumerate().rev().map(|(at, &key)| seen.insert(key, at).unwrap_or(usize::MAX)).collect();
    next.reverse();
    next
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_needed_last_makes_way() {
        // Two entries: 3 is never needed again and not kept, so that 1 and 2 are hits.
        assert_eq!(hits(&[1, 2, 3, 1, 2], 2), 2);
    }

    #[test]
    fn a_loop_keeps_all_but_one_of_its_entries() {
        // Of a loop over three keys, one entry hits every third request.
        assert_eq!(hits(&[1, 2, 3, 1, 2, 3, 1, 2, 3], 1), 2);
    }
}
