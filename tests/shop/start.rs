//! Starting up: what it says, what stops it, and two processes over one empty database.

use std::{process::Output, thread};

use deadpool_sqlite::rusqlite::Connection;

use crate::support::{Redis, Shop};

#[test]
fn it_says_which_tiers_it_runs_on() {
    let shop = Shop::new();
    let alone = shop.node();
    assert!(alone.greeting().iter().any(|line| line.starts_with("tiers: memory (")), "{:?}", alone.greeting());

    let redis = Redis::start();
    let expected = format!("tiers: memory, redis ({})", redis.url());
    let node = shop.node_with(&redis);
    assert!(node.greeting().contains(&expected), "{:?}", node.greeting());
}

#[test]
fn a_password_is_never_said() {
    let shop = Shop::new();
    let mut command = shop.command();
    // Nothing listens there; that is no reason not to start.
    command.env("CACHET_REDIS_URL", "redis://me:hunter2@127.0.0.1:1/3");
    let node = shop.launch(command);
    assert!(
        node.greeting().contains(&"tiers: memory, redis (redis://127.0.0.1:1)".to_owned()),
        "{:?}",
        node.greeting()
    );
    assert_eq!(node.get("/products/1").status, 200);
    assert!(!format!("{:?}{}", node.greeting(), node.log()).contains("hunter2"));

    for url in ["redis://me:hunter2@127.0.0.1:nowhere", "hunter2", "http://me:hunter2@127.0.0.1"] {
        let message = refusal(&shop, "CACHET_REDIS_URL", url);
        assert!(message.contains("CACHET_REDIS_URL"), "{message}");
        assert!(!message.contains("hunter2"), "{message}");
    }
}

#[test]
fn what_cannot_work_ends_it_with_one_line() {
    let shop = Shop::new();
    assert!(refusal(&shop, "SHOP_ADDR", "nowhere").contains("`nowhere`"));
    assert!(refusal(&shop, "SHOP_MAX_AGE", "soon").contains("`soon`"));
    assert!(refusal(&shop, "SHOP_DB", "/dev/null/shop.db").contains("/dev/null/shop.db"));
}

#[test]
fn two_processes_may_make_one_database() {
    for _ in 0..4 {
        let shop = Shop::new();
        let nodes = thread::scope(|scope| {
            let starts = [(); 3].map(|()| scope.spawn(|| shop.node()));
            starts.map(|start| start.join().expect("no start fails"))
        });
        let bodies = nodes.each_ref().map(|node| node.get("/products?page=1200").json());
        assert_eq!(bodies[0]["items"].as_array().map(Vec::len), Some(20), "the last page is full");
        assert!(bodies.iter().all(|body| *body == bodies[0]));
    }
}

#[test]
fn what_was_written_is_there_after_a_restart() {
    let shop = Shop::new();
    let node = shop.node();
    node.put("/products/1", r#"{"price": 1.23}"#);
    drop(node);
    assert_eq!(shop.node().get("/products/1").json()["price"], serde_json::json!(1.23));
}

#[test]
fn a_database_of_the_first_version_is_brought_up_to_date() {
    let shop = Shop::new();
    shop.node().put("/products/1", r#"{"price": 1.23}"#);
    let file = Connection::open(shop.database()).expect("SQLite opens its file");
    file.execute_batch("ALTER TABLE products DROP COLUMN changed; PRAGMA user_version = 1")
        .expect("it was as old once");
    drop(file);
    let node = shop.node();
    assert_eq!(node.get("/products/1").json()["price"], serde_json::json!(1.23));
    let put = node.request("PUT", "/products/1").header("if-unmodified-since", "Sun, 06 Nov 1994 08:49:37 GMT");
    assert_eq!(put.json(r#"{"price": 2}"#).send().status, 412);
}

/// What the shop says on standard error when a variable makes it end.
fn refusal(shop: &Shop, variable: &str, value: &str) -> String {
    let Output { status, stderr, .. } = shop.command().env(variable, value).output().expect("the shop starts");
    let message = String::from_utf8(stderr).expect("the shop says text");
    assert_eq!(status.code(), Some(1), "{message}");
    assert_eq!(message.lines().count(), 1, "{message}");
    message
}
