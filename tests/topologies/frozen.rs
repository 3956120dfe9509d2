//! A master that hangs: nobody waits for it beyond the deadline, and it brings nothing back when it goes on.

use std::time::Duration;

use cachet_core::{Cachet, Origin, Redis};

use crate::{
    node_that_waits, numbered, origin, read, ready,
    support::{self, RedisCluster, SentinelGroup},
    until,
};

const DEADLINE: Duration = Duration::from_millis(250);

/// A call asks the tier a few times, and a machine with much to do takes its time; a frozen one is frozen until all calls
/// have come back.
const LONGEST: Duration = Duration::from_secs(5);

#[tokio::test]
async fn a_frozen_master_of_sentinels_holds_nobody_up_and_brings_nothing_back() {
    let group = SentinelGroup::start();
    let pair = Pair::start(Redis::url(group.url())).await;
    let all: Vec<&support::Redis> = (0..3).map(|at| group.server(at)).collect();
    pair.survives_a_pause(&all).await;
    let master = group.master();
    pair.survives_a_failover(group.server(master), || group.master() != master).await;
}

#[tokio::test]
async fn a_frozen_master_of_a_cluster_holds_nobody_up_and_brings_nothing_back() {
    let cluster = RedisCluster::start();
    let pair = Pair::start(Redis::url(cluster.url())).await;
    let owner = || cluster.owner(&cluster.key_like("frozen:numbered:*:1"));
    let master = owner();
    let replica = cluster.replica_of(master);
    pair.survives_a_pause(&[cluster.server(master), cluster.server(replica)]).await;
    until("every slot is somebody's", async || cluster.is_whole()).await;
    pair.filled().await;
    let master = owner();
    // The frozen one is not asked.
    let replica = cluster.server(cluster.replica_of(master));
    let says = |command: [&str; 2], name, word| replica.told(&command, name).as_deref() == Some(word);
    let is_promoted =
        || says(["INFO", "replication"], "role", "master") && says(["CLUSTER", "INFO"], "cluster_state", "ok");
    pair.survives_a_failover(cluster.server(master), is_promoted).await;
}

/// Two nodes, and what both have in memory and share.
struct Pair {
    redis: Redis,
    one: Cachet,
    other: Cachet,
}

impl Pair {
    async fn start(redis: Redis) -> Self {
        let node = async || ready(node_that_waits(DEADLINE, redis.clone(), "frozen")).await;
        let (one, other) = (node().await, node().await);
        let pair = Self { redis, one, other };
        pair.filled().await;
        pair
    }

    /// The present value, which both nodes have.
    async fn filled(&self) -> (u64, u64) {
        let mut value = read(&self.one, 1).await;
        until("both nodes have it from the tier", async || {
            value = read(&self.one, 1).await;
            let fresh = node_that_waits(DEADLINE, self.redis.clone(), "frozen");
            origin(&fresh, 1).await == Origin::Shared && read(&self.other, 1).await == value
        })
        .await;
        value
    }

    /// Freezes servers, and changes the value while they cannot be told of it.
    async fn outdated(&self, servers: &[&support::Redis]) -> (u64, u64) {
        let old = self.filled().await;
        for server in servers {
            server.pause();
        }
        let told = bounded(self.one.scope(numbered::invalidate(1))).await;
        println!("the invalidation is {told:?}");
        for node in [&self.one, &self.other].into_iter().cycle().take(10) {
            bounded(read(node, 1)).await;
        }
        self.never_on_one(old).await;
        until("the other node hears of it, or of nothing", async || bounded(read(&self.other, 1)).await != old).await;
        old
    }

    async fn never_on_one(&self, old: (u64, u64)) {
        assert_ne!(bounded(read(&self.one, 1)).await, old, "this node has invalidated it");
    }

    async fn never_again(&self, old: (u64, u64)) {
        self.never_on_one(old).await;
        assert_ne!(bounded(read(&self.other, 1)).await, old, "the other node has missed or heard of it");
    }

    /// What was kept is sent first; nobody reads what it outdates before that.
    async fn used_again(&self, old: (u64, u64)) {
        let took = until("the tier is used again", async || {
            self.never_again(old).await;
            self.one.is_ready(Duration::ZERO).await && self.other.is_ready(Duration::ZERO).await
        })
        .await;
        println!("used again after {took:?}");
        let fresh = ready(node_that_waits(DEADLINE, self.redis.clone(), "frozen")).await;
        assert_ne!(read(&fresh, 1).await, old, "nor does anybody find it in the tier");
        self.never_again(old).await;
    }

    /// They go on where they were. What was sent to them meanwhile, and given up, is carried out late.
    async fn survives_a_pause(&self, servers: &[&support::Redis]) {
        let old = self.outdated(servers).await;
        for server in servers {
            server.resume();
        }
        self.used_again(old).await;
    }

    /// The old master has the old value, and goes on as if it still were one.
    async fn survives_a_failover(&self, master: &support::Redis, is_promoted: impl Fn() -> bool) {
        let old = self.outdated(&[master]).await;
        let took = until("a replica is the master", async || {
            self.never_again(old).await;
            is_promoted()
        })
        .await;
        println!("promoted after {took:?}");
        master.resume();
        self.used_again(old).await;
    }
}

async fn bounded<T>(call: impl Future<Output = T>) -> T {
    tokio::time::timeout(LONGEST, call).await.expect("no call waits for a frozen server")
}
