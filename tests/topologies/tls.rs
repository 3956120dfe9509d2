//! TLS, with certificates that are made here.

use std::path::Path;

use cachet_core::{Redis, testing::redis_tier, tier::Fault};

use crate::{
    joins_two_nodes, keeps_the_promises,
    support::{self, Certified, RedisCluster, SentinelGroup},
};

/// A server that speaks TLS on a port beside its plain one.
struct Secured {
    server: support::Redis,
    own: Certified,
    /// What clients show.
    client: Certified,
}

impl Secured {
    fn start(asks_for_one: bool) -> Self {
        let (own, client) = (Certified::made(), Certified::made());
        let options = |directory: &Path| own.options(directory, support::free_port(), &client, asks_for_one);
        let server = support::Redis::start_with(options);
        Self { server, own, client }
    }

    fn url(&self) -> Redis {
        Redis::url(format!("rediss://localhost:{}", self.server.port_for_others()))
    }

    fn trusted(&self) -> Redis {
        self.url().root_certificate(self.own.certificate.clone())
    }
}

async fn fault(redis: Redis) -> Option<Fault> {
    let tier = redis_tier(redis).expect("the configuration is valid");
    tier.probe().await.err().map(|error| error.fault)
}

#[tokio::test]
async fn a_server_with_a_known_certificate_is_believed_and_no_other() {
    let secured = Secured::start(false);
    keeps_the_promises(&secured.trusted(), "tls").await;
    joins_two_nodes(&secured.trusted(), "tls").await;
    assert!(secured.server.command(&["INFO", "server"]).contains("redis_version"), "the plain port is another one");
    assert!(fault(secured.url()).await.is_some(), "the system's roots do not know it");
    let another = secured.url().root_certificate(Certified::made().certificate);
    assert!(fault(another).await.is_some(), "nor does another certificate");
}

#[tokio::test]
async fn a_server_that_asks_for_a_certificate_is_shown_one() {
    let secured = Secured::start(true);
    let Certified { certificate, key } = secured.client.clone();
    keeps_the_promises(&secured.trusted().client_certificate(certificate, key), "mutual").await;
    assert!(fault(secured.trusted()).await.is_some(), "without one it is refused");
}

#[tokio::test]
async fn sentinels_and_the_master_they_name_are_spoken_to_over_tls() {
    let own = Certified::made();
    let group = SentinelGroup::start_with(Some(&own));
    let redis = Redis::url(group.url()).root_certificate(own.certificate.clone());
    keeps_the_promises(&redis, "tls").await;
    joins_two_nodes(&redis, "tls").await;
    assert!(fault(Redis::url(group.url())).await.is_some(), "the system's roots know none of them");
    crate::sentinel::writes_follow_the_master(&group, &redis).await;
}

#[tokio::test]
async fn the_nodes_of_a_cluster_are_spoken_to_over_tls() {
    let own = Certified::made();
    let cluster = RedisCluster::start_with(Some(&own));
    let redis = Redis::url(cluster.url()).root_certificate(own.certificate.clone());
    keeps_the_promises(&redis, "tls").await;
    joins_two_nodes(&redis, "tls").await;
    assert!(fault(Redis::url(cluster.url())).await.is_some(), "the system's roots know none of them");
    crate::cluster::a_slot_on_its_way_is_followed(&cluster, &redis, "moving").await;
    crate::cluster::a_promoted_replica_is_followed(&cluster, &redis).await;
}
