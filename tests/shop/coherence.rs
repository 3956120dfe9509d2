//! A price that is changed on one node, and read on both while Redis is frozen, killed, emptied and cut off.

use std::{
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use crate::support::{Node, Redis, Shop};

/// Δ of the default configuration, and what a reading of the coarse clock and a busy machine add.
const BOUND: Duration = Duration::from_millis(1000 + 100);

/// The deadline of what a request asks of Redis is 250 ms; the rest is for a busy machine.
const LONGEST: Duration = Duration::from_millis(600);

/// The prices that were put, each with the moment when the `PUT` was answered.
#[derive(Default)]
struct History {
    acknowledged: Mutex<Vec<(Instant, u64)>>,
    stop: AtomicBool,
    reads: AtomicU64,
    faults: Mutex<Vec<String>>,
    slowest: Mutex<Duration>,
    oldest: Mutex<Duration>,
}

impl History {
    fn fault(&self, what: String) {
        let mut faults = self.faults.lock().unwrap_or_else(PoisonError::into_inner);
        if faults.len() < 20 {
            faults.push(what);
        }
    }

    /// Puts one price after the other on a node.
    fn write(&self, node: &Node) {
        let mut price = 1000;
        while !self.stop.load(Ordering::Acquire) {
            price += 1;
            let reply = node.put("/products/1", &format!(r#"{{"price": {price}}}"#));
            if reply.status == 200 {
                let mut acknowledged = self.acknowledged.lock().unwrap_or_else(PoisonError::into_inner);
                acknowledged.push((Instant::now(), price));
            } else {
                self.fault(format!("PUT: {reply:?}"));
            }
            thread::sleep(Duration::from_millis(37));
        }
    }

    /// Reads the price on a node, where a write may go unseen for `bound`.
    fn read(&self, node: &Node, name: &str, bound: Duration) {
        while !self.stop.load(Ordering::Acquire) {
            let begun = Instant::now();
            let reply = node.get("/products/1");
            self.reads.fetch_add(1, Ordering::Relaxed);
            if reply.status != 200 || reply.took > LONGEST {
                self.fault(format!("{name} answered {} after {:?}", reply.status, reply.took));
                continue;
            }
            let mut slowest = self.slowest.lock().unwrap_or_else(PoisonError::into_inner);
            *slowest = reply.took.max(*slowest);
            drop(slowest);
            #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a whole price")]
            let price = reply.json()["price"].as_f64().unwrap_or_default() as u64;
            self.judge(name, begun, price, bound);
        }
    }

    fn judge(&self, name: &str, begun: Instant, price: u64, bound: Duration) {
        let acknowledged = self.acknowledged.lock().unwrap_or_else(PoisonError::into_inner);
        // The first newer price was there to be seen from this moment on.
        let newer = acknowledged.iter().find(|(at, newer)| *newer > price && *at < begun);
        let Some((at, newer)) = newer else { return };
        let age = begun.duration_since(*at);
        let mut oldest = self.oldest.lock().unwrap_or_else(PoisonError::into_inner);
        *oldest = age.max(*oldest);
        if age > bound {
            self.fault(format!("{name} showed {price} when {newer} had been acknowledged for {age:?}"));
        }
    }
}

#[test]
fn no_read_shows_an_old_price_past_the_bound_whatever_redis_does() {
    let (shop, mut redis) = (Shop::new(), Redis::start());
    let (writer, other) = (shop.node_with(&redis), shop.node_with(&redis));
    let history = History::default();
    let a_while = || thread::sleep(Duration::from_millis(1500));
    thread::scope(|scope| {
        scope.spawn(|| history.write(&writer));
        for _ in 0..2 {
            // The node that wrote never shows the old price once the `PUT` was answered.
            scope.spawn(|| history.read(&writer, "the writing node", Duration::ZERO));
            scope.spawn(|| history.read(&other, "the other node", BOUND));
        }
        a_while();
        redis.pause();
        a_while();
        redis.resume();
        a_while();
        redis.command(&["CLIENT", "KILL", "TYPE", "pubsub"]);
        a_while();
        redis.kill();
        a_while();
        redis.restart();
        a_while();
        redis.command(&["FLUSHALL"]);
        a_while();
        history.stop.store(true, Ordering::Release);
    });
    let faults = history.faults.into_inner().unwrap_or_else(PoisonError::into_inner);
    println!(
        "{} reads, the slowest {:?}; the oldest price was outdated for {:?}",
        history.reads.into_inner(),
        history.slowest.into_inner().unwrap_or_else(PoisonError::into_inner),
        history.oldest.into_inner().unwrap_or_else(PoisonError::into_inner),
    );
    assert!(faults.is_empty(), "{faults:#?}");
}
