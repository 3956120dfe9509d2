//! One server, in another life than before.

use std::{sync::Arc, time::Duration};

use cachet_core::{
    Invalidation, Origin, Redis,
    testing::redis_tier,
    tier::{Acquired, Lookup, NewEntry, Read},
};

use crate::{numbered, origin, read, ready_node, support, until};

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

/// What a snapshot has is of another life, or not, as the nodes are told; that includes what was invalidated after it.
#[tokio::test]
async fn a_value_from_a_snapshot_is_served_if_that_is_wanted_and_not_otherwise() {
    for is_wanted in [true, false] {
        let mut server = support::Redis::start();
        let url = Redis::url(server.url());
        let redis = if is_wanted { url.keep_across_restarts() } else { url };
        let one = ready_node(redis.clone(), "snapshot").await;
        let (kept, invalidated) = (read(&one, 1).await, read(&one, 2).await);
        let sharing = ready_node(redis.clone(), "snapshot").await;
        assert_eq!((origin(&sharing, 1).await, read(&sharing, 1).await), (Origin::Shared, kept));
        server.save();
        assert_eq!(one.scope(numbered::invalidate(2)).await, Invalidation::Done);
        server.restart_from_snapshot();
        let fresh = ready_node(redis, "snapshot").await;
        let found = [1, 2].map(|id| fresh.scope(numbered::fetch(id)));
        for (found, old) in found.into_iter().zip([kept, invalidated]) {
            let found = found.await;
            let expected = if is_wanted { Origin::Shared } else { Origin::Loaded };
            assert_eq!((found.origin(), *found == old), (expected, is_wanted));
        }
    }
}
