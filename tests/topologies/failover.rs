//! Replicas that had not heard of the last invalidation when they were promoted, with and without the rule that keeps
//! what they have from being believed.

use std::{
    process::{Command, Stdio},
    time::Instant,
};

use cachet_core::{Cachet, Invalidation, Origin, Redis, invalidate_tag};

use crate::{
    node, numbered, origin, read, ready_node,
    support::{self, RedisCluster, SentinelGroup},
    until,
};

/// What fails where the rule is missing.
const NOT_BACK: &str = "what was invalidated is not back";

/// Who: a value that was invalidated just before its master died. When: no replica had heard of it, so the new master
/// still has it. What stops it: it is of another life of the server.
#[tokio::test]
async fn sentinels_bring_no_value_back() {
    let mut group = SentinelGroup::start();
    let redis = Redis::url(group.url());
    let (one, other) = (ready_node(redis.clone(), "failover").await, ready_node(redis.clone(), "failover").await);
    let old = read(&one, 7).await;
    assert_eq!(read(&other, 7).await, old);
    let master = group.master();
    let key = group.server(master).command(&["KEYS", "failover:numbered:*:7"]);
    let stored = group.server(master).command(&["GET", &key]);
    let replicas: Vec<usize> = (0..3).filter(|at| *at != master).collect();
    cut_off(group.server(master), replicas.iter().map(|at| group.server(*at)));
    assert_eq!(one.scope(numbered::invalidate(7)).await, Invalidation::Done);
    group.server_mut(master).kill();
    for at in &replicas {
        group.server(*at).resume();
        assert_eq!(group.server(*at).command(&["GET", &key]), stored, "whichever is promoted has it");
    }
    until("the other node hears of it, or misses its master", async || read(&other, 7).await != old).await;
    // What is loaded under another key would outdate the old value by the versions of its tags.
    until("another one is the master", async || {
        assert_ne!(read(&one, 7).await, old, "{NOT_BACK}");
        assert_ne!(read(&other, 7).await, old, "{NOT_BACK}");
        group.master() != master
    })
    .await;
    assert_ne!(read(&ready_node(redis.clone(), "failover").await, 7).await, old, "{NOT_BACK}");
    let mut id = 100;
    let took = until("the tier is used again", async || {
        id += 1;
        read(&one, id).await;
        let fresh = node(redis.clone(), "failover");
        assert_ne!(read(&fresh, 7).await, old, "{NOT_BACK}");
        origin(&fresh, id).await == Origin::Shared
    })
    .await;
    println!("shared again {took:?} after the Sentinels agreed");
}

/// Who: a value and a tag's version that were invalidated just before their master died. When: its replica had not heard
/// of it. What stops them: both are of another life of their server; the tag's entries are on masters that live on.
#[tokio::test]
async fn a_cluster_brings_no_value_and_no_version_back() {
    let mut cluster = RedisCluster::start();
    let redis = Redis::url(cluster.url());
    let (one, other) = (ready_node(redis.clone(), "dies").await, ready_node(redis.clone(), "dies").await);
    let mut values = Vec::new();
    for id in 0..40 {
        values.push(read(&one, id).await);
    }
    let entry_of = |id: u64| cluster.key_like(&format!("dies:numbered:*:{id}"));
    let tag_of = |id: u64| format!("dies:@tag:id:{id}");
    let dying = cluster.owner(&entry_of(0));
    // One whose entry, and one whose tag alone is on the master that dies.
    let is_by_tag = |id: &u64| cluster.owner(&tag_of(*id)) == dying && cluster.owner(&entry_of(*id)) != dying;
    let by_tag = (1..40).find(is_by_tag).expect("one of forty");
    let old = [values[0], values[usize::try_from(by_tag).expect("a small number")]];
    let keys = [entry_of(0), tag_of(by_tag)];
    let stored = keys.each_ref().map(|key| cluster.server(dying).command(&["GET", key]));
    let replica = cluster.replica_of(dying);
    cut_off(cluster.server(dying), [cluster.server(replica)].into_iter());
    assert_eq!(one.scope(numbered::invalidate(0)).await, Invalidation::Done);
    assert_eq!(one.scope(invalidate_tag(format!("id:{by_tag}"))).await, Invalidation::Done);
    cluster.server_mut(dying).kill();
    cluster.server(replica).resume();
    assert_eq!(
        keys.map(|key| cluster.server(replica).get_of_replica(&key)),
        stored,
        "the one that is promoted has both"
    );
    let is_old = async |node: &Cachet| read(node, 0).await == old[0] || read(node, by_tag).await == old[1];
    until("the other node hears of it, or misses a master", async || !is_old(&other).await).await;
    let begun = Instant::now();
    until("the replica is the master", async || {
        assert!(!is_old(&one).await && !is_old(&other).await, "{NOT_BACK}");
        cluster.masters().contains(&replica) && cluster.is_whole()
    })
    .await;
    println!("failover {:?}", begun.elapsed());
    assert!(!is_old(&ready_node(redis.clone(), "dies").await).await, "{NOT_BACK}");
    let took = until("the tier is used again", async || {
        let fresh = node(redis.clone(), "dies");
        assert!(!is_old(&fresh).await, "{NOT_BACK}");
        read(&one, 0).await;
        read(&one, by_tag).await;
        let fresh = node(redis.clone(), "dies");
        origin(&fresh, 0).await == Origin::Shared && origin(&fresh, by_tag).await == Origin::Shared
    })
    .await;
    println!("shared again {took:?} after the failover");
}

/// Has the replicas know all that there is, and nothing that comes from now on until they are let go on.
fn cut_off<'a>(master: &support::Redis, replicas: impl ExactSizeIterator<Item = &'a support::Redis>) {
    master.command(&["WAIT", &replicas.len().to_string(), "5000"]);
    replicas.for_each(support::Redis::pause);
    // What is sent to a frozen one would wait for it.
    master.command(&["CLIENT", "KILL", "TYPE", "replica"]);
}

#[test]
fn without_the_rule_of_incarnations_sentinels_bring_it_back() {
    fails_without("incarnation", "failover::sentinels_bring_no_value_back");
}

#[test]
fn without_the_rule_of_incarnations_a_cluster_brings_it_back() {
    fails_without("incarnation", "failover::a_cluster_brings_no_value_and_no_version_back");
}

/// Runs a test of this program with a rule taken out: one that did not fail then could not fail.
fn fails_without(rule: &str, test: &str) {
    let mut program = Command::new(std::env::current_exe().expect("a running program has a path"));
    program.args(["--exact", test]).env("CACHET_WITHOUT", rule).env("RUST_BACKTRACE", "0").stdin(Stdio::null());
    let output = program.output().expect("this program can be started");
    let said = [output.stdout, output.stderr].map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).concat();
    assert!(!output.status.success() && said.contains(NOT_BACK), "{test} without {rule}: {said}");
}
