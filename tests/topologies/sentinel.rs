//! A master that Sentinels watch, and its failover.

use std::time::Duration;

use cachet_core::{Invalidation, Origin, Redis};

use crate::{
    joins_two_nodes, keeps_the_promises, node, numbered, origin, read, ready_node, support::SentinelGroup, until,
};

/// Who: a value that was invalidated just before its master died. When: no replica had heard of it, so the new master
/// still has it. What stops it: it is of another life of the server.
#[tokio::test]
async fn a_failover_fails_no_call_and_brings_no_value_back() {
    let mut group = SentinelGroup::start();
    let redis = Redis::url(group.url());
    keeps_the_promises(&redis, "sentinel").await;
    joins_two_nodes(&redis, "sentinel").await;
    let (one, other) = (ready_node(redis.clone(), "failover").await, ready_node(redis.clone(), "failover").await);
    let old = read(&one, 7).await;
    assert_eq!(read(&other, 7).await, old);
    let master = group.master();
    group.server(master).command(&["WAIT", "2", "5000"]);
    let replicas: Vec<usize> = (0..3).filter(|at| *at != master).collect();
    for at in &replicas {
        group.server(*at).pause();
    }
    // What is sent to a frozen one would wait for it.
    group.server(master).command(&["CLIENT", "KILL", "TYPE", "replica"]);
    assert_eq!(one.scope(numbered::invalidate(7)).await, Invalidation::Done);
    group.server_mut(master).kill();
    for at in &replicas {
        group.server(*at).resume();
    }
    until("the other node hears of it, or misses its master", async || read(&other, 7).await != old).await;
    until("another one is the master", async || {
        assert_ne!(read(&one, 7).await, old);
        assert_ne!(read(&other, 7).await, old);
        group.master() != master
    })
    .await;
    let mut id = 100;
    let took = until("the tier is used again", async || {
        id += 1;
        read(&one, id).await;
        let fresh = node(redis.clone(), "failover");
        assert_ne!(read(&fresh, 7).await, old, "what was invalidated is not back");
        origin(&fresh, id).await == Origin::Shared
    })
    .await;
    println!("shared again {took:?} after the Sentinels agreed");
}

/// The old master goes on and answers; what is written must not go there any more.
#[tokio::test]
async fn writes_follow_the_master_that_sentinels_name_within_a_second() {
    let group = SentinelGroup::start();
    writes_follow_the_master(&group, &Redis::url(group.url())).await;
}

pub(crate) async fn writes_follow_the_master(group: &SentinelGroup, redis: &Redis) {
    let one = ready_node(redis.clone(), "switch").await;
    let master = group.master();
    read(&one, 1).await;
    group.fail_over();
    until("another one is the master", async || {
        read(&one, 1).await;
        group.master() != master
    })
    .await;
    let new = group.master();
    let mut id = 100;
    let took = until("the new master is written to", async || {
        id += 1;
        read(&one, id).await;
        group.server(new).command(&["KEYS", &format!("switch:numbered:*:{id}")]).contains("switch")
    })
    .await;
    println!("written to {took:?} after the Sentinels agreed");
    assert!(took < Duration::from_secs(1), "{took:?}");
}
