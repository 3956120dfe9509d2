//! One server, in another life than before.

use std::{sync::Arc, time::Duration};

use cachet_core::{
    testing::redis_tier,
    tier::{Acquired, Lookup, NewEntry, Read},
};

use crate::{support, until};

/// Who: a value of a server that was demoted and promoted again. When: the connection to it stays open all the time. What
/// stops it: the connection's incarnation is not believed for long.
#[tokio::test]
async fn a_value_of_an_earlier_life_is_not_read_over_a_connection_that_outlived_it() {
    let server = support::Redis::start();
    let tier = redis_tier(server.url()).expect("the URL is valid");
    let lookup = || Lookup { key: "key".into(), tags: Arc::new(["tag".to_owned()]) };
    let lease = Duration::from_secs(30);
    let acquired = tier.acquire(lookup(), lease, None).await.expect("the server answers");
    let Acquired::Granted(granted) = acquired else { panic!("a lease is granted, not {acquired:?}") };
    let entry = NewEntry {
        lifetime: Duration::from_mins(1),
        grace: Duration::ZERO,
        load_time: Duration::ZERO,
        modified: std::time::SystemTime::now(),
        validator: None,
        body: "value".into(),
    };
    assert!(tier.fill(lookup(), granted, entry).await.expect("the server answers"));
    let is_read = async || matches!(tier.read(lookup()).await, Ok(Read::Hit(_)));
    assert!(is_read().await);
    let nobody = support::free_port().to_string();
    server.command(&["REPLICAOF", "127.0.0.1", &nobody]);
    server.command(&["REPLICAOF", "NO", "ONE"]);
    let took = until("no connection gives the value any more", async || {
        for _ in 0..20 {
            if is_read().await {
                return false;
            }
        }
        true
    })
    .await;
    assert!(took < Duration::from_secs(1), "{took:?}");
    assert_eq!(server.command(&["EXISTS", "key"]), "1", "it is there all the same");
}
