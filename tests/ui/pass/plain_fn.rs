//! A plain `fn`: the same controls without `async`; it runs.
#![deny(warnings, missing_docs, unreachable_pub)]

use cachet_core::{Cached, Invalidation, cached};

#[cached(ttl = "1h 30m", capacity = 10, name = "square", version = 2)]
fn square(mut n: u64) -> u64 {
    n *= n;
    n
}

/// Nobody calls its controls.
#[cached(ttl = 1)]
fn lonely() {}

fn main() {
    lonely();
    assert_eq!((square(4), square(4)), (16, 16));
    assert_eq!(square::stats().loads, 1);
    let peeked: Option<Cached<u64>> = square::peek(4);
    assert_eq!(peeked.map(Cached::into_inner), Some(16));
    let _: Invalidation = square::invalidate(4);
    assert!(square::peek(4).is_none());
    let _: Invalidation = square::put(4, 17);
    assert_eq!((square(4), square::refresh(4)), (17, 16));
    let fetched: Cached<u64> = square::fetch(4);
    assert_eq!(*fetched, 16);
    let _: Invalidation = square::clear();
    assert!(square::peek(4).is_none());
}
