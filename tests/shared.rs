//! The shared tier against a real `redis-server`: nodes are runtimes of one process here; `shop.rs` starts processes.
#![allow(clippy::unused_async, reason = "a loader of a test need not wait for anything")]

mod support;

use std::{
    sync::{
        Arc,
        atomic::{AtomicU32, AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use cachet_core::{
    Cachet, Invalidation, Origin, Tier, cached, invalidate_tag,
    testing::{Gate, InProcessTier, Nodes, Operation},
    tier::{Acquired, EntryId, Lease, Lookup, NewEntry, Read, Target, TierFuture, WriterId},
};
use support::{Redis, eventually, until};

/// A node of the namespace, with a memory of its own.
fn node(redis: &Redis, namespace: &str) -> Cachet {
    Cachet::builder().namespace(namespace).redis(redis.url()).build().expect("the configuration is valid")
}

static LOADS: AtomicU32 = AtomicU32::new(0);

#[cached(ttl = 3600, tier = "memory,redis", key = "{id}", name = "counted", tags = ["all", "id:{id}"])]
async fn counted(id: u64) -> Result<(u64, u32), String> {
    Ok((id, LOADS.fetch_add(1, Ordering::SeqCst)))
}

#[tokio::test]
async fn a_second_node_reads_what_the_first_one_loaded() {
    let redis = Redis::start();
    let (one, other) = (node(&redis, "read"), node(&redis, "read"));
    let loaded = one.scope(counted::fetch(1)).await.expect("it loads");
    assert_eq!(loaded.origin(), Origin::Loaded);
    let read = other.scope(counted::fetch(1)).await.expect("it is read");
    assert_eq!(read.origin(), Origin::Shared);
    assert_eq!((*read, read.validator()), (*loaded, loaded.validator()));
    assert!(read.remaining() > Duration::from_secs(3590) && read.remaining() <= Duration::from_hours(1));
    assert_eq!(other.scope(counted::fetch(1)).await.map(|hit| hit.origin()), Ok(Origin::Memory));
    assert_eq!(other.scope(async { counted::stats().loads }).await, 0);
    let keys = redis.command(&["KEYS", "read:counted:*:1"]);
    assert!(keys.contains("read:counted:"), "the key can be read by a person: {keys}");
}

#[tokio::test]
async fn an_invalidation_reaches_the_shared_tier_by_key_tag_function_and_namespace() {
    let redis = Redis::start();
    let (one, other) = (node(&redis, "invalidate"), node(&redis, "invalidate"));
    for by in ["key", "tag", "function", "namespace", "put"] {
        let old = one.scope(counted(2)).await;
        let done = one
            .scope(async {
                match by {
                    "key" => counted::invalidate(2).await,
                    "tag" => invalidate_tag("id:2").await,
                    "function" => counted::clear().await,
                    "namespace" => Cachet::current().clear().await,
                    _ => counted::put(2, (2, u32::MAX)).await,
                }
            })
            .await;
        assert_eq!(done, Invalidation::Done);
        assert_ne!(one.scope(counted(2)).await, old, "this node does not serve it again, by {by}");
        // A node without a memory of it, because the other one's is bounded by its `memory_ttl` only.
        let fresh = node(&redis, "invalidate");
        assert_ne!(fresh.scope(counted(2)).await, old, "nor does Redis, by {by}");
        drop(other.scope(counted(2)).await);
    }
}

/// Who: a load on one node, an invalidation on another. When: the load began before. What stops it: the invalidation
/// removes the lease, and a fill without its lease is refused.
#[tokio::test]
async fn a_load_that_began_before_another_nodes_invalidation_never_becomes_visible() {
    static ROW: AtomicU64 = AtomicU64::new(1);

    #[cached(ttl = 3600, tier = "memory,redis", skip(gate), tags = ["rows"])]
    async fn row(id: u8, gate: &Gate) -> u64 {
        let read = ROW.load(Ordering::SeqCst) + u64::from(id);
        gate.pass().await;
        read
    }

    let redis = Redis::start();
    let (one, other) = (node(&redis, "fill"), node(&redis, "fill"));
    for (id, by_tag) in [(0, false), (100, true)] {
        ROW.store(1, Ordering::SeqCst);
        let gate = Gate::closed();
        let writing = async {
            gate.arrived(1).await;
            ROW.store(2, Ordering::SeqCst);
            let done =
                other.scope(async { if by_tag { invalidate_tag("rows").await } else { row::invalidate(id).await } });
            assert!(done.await.is_done());
            gate.open();
        };
        let (loaded, ()) = tokio::join!(one.scope(row(id, &gate)), writing);
        assert_eq!(loaded, 1 + u64::from(id), "its own caller has the value it loaded");
        assert_eq!(other.scope(row(id, &gate)).await, 2 + u64::from(id), "nobody else has");
    }
}

#[cached(ttl = 3600, tier = "memory,redis", skip(gate))]
async fn gated(key: &str, gate: &Gate) -> String {
    gate.pass().await;
    key.to_owned()
}

#[tokio::test]
async fn two_nodes_that_miss_at_once_make_one_load() {
    let redis = Redis::start();
    let (one, other) = (node(&redis, "lease"), node(&redis, "lease"));
    let gate = Gate::closed();
    let opening = async {
        gate.arrived(1).await;
        for node in [&one, &other] {
            until("both nodes have looked", async || node.scope(async { gated::stats().misses }).await == 1).await;
        }
        gate.open();
    };
    let (leads, waits, ()) = tokio::join!(one.scope(gated("k", &gate)), other.scope(gated("k", &gate)), opening);
    assert_eq!((leads, waits), ("k".to_owned(), "k".to_owned()));
    assert_eq!(gate.arrivals(), 1);
}

#[cached(ttl = 3600, tier = "redis")]
async fn hot(id: u64) -> u64 {
    id
}

/// Who: a caller that asks for a hot key again and again, and others who join its flights after their command was sent.
/// When: each flight ends. What lets the others in: the first caller stands back before its next call.
#[tokio::test]
async fn a_caller_that_never_pauses_does_not_keep_others_from_a_hot_key() {
    let redis = Redis::start();
    let node = node(&redis, "hot");
    node.scope(hot(1)).await;
    let calls = std::sync::Arc::new([const { AtomicU32::new(0) }; 4]);
    let mut callers = tokio::task::JoinSet::new();
    for at in 0..calls.len() {
        let (node, calls) = (node.clone(), std::sync::Arc::clone(&calls));
        callers.spawn(async move {
            loop {
                node.scope(hot(1)).await;
                calls[at].fetch_add(1, Ordering::Relaxed);
            }
        });
    }
    until("everyone is answered", async || calls.iter().all(|calls| calls.load(Ordering::Relaxed) >= 20)).await;
}

/// Reads at the same time go in one exchange, so this asks for many, of which some are there, some are not, and some are
/// given up.
#[tokio::test]
async fn reads_that_go_together_have_their_own_answers() {
    #[cached(ttl = 3600, tier = "redis", tags = ["rest:{rest}"])]
    async fn many(id: u64, rest: u64) -> u64 {
        id + rest
    }

    let redis = Redis::start();
    let (one, other) = (node(&redis, "together"), node(&redis, "together"));
    for id in 0..100 {
        one.scope(many(id, id % 2)).await;
    }
    one.scope(invalidate_tag("rest:1")).await;
    let read = |id| {
        let other = other.clone();
        (id, tokio::spawn(async move { other.scope(async { many::fetch(id, id % 2).await }).await }))
    };
    let calls: Vec<_> = (0..150).map(read).collect();
    tokio::task::yield_now().await;
    calls.iter().filter(|(id, _)| id % 5 == 4).for_each(|(_, call)| call.abort());
    for (id, call) in calls.into_iter().filter(|(id, _)| id % 5 != 4) {
        let hit = call.await.expect("nothing panics");
        let origin = if id < 100 && id % 2 == 0 { Origin::Shared } else { Origin::Loaded };
        assert_eq!((*hit, hit.origin()), (id + id % 2, origin));
    }
}

#[tokio::test]
async fn a_cancelled_load_gives_its_lease_back() {
    let redis = Redis::start();
    let (one, other) = (node(&redis, "cancel"), node(&redis, "cancel"));
    let gate = Gate::closed();
    tokio::select! {
        _ = one.scope(gated("k", &gate)) => panic!("the load waits at its gate"),
        () = gate.arrived(1) => {}
    }
    gate.open();
    let begun = Instant::now();
    assert_eq!(other.scope(gated("k", &gate)).await, "k");
    assert!(begun.elapsed() < Duration::from_secs(4), "it did not wait for the lease of 5 s to end");
}

#[tokio::test]
async fn garbage_under_our_key_is_a_miss_and_overwritten() {
    let redis = Redis::start();
    let key = {
        let first = node(&redis, "garbage");
        first.scope(counted(3)).await.expect("it loads");
        redis.command(&["KEYS", "garbage:counted:*"]).lines().next().expect("there is an entry").trim().to_owned()
    };
    let whole = "V".to_owned() + &"0".repeat(120);
    for garbage in ["", "x", "L", "V", "garbage", "L0123", whole.as_str()] {
        redis.command(&["SET", &key, garbage, "PX", "600000"]);
        let (writer, reader) = (node(&redis, "garbage"), node(&redis, "garbage"));
        let loaded = writer.scope(counted::fetch(3)).await.expect("it loads");
        assert_eq!(loaded.origin(), Origin::Loaded, "{garbage:?} is no value");
        let read = reader.scope(counted::fetch(3)).await.expect("it is read");
        assert_eq!((read.origin(), *read), (Origin::Shared, *loaded), "{garbage:?} was overwritten");
    }
}

#[tokio::test]
async fn another_programs_type_under_our_key_costs_the_cache_and_not_the_call() {
    let redis = Redis::start();
    node(&redis, "type").scope(counted(4)).await.expect("it loads");
    let key = redis.command(&["KEYS", "type:counted:*"]).lines().next().expect("there is an entry").trim().to_owned();
    redis.command(&["DEL", &key]);
    redis.command(&["LPUSH", &key, "a list"]);
    let loaded = node(&redis, "type").scope(counted::fetch(4)).await.expect("it loads all the same");
    assert_eq!(loaded.origin(), Origin::Loaded);
}

#[tokio::test]
async fn an_outage_is_bounded_and_recovered_from() {
    let mut redis = Redis::start();
    let node = node(&redis, "outage");
    node.scope(counted(5)).await.expect("it loads");
    redis.pause();
    let begun = Instant::now();
    let loaded = node.scope(counted::fetch(6)).await.expect("a hung server is no error");
    assert_eq!(loaded.origin(), Origin::Loaded);
    assert!(begun.elapsed() < Duration::from_millis(750), "one deadline of 250 ms, and slack: {:?}", begun.elapsed());
    redis.resume();
    redis.kill();
    for id in 10..20 {
        node.scope(counted(id)).await.expect("a dead server is no error");
    }
    redis.restart();
    let mut id = 100;
    until("values reach the restarted server", async || {
        id += 1;
        node.scope(counted(id)).await.is_ok() && redis.command(&["KEYS", "outage:counted:*"]).contains("outage:counted")
    })
    .await;
}

#[tokio::test]
async fn a_node_that_starts_without_its_server_finds_it_later() {
    let mut redis = Redis::start();
    redis.kill();
    let node = node(&redis, "late");
    node.scope(counted(1)).await.expect("a missing server is no error");
    redis.restart();
    let mut id = 100;
    until("the server is found", async || {
        id += 1;
        node.scope(counted(id)).await.is_ok() && redis.command(&["KEYS", "late:counted:*"]).contains("late:counted")
    })
    .await;
}

/// Who: a writer, a frozen server that holds the old value. When: it answers again. What stops the old value: the
/// invalidation is kept, and the tier is not asked before it was sent.
#[tokio::test]
async fn an_invalidation_that_could_not_be_sent_is_sent_before_the_tier_is_believed_again() {
    let redis = Redis::start();
    let node = node(&redis, "queued");
    let old = node.scope(counted(7)).await;
    redis.pause();
    let queued = node.scope(counted::invalidate(7)).await;
    assert_eq!(queued, Invalidation::Queued);
    assert_ne!(node.scope(counted(7)).await, old);
    redis.resume();
    for _ in 0..50 {
        assert_ne!(node.scope(counted(7)).await, old, "the old value stays gone while the tier comes back");
    }
    eventually("the kept invalidation is sent", || !redis.command(&["KEYS", "queued:counted:*"]).contains("counted"));
    until("the tier is used again", async || {
        node.scope(async {
            counted::invalidate(7).await;
            counted::fetch(7).await.expect("it loads");
        })
        .await;
        redis.command(&["KEYS", "queued:counted:*"]).contains("counted")
    })
    .await;
}

#[tokio::test]
async fn what_an_earlier_life_of_the_server_left_is_a_miss() {
    let redis = Redis::start();
    node(&redis, "life").scope(counted(8)).await.expect("it loads");
    let key = redis.command(&["KEYS", "life:counted:*"]).lines().next().expect("there is an entry").trim().to_owned();
    // The same entry with the token of another incarnation, as a snapshot would bring it back.
    redis.command(&["SETRANGE", &key, "1", "00000000"]);
    let loaded = node(&redis, "life").scope(counted::fetch(8)).await.expect("it loads");
    assert_eq!(loaded.origin(), Origin::Loaded);
    let read = node(&redis, "life").scope(counted::fetch(8)).await.expect("it is read");
    assert_eq!(read.origin(), Origin::Shared);
}

mod old {
    use super::*;

    #[derive(Clone, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
    pub(super) struct Product {
        pub(super) name: String,
        pub(super) price: u32,
    }

    #[cached(ttl = 3600, tier = "redis", name = "product")]
    pub(super) async fn product(id: u64) -> Product {
        Product { name: id.to_string(), price: 1 }
    }
}

mod new {
    use super::*;

    #[derive(Clone, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
    pub(super) struct Product {
        pub(super) price: u32,
        pub(super) name: String,
    }

    #[cached(ttl = 3600, tier = "redis", name = "product")]
    pub(super) async fn product(id: u64) -> Product {
        Product { name: id.to_string(), price: 2 }
    }
}

#[tokio::test]
async fn functions_of_one_name_and_different_values_live_side_by_side() {
    let redis = Redis::start();
    let node = node(&redis, "shapes");
    for _ in 0..2 {
        assert_eq!(node.scope(old::product(1)).await.price, 1);
        assert_eq!(node.scope(new::product(1)).await.price, 2);
    }
    let loads = node.scope(async { (old::product::stats().loads, new::product::stats().loads) }).await;
    assert_eq!(loads, (1, 1));
}

#[tokio::test]
async fn the_redis_tier_keeps_the_promises_of_a_tier() {
    let redis = Redis::start();
    let tier = cachet_core::testing::redis_tier(redis.url()).expect("the URL is valid");
    cachet_core::testing::tier_conformance(tier, "suite").await.expect("the server answers");
}

#[test]
fn a_bad_configuration_is_an_error_that_names_its_field_and_no_secret() {
    for url in ["localhost", "http://127.0.0.1", "redis://user:hunter2@127.0.0.1:port", ""] {
        let error = Cachet::builder().redis(url).build().expect_err("it is no URL of a Redis").to_string();
        assert!(error.contains("`redis`") && !error.contains("hunter2"), "{error}");
    }
    let error = Cachet::builder().namespace("a b").memory_only().build().expect_err("it has a space").to_string();
    assert!(error.contains("`namespace`"), "{error}");
    assert!(Cachet::builder().deadline(Duration::ZERO).memory_only().build().is_err());
}

/// A value that only a codec which describes itself can read back.
#[derive(Clone, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
struct Flat {
    id: u64,
    #[serde(flatten)]
    more: std::collections::BTreeMap<String, String>,
}

#[derive(Clone, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
enum Missing {
    Row(u64),
    Table,
}

#[cached(ttl = 60, tier = "redis", codec = "json", name = "flat")]
async fn flat(id: u64) -> Flat {
    Flat { id, more: [("a".to_owned(), "b".to_owned())].into() }
}

#[cached(ttl = 60, tier = "redis", codec = "postcard", name = "packed")]
async fn packed(id: u64) -> (u64, String) {
    (id, "x".into())
}

#[cached(ttl = 60, tier = "redis", error_ttl = (Row(_) = "1m"), name = "rows")]
async fn row_or_error(id: u64) -> Result<u64, Missing> {
    match id {
        0 => Err(Missing::Table),
        1..5 => Err(Missing::Row(id)),
        _ => Ok(id),
    }
}

#[tokio::test]
async fn every_codec_brings_its_values_to_another_node() {
    let redis = Redis::start();
    let node = || Cachet::builder().redis(redis.url()).namespace("codecs").build().expect("a good configuration");
    let (one, other) = (node(), node());
    one.scope(async { (flat(1).await, packed(1).await) }).await;
    other
        .scope(async {
            assert_eq!(flat(1).await.more["a"], "b");
            assert_eq!(packed(1).await, (1, "x".into()));
            assert_eq!((flat::stats().loads, packed::stats().loads), (0, 0));
        })
        .await;
}

#[tokio::test]
async fn errors_that_are_kept_reach_another_node_as_errors() {
    let redis = Redis::start();
    let node = || Cachet::builder().redis(redis.url()).namespace("errors").build().expect("a good configuration");
    let (one, other) = (node(), node());
    one.scope(async { (row_or_error(0).await, row_or_error(1).await, row_or_error(9).await) })
        .await
        .2
        .expect("there is a ninth row");
    other
        .scope(async {
            assert_eq!(row_or_error(1).await, Err(Missing::Row(1)));
            assert_eq!(row_or_error(9).await, Ok(9));
            assert_eq!(row_or_error::stats().loads, 0);
            assert_eq!(row_or_error(0).await, Err(Missing::Table));
            assert_eq!(row_or_error::stats().loads, 1, "this one is not kept");
        })
        .await;
}

/// A tier that says one thing to readers and another to those who want a lease.
#[derive(Debug)]
struct Contradicting {
    tier: InProcessTier,
    answer: Acquired,
    asked: Arc<AtomicU64>,
}

impl Tier for Contradicting {
    fn name(&self) -> &'static str {
        "contradicting"
    }

    fn read(&self, _: Lookup) -> TierFuture<'_, Read> {
        self.asked.fetch_add(1, Ordering::SeqCst);
        Box::pin(async { Ok(Read::Miss { dead: Some(EntryId([0; 32])) }) })
    }

    fn acquire(&self, _: Lookup, _: Duration, _: Option<EntryId>) -> TierFuture<'_, Acquired> {
        self.asked.fetch_add(1, Ordering::SeqCst);
        Box::pin(async { Ok(self.answer) })
    }

    fn refresh(&self, lookup: Lookup, lease: Duration, seen: EntryId) -> TierFuture<'_, Acquired> {
        self.tier.refresh(lookup, lease, seen)
    }

    fn fill(&self, lookup: Lookup, lease: Lease, entry: NewEntry) -> TierFuture<'_, bool> {
        self.tier.fill(lookup, lease, entry)
    }

    fn release(&self, lookup: Lookup, lease: Lease) -> TierFuture<'_, bool> {
        self.tier.release(lookup, lease)
    }

    fn invalidate(&self, target: Target) -> TierFuture<'_, ()> {
        self.tier.invalidate(target)
    }

    fn fence(&self, targets: Vec<Target>, writer: WriterId, time: Duration) -> TierFuture<'_, ()> {
        self.tier.fence(targets, writer, time)
    }

    fn lift(&self, targets: Vec<Target>, writer: WriterId) -> TierFuture<'_, ()> {
        self.tier.lift(targets, writer)
    }

    fn probe(&self) -> TierFuture<'_, ()> {
        self.tier.probe()
    }
}

