//! Redis frozen, killed and started again under traffic.

use std::{
    fmt,
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    thread,
    time::Duration,
};

use serde_json::json;

use crate::support::{Node, Redis, Shop, eventually};

/// The deadline of what a request asks of Redis.
const DEADLINE: Duration = Duration::from_millis(250);

/// What a busy machine adds.
const MARGIN: Duration = Duration::from_millis(50);

/// The rest is for the database, and for a busy machine.
const LONGEST: Duration = Duration::from_millis(450);

#[test]
fn every_request_is_answered_in_time_whatever_redis_does() {
    let (shop, mut redis) = (Shop::new(), Redis::start());
    let node = shop.node_with(&redis);
    let traffic = Traffic::default();
    thread::scope(|scope| {
        traffic.goes_on("with Redis", || {
            for thread in 0..4 {
                let (traffic, node) = (&traffic, &node);
                scope.spawn(move || traffic.run(node, thread));
            }
        });
        traffic.goes_on("while Redis is frozen", || redis.pause());
        traffic.goes_on("after Redis went on", || redis.resume());
        traffic.goes_on("while Redis is gone", || redis.kill());
        traffic.goes_on("after Redis came back empty", || redis.restart());
        traffic.stop.store(true, Ordering::Release);
    });
    let faults = traffic.faults.into_inner().unwrap_or_else(PoisonError::into_inner);
    let phases = traffic.phases.into_inner().unwrap_or_else(PoisonError::into_inner);
    for phase in &phases {
        println!("{phase}");
    }
    assert!(faults.is_empty(), "{faults:#?}");
    // What a request takes besides, the database's time above all.
    let besides = phases[0].percentile(99) + MARGIN;
    for phase in &phases {
        assert!(phase.percentile(99) <= DEADLINE + besides, "{phase}");
    }
    used_again(&node);
}

#[test]
fn a_node_starts_and_serves_without_its_redis_and_finds_it_later() {
    let (shop, mut redis) = (Shop::new(), Redis::start());
    redis.kill();
    let node = shop.node_with(&redis);
    for target in ["/products/1", "/posts/1", "/users/1", "/products"] {
        let reply = node.get(target);
        assert_eq!(reply.status, 200, "{target}");
        assert!(reply.took < LONGEST, "{target} took {:?}", reply.took);
    }
    redis.restart();
    used_again(&node);
}

#[test]
fn an_outage_is_said_once() {
    let (shop, mut redis) = (Shop::new(), Redis::start());
    let node = shop.node_with(&redis);
    node.get("/posts/1");
    redis.kill();
    for id in 1..=100 {
        assert_eq!(node.get(&format!("/posts/{id}")).status, 200);
    }
    let log = node.log();
    assert_eq!(log.lines().filter(|line| line.contains("WARN") || line.contains("ERROR")).count(), 1, "{log}");
}

/// The tier goes on without its backplane; a refusal that is repeated is not news.
#[test]
fn a_backplane_that_is_refused_is_said_once_and_is_no_outage() {
    let (shop, redis) = (Shop::new(), Redis::start());
    redis.command(&["ACL", "SETUSER", "default", "-subscribe"]);
    let node = shop.node_with(&redis);
    eventually("it is tried again and again", || {
        assert_eq!(node.get("/posts/1").status, 200);
        let told = redis.told(&["INFO", "commandstats"], "cmdstat_subscribe").unwrap_or_default();
        let refused = told.split_once("rejected_calls=").and_then(|(_, rest)| rest.split(',').next()?.parse().ok());
        refused.unwrap_or(0_u32) >= 4
    });
    let log = node.log();
    let told: Vec<&str> = log.lines().filter(|line| line.contains("WARN") || line.contains("ERROR")).collect();
    assert!(matches!(told[..], [line] if line.contains("ERROR") && line.contains("the backplane refuses")), "{log}");
}

