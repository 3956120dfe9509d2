//! A server on a Unix socket.

use cachet_core::Redis;

use crate::{joins_two_nodes, keeps_the_promises, support};

#[tokio::test]
async fn a_unix_socket_is_as_good_as_a_port() {
    let server = support::Redis::start_with(|directory| {
        vec!["--unixsocket".to_owned(), directory.join("redis.sock").to_string_lossy().into_owned()]
    });
    let socket = server.directory().join("redis.sock");
    let url = Redis::url(format!("unix://{}?db=2", socket.display()));
    keeps_the_promises(&url, "unix").await;
    joins_two_nodes(&url, "unix").await;
    joins_two_nodes(&Redis::url(format!("redis+unix://{}", socket.display())), "unix").await;
    assert_ne!(server.command(&["DBSIZE"]), "0", "the second URL is of database 0");
}