#[tokio::test]
async fn a_tier_that_contradicts_itself_is_asked_in_growing_pauses_for_a_lease_and_then_done_without() {
    #[cached(ttl = 3600, tier = "redis")]
    async fn plain(id: u64) -> u64 {
        id
    }

    for answer in [Acquired::Filled, Acquired::Held(Duration::from_millis(1))] {
        let asked = Arc::new(AtomicU64::new(0));
        let tier = Contradicting { tier: InProcessTier::new(), answer, asked: Arc::clone(&asked) };
        let node = Cachet::builder().shared_tier(tier).lease(Duration::from_millis(300)).build();
        let node = node.expect("the configuration is valid");
        assert_eq!(node.scope(plain(1)).await, 1);
        let asked = asked.load(Ordering::SeqCst);
        // Without pauses they are some hundred thousand; with one of a millisecond each, some hundred.
        assert!((4..=60).contains(&asked), "{answer:?}: {asked}");
    }
}

#[tokio::test]
async fn nobody_polls_for_callers_who_went_away() {
    #[cached(ttl = 3600, tier = "redis", skip(gate))]
    async fn gated(id: u64, gate: &Gate) -> u64 {
        gate.pass().await;
        id
    }

    let (nodes, gate) = (Nodes::new(), Gate::closed());
    let [one, other, third] = nodes.start();
    let loading = one.scope(gated(1, &gate));
    let leaving = async {
        gate.arrived(1).await;
        let reads = || other.faults().calls(Operation::Read);
        for _ in 0..20 {
            // It has been told that the key is being loaded, and looks again.
            tokio::select! {
                _ = other.scope(gated(1, &gate)) => panic!("the load is not over"),
                () = other.faults().called(Operation::Read, reads() + 3) => {}
            }
        }
        let before = reads();
        // One who does wait is a clock: he looks every 20 ms at the longest.
        tokio::select! {
            _ = third.scope(gated(1, &gate)) => panic!("the load is not over"),
            () = third.faults().called(Operation::Read, 10) => {}
        }
        assert_eq!(reads(), before);
        gate.open();
    };
    tokio::join!(loading, leaving);
}