/// Frozen and not killed, so Redis still has the old values when it goes on.
#[test]
fn a_write_in_an_outage_reaches_redis_afterwards() {
    let (shop, redis) = (Shop::new(), Redis::start());
    let node = shop.node_with(&redis);
    for target in ["/products/1", "/products", "/users/1"] {
        node.get(target);
    }
    // A page carries the tag of its shelf; the others are invalidated by key.
    let old = ["shop:product:*", "shop:user:*", "shop:@tag:products"].map(|pattern| {
        let key = redis.command(&["KEYS", pattern]);
        let value = redis.command(&["GET", &key]);
        (key, value)
    });
    redis.pause();
    let price = node.put("/products/1", r#"{"price": 3.21}"#);
    assert_eq!((price.status, price.json()["invalidation"].clone()), (200, json!("queued")));
    let name = node.put("/users/1?name=Bob", "");
    assert_eq!((name.status, name.json()["invalidation"].clone()), (200, json!("queued")));
    is_new(&node);

    redis.resume();
    is_new(&node);
    eventually("the invalidations are sent", || {
        let now = old.iter().map(|(key, _)| redis.command(&["GET", key]));
        now.zip(&old).all(|(now, (_, old))| now != *old)
    });
    is_new(&shop.node_with(&redis));
}

fn is_new(node: &Node) {
    assert_eq!(node.get("/products/1").json()["price"], json!(3.21));
    assert_eq!(node.get("/products").json()["items"][0]["price"], json!(3.21));
    assert_eq!(node.get("/users/1").json()["name"], json!("Bob"));
}

/// A post that is asked for twice is loaded once, which takes a Redis that answers.
fn used_again(node: &Node) {
    let mut id = 3000;
    eventually("Redis is used again", || {
        id += 1;
        let target = format!("/posts/{id}");
        node.get(&target);
        let loads = node.loads("post");
        node.get(&target);
        node.loads("post") == loads
    });
}

/// How long requests took in one state of Redis.
struct Phase {
    when: &'static str,
    times: Vec<Duration>,
}

impl Phase {
    /// What so many of a hundred requests took at the most.
    fn percentile(&self, percent: usize) -> Duration {
        let mut times = self.times.clone();
        times.sort_unstable();
        let longer = (times.len() * (100 - percent)) / 100;
        times[times.len() - 1 - longer]
    }
}

impl fmt::Display for Phase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [half, most, all] = [50, 99, 100].map(|percent| self.percentile(percent));
        let Self { when, times } = self;
        write!(f, "{when}: {} requests, p50 {half:.1?}, p99 {most:.1?}, the slowest {all:.1?}", times.len())
    }
}

/// Requests from several threads, and what was wrong with any of them.
#[derive(Default)]
struct Traffic {
    stop: AtomicBool,
    begun: AtomicU64,
    answered: AtomicU64,
    faults: Mutex<Vec<String>>,
    phases: Mutex<Vec<Phase>>,
}

impl Traffic {
    fn run(&self, node: &Node, thread: u64) {
        for round in 1.. {
            if self.stop.load(Ordering::Acquire) {
                return;
            }
            let id = 1 + (round * 4 + thread) % 300;
            let target = match round % 4 {
                0 => format!("/products/{id}"),
                1 => format!("/posts/{id}"),
                2 => format!("/users/{id}"),
                _ => format!("/products?page={id}"),
            };
            self.begun.fetch_add(1, Ordering::AcqRel);
            let reply = node.get(&target);
            if reply.status != 200 || reply.took > LONGEST {
                let fault = format!("{target}: {} after {:?}", reply.status, reply.took);
                self.faults.lock().unwrap_or_else(PoisonError::into_inner).push(fault);
            }
            self.answered.fetch_add(1, Ordering::AcqRel);
            let mut phases = self.phases.lock().unwrap_or_else(PoisonError::into_inner);
            phases.last_mut().expect("traffic is in a phase").times.push(reply.took);
        }
    }

    /// Waits until as many requests are answered as began before the change, and 1000 more.
    fn goes_on(&self, when: &'static str, change: impl FnOnce()) {
        self.phases.lock().unwrap_or_else(PoisonError::into_inner).push(Phase { when, times: Vec::new() });
        change();
        let enough = self.begun.load(Ordering::Acquire) + 1000;
        eventually(&format!("traffic {when}"), || self.answered.load(Ordering::Acquire) >= enough);
    }
}
