//! Users and passwords.

use cachet_core::{
    Redis,
    testing::redis_tier,
    tier::{Fault, Lookup},
};

use crate::{joins_two_nodes, keeps_the_promises, support};

/// What the tier needs, and nothing more.
const RIGHTS: [&str; 20] = [
    "on",
    ">pass/word",
    "resetkeys",
    "~acl:*",
    "~shop:*",
    "resetchannels",
    "&acl:*",
    "&shop:*",
    "&cachet:*",
    "-@all",
    "+eval",
    "+evalsha",
    "+@read",
    "+@write",
    "+info",
    "+time",
    "+ping",
    "+publish",
    "+subscribe",
    "+client|tracking",
];

fn server() -> support::Redis {
    let server = support::Redis::start();
    let user: Vec<&str> = ["ACL", "SETUSER", "ann"].into_iter().chain(RIGHTS).collect();
    server.command(&user);
    server
}

#[tokio::test]
async fn a_user_with_few_rights_suffices() {
    let server = server();
    let url = Redis::url(format!("redis://ann:pass%2Fword@127.0.0.1:{}", server.port()));
    keeps_the_promises(&url, "acl").await;
    joins_two_nodes(&url, "shop").await;
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
    let server = server();
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
