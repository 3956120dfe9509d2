//! What a cached function may return.
#![deny(warnings, missing_docs, unreachable_pub)]

use std::{sync::Arc, time::Duration};

use cachet_core::{Cached, cached};

type Fallible<T> = Result<T, String>;

#[cached(ttl = 60)]
fn unit() {}

#[cached(ttl = Duration::from_millis(2500))]
fn shared(n: u64) -> Arc<[u64]> {
    [n].into()
}

#[cached(ttl = 60, negative_ttl = "10s")]
fn option(n: u64) -> Option<&'static str> {
    (n > 0).then_some("some")
}

#[cached(ttl = 60, negative_ttl = 10, memory_ttl = "30s")]
fn result_of_option(n: u64) -> Fallible<Option<u64>> {
    if n > 9 { Err("large".into()) } else { Ok((n > 0).then_some(n)) }
}

fn main() {
    unit();
    assert_eq!(shared(1)[0], 1);
    let fetched: Option<Cached<&str>> = option::fetch(0);
    assert!(fetched.is_none());
    let fetched: Fallible<Option<Cached<u64>>> = result_of_option::fetch(1);
    assert_eq!(fetched.map(|cached| cached.map(Cached::into_inner)), Ok(Some(1)));
}
