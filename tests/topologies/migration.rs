//! A slot on its way from one master to another, full of keys that are read, written and named together all the time.

use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use cachet_core::{Cachet, Invalidation, Origin, Redis, cached, invalidate_tag};

use crate::{ready_node, support::RedisCluster, until};

const KEYS: usize = 200;

/// The longest that another node may serve what was invalidated: by default.
const BOUND: Duration = Duration::from_secs(1);

/// The source: a number for each key, which a writer makes greater.
static ROWS: [AtomicU64; KEYS] = [const { AtomicU64::new(0) }; KEYS];

/// An entry and its own tags are in one slot, with those of all others.
#[cached(ttl = 3600, tier = "memory,redis", key = "{{slot}}{id}", name = "crowded", tags = ["{{slot}}of:{id}", "{{slot}}all"])]
async fn crowded(id: usize) -> u64 {
    ROWS[id].load(Ordering::SeqCst)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_slot_moves_under_load_and_no_call_notices() {
    let cluster = Arc::new(RedisCluster::start());
    let redis = Redis::url(cluster.url());
    let (one, other) = (ready_node(redis.clone(), "crowd").await, ready_node(redis.clone(), "crowd").await);
    for id in 0..KEYS {
        one.scope(crowded(id)).await;
    }
    let (slot, from) = (cluster.slot("slot"), cluster.owner("{slot}"));
    let to = *cluster.masters().iter().find(|at| **at != from).expect("there are three");
    cluster.begin_migration(&slot, from, to);
    keys_that_are_half_there_are_asked_for_one_by_one(&cluster, &redis, from, to).await;
    let crowd = Crowd { nodes: [one, other], is_over: AtomicBool::new(false), told: Default::default() };
    let moving = async {
        let cluster = Arc::clone(&cluster);
        let moving = move || cluster.end_migration_by_pieces(&slot, from, to, Duration::from_millis(10));
        tokio::task::spawn_blocking(moving).await.expect("the slot moves");
        crowd.is_over.store(true, Ordering::SeqCst);
    };
    let ((), writes, _, reads, _) =
        tokio::join!(moving, crowd.writes(0), crowd.writes(1), crowd.reads(0), crowd.reads(1));
    println!("{writes} writes and {reads} reads on the first of two nodes");
    assert!(writes > 10 && reads > 10, "{writes} writes and {reads} reads are no load");
    for node in &crowd.nodes {
        assert_eq!(node.scope(async { crowded::stats().bypassed }).await, 0, "the tier answered every call");
    }
    assert_eq!(cluster.owner("{slot}"), to, "it has moved");
    a_master_without_slots_is_listened_to_as_well(&cluster, &redis, to).await;
}

/// Who: a master that has no slot yet. When: keys of one that is on its way to it are there already, and are invalidated
/// there. What tells the others: the slot's old master says where it goes.
async fn a_master_without_slots_is_listened_to_as_well(cluster: &RedisCluster, redis: &Redis, from: usize) {
    let (one, other) = (ready_node(redis.clone(), "empty").await, ready_node(redis.clone(), "empty").await);
    let new = cluster.replica_of(from);
    cluster.make_a_master_without_slots(new);
    cluster.begin_migration(&cluster.slot("slot"), from, new);
    until("both have in memory what is at the new master", async || {
        one.scope(crowded(2)).await;
        other.scope(crowded::fetch(2)).await.origin() == Origin::Memory
            && cluster.server(new).command(&["KEYS", "empty:crowded:*{slot}2"]).contains("crowded")
    })
    .await;
    let version = ROWS[2].fetch_add(1, Ordering::SeqCst) + 1;
    assert_eq!(one.scope(crowded::invalidate(2)).await, Invalidation::Done);
    until("the other node hears of it", async || other.scope(crowded(2)).await == version).await;
}

/// A server answers a command that names several keys of a slot that moves only if it has all of them.
async fn keys_that_are_half_there_are_asked_for_one_by_one(
    cluster: &RedisCluster,
    redis: &Redis,
    from: usize,
    to: usize,
) {
    cluster.move_key("crowd:@tag:{slot}of:1", from, to);
    let together = ["MGET", "crowd:@tag:{slot}of:1", "crowd:@tag:{slot}all"];
    let refused = cluster.server(from).answer(&together).expect("the master answers");
    assert!(refused.starts_with("(error) TRYAGAIN"), "{refused}");
    let fresh = async || ready_node(redis.clone(), "crowd").await;
    let (first, second) = (fresh().await, fresh().await);
    // The version of the tag is of another server, so it is loaded once more.
    let loaded = first.scope(crowded::fetch(1)).await;
    assert_eq!(loaded.origin(), Origin::Loaded);
    let shared = second.scope(crowded::fetch(1)).await;
    assert_eq!((*shared, shared.origin()), (*loaded, Origin::Shared));
    ROWS[1].fetch_add(1, Ordering::SeqCst);
    assert_eq!(first.scope(invalidate_tag("{slot}of:1")).await, Invalidation::Done);
    assert_eq!(first.scope(crowded(1)).await, *loaded + 1);
    assert_eq!(fresh().await.scope(crowded(1)).await, *loaded + 1);
    for node in [&first, &second] {
        assert_eq!(node.scope(async { crowded::stats().bypassed }).await, 0, "the tier answered every call");
    }
}

/// Two nodes with much to do.
struct Crowd {
    nodes: [Cachet; 2],
    is_over: AtomicBool,
    /// What was acknowledged of each key on each node: the number, and when it was.
    told: [Told; 2],
}

#[derive(Default)]
struct Told(Mutex<HashMap<usize, Vec<(u64, Instant)>>>);

impl Told {
    fn note(&self, id: usize, version: u64) {
        let mut told = self.0.lock().expect("nobody panicked");
        told.entry(id).or_default().push((version, Instant::now()));
    }

    /// The latest that was acknowledged by then.
    fn by(&self, id: usize, then: Instant) -> u64 {
        let told = self.0.lock().expect("nobody panicked");
        let versions = told.get(&id).into_iter().flatten();
        versions.filter(|(_, at)| *at <= then).map(|(version, _)| *version).max().unwrap_or_default()
    }
}

impl Crowd {
    /// Changes row after row, and invalidates each, by key or by tag.
    async fn writes(&self, at: usize) -> u64 {
        let mut written = 0;
        while !self.is_over.load(Ordering::SeqCst) {
            let id = fastrand::usize(0..KEYS);
            let version = ROWS[id].fetch_add(1, Ordering::SeqCst) + 1;
            let told = self.nodes[at].scope(async {
                if fastrand::bool() {
                    crowded::invalidate(id).await
                } else {
                    invalidate_tag(format!("{{slot}}of:{id}")).await
                }
            });
            assert_eq!(told.await, Invalidation::Done);
            self.told[at].note(id, version);
            written += 1;
        }
        written
    }

    /// Reads row after row, each as new as was promised.
    async fn reads(&self, at: usize) -> u64 {
        let mut read = 0;
        while !self.is_over.load(Ordering::SeqCst) {
            let (id, begun) = (fastrand::usize(0..KEYS), Instant::now());
            let own = self.told[at].by(id, begun);
            let others = self.told[1 - at].by(id, begun.checked_sub(BOUND).expect("the machine runs for longer"));
            let version = self.nodes[at].scope(crowded(id)).await;
            assert!(version >= own.max(others), "{id}: {version} after {own} here and {others} there");
            read += 1;
        }
        read
    }
}
