//! Real parts for the tests: a `redis-server` that can be frozen, killed and started again, nodes of the shop, and a plain HTTP client.
#![allow(dead_code, unused_imports, reason = "each test binary uses a part of it")]

mod cluster;
mod http;
mod node;
mod redis;
mod sentinel;
mod tls;

use std::time::{Duration, Instant};

pub(crate) use self::cluster::RedisCluster;
pub(crate) use self::http::{Reply, Request};
pub(crate) use self::node::{Node, Shop, example};
pub(crate) use self::redis::{Redis, free_port, signal};
pub(crate) use self::sentinel::SentinelGroup;
pub(crate) use self::tls::Certified;

/// How long a test waits for a condition before it fails.
pub(crate) const DEADLINE: Duration = Duration::from_secs(20);

/// Polls until `condition` holds.
///
/// # Panics
///
/// If it does not hold within [`DEADLINE`]; `what` says what was waited for.
pub(crate) fn eventually(what: &str, mut condition: impl FnMut() -> bool) {
    let start = Instant::now();
    while !condition() {
        assert!(start.elapsed() < DEADLINE, "gave up waiting: {what}");
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// The same without blocking the test's runtime: other tasks go on meanwhile.
///
/// # Panics
///
/// As [`eventually`].
pub(crate) async fn until(what: &str, mut condition: impl AsyncFnMut() -> bool) {
    let start = Instant::now();
    while !condition().await {
        assert!(start.elapsed() < DEADLINE, "gave up waiting: {what}");
        tokio::task::yield_now().await;
    }
}
