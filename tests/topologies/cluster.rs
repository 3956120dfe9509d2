//! Three masters with a replica each: all of it in one test, because it takes seconds to set up and is changed by what
//! happens to it.

use std::{
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

use cachet_core::{
    Invalidation, Origin, Redis,
    testing::redis_tier,
    tier::{Inbox, Target},
};

use crate::{
    joins_two_nodes, keeps_the_promises, node, numbered, origin, read, ready_node,
    support::{self, RedisCluster, eventually},
    until,
};

#[tokio::test]
async fn a_cluster_keeps_the_promises_while_slots_move_and_masters_change() {
    let cluster = RedisCluster::start();
    let redis = Redis::url(cluster.url());
    keeps_the_promises(&redis, "cluster").await;
    joins_two_nodes(&redis, "cluster").await;
    every_change_is_told_once(&redis).await;
    scripts_that_servers_forgot_are_sent_again(&cluster, &redis).await;
    an_outage_of_one_master_opens_no_connections_to_the_others(&cluster, &redis).await;
    a_slot_on_its_way_is_followed(&cluster, &redis, "moving").await;
    crate::acl::a_user_with_few_rights_suffices_in_a_cluster(&cluster).await;
    a_promoted_replica_is_followed(&cluster, &redis).await;
}

/// Who: all nodes, again and again. When: one master hangs. What keeps the others from being stormed: who has which slot is
/// asked over the connections that there are.
async fn an_outage_of_one_master_opens_no_connections_to_the_others(cluster: &RedisCluster, redis: &Redis) {
    const TRIES: u64 = 10;
    let tier = redis_tier(redis.clone()).expect("the configuration is valid");
    until("there are connections", async || tier.probe().await.is_ok()).await;
    let [hung, well @ ..] = &cluster.masters()[..] else { panic!("there are three") };
    let pair = [*hung, cluster.replica_of(*hung)].map(|at| cluster.server(at));
    let opened = || {
        let number = |at: &usize| cluster.server(*at).told(&["INFO", "stats"], "total_connections_received");
        well.iter().map(|at| number(at).and_then(|number| number.parse().ok()).unwrap_or(0_u64)).sum::<u64>()
    };
    let before = opened();
    pair.into_iter().for_each(support::Redis::pause);
    for _ in 0..TRIES {
        let probing = tokio::time::timeout(Duration::from_millis(150), tier.probe());
        assert!(!probing.await.is_ok_and(|answer| answer.is_ok()), "a master hangs");
    }
    let opened = opened() - before;
    pair.into_iter().for_each(support::Redis::resume);
    // The test has asked each of them once meanwhile. A lane may have waited for its first use.
    assert!(opened < TRIES, "{opened} connections in {TRIES} tries");
    until("every slot is somebody's", async || cluster.is_whole() && tier.probe().await.is_ok()).await;
}

/// A Cluster hands on to all of its nodes what any of them publishes.
async fn every_change_is_told_once(redis: &Redis) {
    let tier = redis_tier(redis.clone()).expect("the configuration is valid");
    let told: Arc<Mutex<Vec<String>>> = Arc::default();
    let taken = Arc::clone(&told);
    let inbox = Inbox::new(move |news| taken.lock().expect("nobody panicked").push(format!("{news:?}")));
    let subscription = tier.backplane().expect("it has one").subscribe(inbox).await.expect("the servers answer");
    for turn in 0..2 {
        for at in 0..50 {
            let target = Target::Entry(format!("told:{turn}:{at}").into());
            tier.invalidate(target).await.expect("the servers answer");
        }
        subscription.heartbeat().await.expect("the servers answer");
    }
    let mut told = told.lock().expect("nobody panicked").clone();
    let count = told.len();
    told.sort_unstable();
    told.dedup();
    assert_eq!((told.len(), count), (100, 100));
}

async fn scripts_that_servers_forgot_are_sent_again(cluster: &RedisCluster, redis: &Redis) {
    for at in cluster.masters() {
        cluster.server(at).command(&["SCRIPT", "FLUSH"]);
    }
    keeps_the_promises(redis, "forgotten").await;
}

pub(crate) async fn a_slot_on_its_way_is_followed(cluster: &RedisCluster, redis: &Redis, namespace: &str) {
    let one = ready_node(redis.clone(), namespace).await;
    let first = read(&one, 1).await;
    let key = cluster.key_like(&format!("{namespace}:numbered:*:1"));
    let (slot, from) = (cluster.slot(&key), cluster.owner(&key));
    let to = *cluster.masters().iter().find(|at| **at != from).expect("there are three");
    cluster.begin_migration(&slot, from, to);
    let fresh = ready_node(redis.clone(), namespace).await;
    let shared = fresh.scope(numbered::fetch(1)).await;
    assert_eq!((*shared, shared.origin()), (first, Origin::Shared), "it is where it was");
    assert_eq!(one.scope(numbered::invalidate(1)).await, Invalidation::Done);
    // The key is gone where it was, so it is asked for where it will be.
    let second = read(&one, 1).await;
    assert_ne!(second, first);
    let shared = ready_node(redis.clone(), namespace).await.scope(numbered::fetch(1)).await;
    assert_eq!((*shared, shared.origin()), (second, Origin::Shared));
    cluster.end_migration(&slot, from, to);
    let shared = ready_node(redis.clone(), namespace).await.scope(numbered::fetch(1)).await;
    assert_eq!((*shared, shared.origin()), (second, Origin::Shared), "it was stored by its new master");
    assert_eq!(fresh.scope(numbered::invalidate(1)).await, Invalidation::Done, "a node that knew the old one follows");
    until("the news come from the new master", async || read(&one, 1).await != second).await;
}

pub(crate) async fn a_promoted_replica_is_followed(cluster: &RedisCluster, redis: &Redis) {
    let one = ready_node(redis.clone(), "promoted").await;
    let old = read(&one, 1).await;
    let before = cluster.owner(&cluster.key_like("promoted:numbered:*:1"));
    let replica = cluster.replica_of(before);
    cluster.server(replica).command(&["CLUSTER", "FAILOVER"]);
    let begun = Instant::now();
    eventually("the replica is the master", || cluster.masters().contains(&replica));
    // It is kept if nobody is the master just then.
    one.scope(numbered::invalidate(1)).await;
    assert_ne!(read(&one, 1).await, old);
    until("the new master is used", async || {
        let fresh = node(redis.clone(), "promoted");
        read(&one, 1).await;
        origin(&fresh, 1).await == Origin::Shared
    })
    .await;
    println!("a promoted replica is used after {:?}", begun.elapsed());
    assert!(one.is_ready(Duration::from_secs(5)).await, "it hears of the new master's news");
}
