//! Three masters with a replica each: all of it in one test, because it takes seconds to set up and is changed by what
//! happens to it.

use std::time::{Duration, Instant};

use cachet_core::{Cachet, Invalidation, Origin, Redis, invalidate_tag};

use crate::{
    joins_two_nodes, keeps_the_promises, node, numbered, origin, read, ready_node,
    support::{RedisCluster, eventually},
    until,
};

#[tokio::test]
async fn a_cluster_keeps_the_promises_while_slots_move_and_masters_die() {
    let mut cluster = RedisCluster::start();
    let redis = Redis::url(cluster.url());
    keeps_the_promises(&redis, "cluster").await;
    joins_two_nodes(&redis, "cluster").await;
    scripts_that_servers_forgot_are_sent_again(&cluster, &redis).await;
    a_slot_on_its_way_is_followed(&cluster, &redis).await;
    a_promoted_replica_is_followed(&cluster, &redis).await;
    a_failover_brings_no_value_and_no_version_back(&mut cluster, &redis).await;
}

async fn scripts_that_servers_forgot_are_sent_again(cluster: &RedisCluster, redis: &Redis) {
    for at in cluster.masters() {
        cluster.server(at).command(&["SCRIPT", "FLUSH"]);
    }
    keeps_the_promises(redis, "forgotten").await;
}

/// The one key on any master that matches.
fn key_like(cluster: &RedisCluster, pattern: &str) -> String {
    let found = |at: usize| cluster.server(at).command(&["KEYS", pattern]);
    cluster.masters().into_iter().map(found).find(|keys| !keys.is_empty()).expect("a master has the key")
}

pub(crate) async fn a_slot_on_its_way_is_followed(cluster: &RedisCluster, redis: &Redis) {
    let one = ready_node(redis.clone(), "moving").await;
    let first = read(&one, 1).await;
    let key = key_like(cluster, "moving:numbered:*:1");
    let (slot, from) = (cluster.slot(&key), cluster.owner(&key));
    let to = *cluster.masters().iter().find(|at| **at != from).expect("there are three");
    cluster.begin_migration(&slot, from, to);
    let fresh = ready_node(redis.clone(), "moving").await;
    let shared = fresh.scope(numbered::fetch(1)).await;
    assert_eq!((*shared, shared.origin()), (first, Origin::Shared), "it is where it was");
    assert_eq!(one.scope(numbered::invalidate(1)).await, Invalidation::Done);
    // The key is gone where it was, so it is asked for where it will be.
    let second = read(&one, 1).await;
    assert_ne!(second, first);
    let shared = ready_node(redis.clone(), "moving").await.scope(numbered::fetch(1)).await;
    assert_eq!((*shared, shared.origin()), (second, Origin::Shared));
    cluster.end_migration(&slot, from, to);
    let shared = ready_node(redis.clone(), "moving").await.scope(numbered::fetch(1)).await;
    assert_eq!((*shared, shared.origin()), (second, Origin::Shared), "it was stored by its new master");
    assert_eq!(fresh.scope(numbered::invalidate(1)).await, Invalidation::Done, "a node that knew the old one follows");
    until("the news come from the new master", async || read(&one, 1).await != second).await;
}

pub(crate) async fn a_promoted_replica_is_followed(cluster: &RedisCluster, redis: &Redis) {
    let one = ready_node(redis.clone(), "promoted").await;
    let old = read(&one, 1).await;
    let before = cluster.owner(&key_like(cluster, "promoted:numbered:*:1"));
    let replica = 3 + before;
    cluster.server(replica).command(&["CLUSTER", "FAILOVER"]);
    let begun = Instant::now();
    eventually("the replica is the master", || cluster.masters().contains(&replica));
    assert_eq!(one.scope(numbered::invalidate(1)).await, Invalidation::Done);
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

/// Who: a value and a tag's version that were invalidated just before their master died. When: its replica had not heard
/// of it. What stops them: both are of another life of their server; the tag's entries are on masters that live on.
async fn a_failover_brings_no_value_and_no_version_back(cluster: &mut RedisCluster, redis: &Redis) {
    let (one, other) = (ready_node(redis.clone(), "dies").await, ready_node(redis.clone(), "dies").await);
    let mut values = Vec::new();
    for id in 0..40 {
        values.push(read(&one, id).await);
    }
    let owner_of = |pattern: String| cluster.owner(&key_like(cluster, &pattern));
    let owners: Vec<(usize, usize)> =
        (0..40).map(|id| (owner_of(format!("dies:numbered:*:{id}")), owner_of(format!("dies:*@*:id:{id}")))).collect();
    let dying = owners[0].0;
    // One whose entry, and one whose tag alone is on the master that dies.
    let by_tag = owners.iter().position(|(entry, tag)| *entry != dying && *tag == dying).expect("one of forty");
    let replica = (dying + 3) % 6;
    cluster.server(dying).command(&["WAIT", "1", "5000"]);
    cluster.server(replica).pause();
    // What is sent to a frozen one would wait for it.
    cluster.server(dying).command(&["CLIENT", "KILL", "TYPE", "replica"]);
    let (tag, by_tag) = (format!("id:{by_tag}"), by_tag as u64);
    assert_eq!(one.scope(numbered::invalidate(0)).await, Invalidation::Done);
    assert_eq!(one.scope(invalidate_tag(tag)).await, Invalidation::Done);
    cluster.server_mut(dying).kill();
    cluster.server(replica).resume();
    let old = [values[0], values[usize::try_from(by_tag).expect("a small number")]];
    let is_old = async |node: &Cachet| read(node, 0).await == old[0] || read(node, by_tag).await == old[1];
    until("the other node hears of it, or misses a master", async || !is_old(&other).await).await;
    let begun = Instant::now();
    until("the replica is the master", async || {
        assert!(!is_old(&one).await && !is_old(&other).await);
        cluster.masters().contains(&replica) && cluster.is_whole()
    })
    .await;
    println!("failover {:?}", begun.elapsed());
    // Nobody has overwritten them yet.
    let fresh = ready_node(redis.clone(), "dies").await;
    assert!(!is_old(&fresh).await, "what was invalidated is not back");
    let took = until("the tier is used again", async || {
        let fresh = node(redis.clone(), "dies");
        assert!(!is_old(&fresh).await, "what was invalidated is not back");
        read(&one, 0).await;
        read(&one, by_tag).await;
        let fresh = node(redis.clone(), "dies");
        origin(&fresh, 0).await == Origin::Shared && origin(&fresh, by_tag).await == Origin::Shared
    })
    .await;
    println!("shared again {took:?} after the failover");
}
