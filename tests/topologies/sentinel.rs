//! A master that Sentinels watch, and its failover.

use std::time::Duration;

use cachet_core::Redis;

use crate::{joins_two_nodes, keeps_the_promises, read, ready_node, support::SentinelGroup, until};

#[tokio::test]
async fn the_master_that_sentinels_name_keeps_the_promises() {
    let group = SentinelGroup::start();
    let redis = Redis::url(group.url());
    keeps_the_promises(&redis, "sentinel").await;
    joins_two_nodes(&redis, "sentinel").await;
}

/// The old master goes on and answers; what is written must not go there any more.
#[tokio::test]
async fn writes_follow_the_master_that_sentinels_name_at_once() {
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
    // Connections that nobody tells of it go on for 11 s.
    assert!(took < Duration::from_secs(5), "{took:?}");
}
