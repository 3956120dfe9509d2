//! `examples/shop` as its users meet it: processes over HTTP, a real database, a real Redis.

mod alone;
mod coherence;
mod nodes;
mod outages;
mod refusals;
mod start;
mod writes;

#[path = "../support/mod.rs"]
mod support;

use std::thread;

use support::Reply;

/// Makes the same request from `count` threads at once.
fn at_once(count: usize, request: impl Fn() -> Reply + Sync) -> Vec<Reply> {
    thread::scope(|scope| {
        let threads: Vec<_> = (0..count).map(|_| scope.spawn(&request)).collect();
        threads.into_iter().map(|thread| thread.join().expect("no request panics")).collect()
    })
}
