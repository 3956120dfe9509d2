//! Users and passwords.

use cachet_core::{
    Redis,
    testing::{redis_tier, tier_conformance},
    tier::{Fault, Inbox, Lookup, TierError},
};

use crate::{joins_two_nodes, keeps_the_promises, support};

/// What `cachet_core::operations` says of the keys, for the namespaces here.
const PLACES: [&str; 9] =
    ["on", ">pass/word", "resetkeys", "~acl:*", "~shop:*", "resetchannels", "&cachet:*", "&shop:*", "-@all"];

/// What it says of the commands: the tier needs each of them, and nothing more.
const COMMANDS: [&str; 16] = [
    "get",
    "mget",
    "pttl",
    "ping",
    "info",
    "eval",
    "evalsha",
    "subscribe",
    "getrange",
    "set",
    "setrange",
    "strlen",
    "del",
    "pexpire",
    "time",
    "publish",
];

/// And in a Cluster.
const OF_A_CLUSTER: [&str; 4] = ["cluster|slots", "cluster|nodes", "cluster|myid", "asking"];

/// What a server may forbid without harm.
const TRACKING: &str = "client|tracking";

/// Gives a user these rights and no others.
fn permit<'a>(server: &support::Redis, commands: impl Iterator<Item = &'a str>) {
    let commands: Vec<String> = commands.map(|command| format!("+{command}")).collect();
    let user = ["ACL", "SETUSER", "ann", "reset"].into_iter().chain(PLACES);
    let rights: Vec<&str> = user.chain(commands.iter().map(String::as_str)).collect();
    server.command(&rights);
}

fn url(server: &support::Redis) -> Redis {
    Redis::url(format!("redis://ann:pass%2Fword@127.0.0.1:{}", server.port()))
}

/// Everything that the tier does.
async fn uses_everything(redis: Redis) -> Result<(), TierError> {
    let tier = redis_tier(redis).expect("the configuration is valid");
    tier_conformance(tier.clone(), "acl").await?;
    let backplane = tier.backplane().expect("it has one");
    backplane.subscribe(Inbox::new(|_| {})).await?.heartbeat().await
}

#[tokio::test]
async fn a_user_with_few_rights_suffices() {
    let server = support::Redis::start();
    permit(&server, COMMANDS.into_iter().chain([TRACKING]));
    keeps_the_promises(&url(&server), "acl").await;
    joins_two_nodes(&url(&server), "shop").await;
    permit(&server, COMMANDS.into_iter());
    joins_two_nodes(&url(&server), "shop").await;
}

#[tokio::test]
async fn no_right_of_the_few_can_be_spared() {
    let server = support::Redis::start();
    let is_denied = async |spared: &str, commands: &[&str], also: &[&str]| {
        // A script that a server knows is not sent to it.
        server.command(&["FLUSHALL"]);
        server.command(&["SCRIPT", "FLUSH"]);
        permit(&server, commands.iter().copied());
        server.command(&[&["ACL", "SETUSER", "ann"], also].concat());
        let error = uses_everything(url(&server)).await.expect_err(spared);
        assert_eq!(error.fault, Fault::Denied, "without {spared}: {error:?}");
    };
    for spared in COMMANDS {
        let others: Vec<&str> = COMMANDS.into_iter().filter(|command| *command != spared).collect();
        is_denied(spared, &others, &[]).await;
    }
    is_denied("keys", &COMMANDS, &["resetkeys"]).await;
    is_denied("channels", &COMMANDS, &["resetchannels"]).await;
}

/// A Cluster's user, in which each node has users of its own.
pub(crate) async fn a_user_with_few_rights_suffices_in_a_cluster(cluster: &support::RedisCluster) {
    let rights = || COMMANDS.into_iter().chain(OF_A_CLUSTER);
    let redis = Redis::url(cluster.url().replace("://", "://ann:pass%2Fword@"));
    let permit_all = |spared: &str| {
        cluster.servers().for_each(|server| permit(server, rights().filter(|command| *command != spared)));
    };
    permit_all("");
    keeps_the_promises(&redis, "acl").await;
    joins_two_nodes(&redis, "shop").await;
    crate::cluster::a_slot_on_its_way_is_followed(cluster, &redis, "shop").await;
    for spared in OF_A_CLUSTER.into_iter().filter(|command| *command != "asking") {
        permit_all(spared);
        cluster.masters().into_iter().for_each(|at| drop(cluster.server(at).command(&["FLUSHALL"])));
        let error = uses_everything(redis.clone()).await.expect_err(spared);
        assert_eq!(error.fault, Fault::Denied, "without {spared}: {error:?}");
    }
}

#[tokio::test]
async fn a_password_of_the_default_user_suffices() {
    let server = support::Redis::start();
    server.command(&["CONFIG", "SET", "requirepass", "hunter2"]);
    let url = Redis::url(format!("redis://:hunter2@127.0.0.1:{}", server.port()));
    keeps_the_promises(&url, "password").await;
}

#[tokio::test]
async fn wrong_credentials_and_missing_rights_are_denied_without_naming_them() {
    let server = support::Redis::start();
    permit(&server, COMMANDS.into_iter());
    server.command(&["ACL", "SETUSER", "bob", "on", ">secret", "~*", "+info"]);
    for user in ["ann:hunter2", "bob:secret", "nobody:hunter2"] {
        let tier = redis_tier(format!("redis://{user}@127.0.0.1:{}", server.port())).expect("the URL is valid");
        let lookup = Lookup { key: "acl:key".into(), tags: ["acl:tag".to_owned()].into() };
        let error = tier.read(lookup).await.expect_err("it is denied");
        assert_eq!(error.fault, Fault::Denied, "{user}: {error:?}");
        let said = format!("{error} {error:?} {tier:?}");
        assert!(!said.contains("hunter2") && !said.contains("secret"), "{said}");
    }
}
