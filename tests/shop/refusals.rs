//! What bad input gets: an honest status, a body of JSON, and no place in a cache.

use crate::support::{Reply, Shop};

#[test]
fn what_cannot_be_read_gets_400() {
    let shop = Shop::new();
    let node = shop.node();
    let targets = [
        "/products/abc",
        "/products/-1",
        "/products/18446744073709551616",
        "/products?page=0",
        "/products?page=x",
        "/products?colour=red",
        "/users/abc",
        "/users/abc/permissions",
        "/data/abc",
        "/posts/abc",
    ];
    for target in targets {
        refused(&node.get(target), 400, target);
    }
    for body in
        ["", "{", "[]", "{}", r#"{"price": "5"}"#, r#"{"price": -0.01}"#, r#"{"price": 1e9}"#, r#"{"price": 1e999}"#]
    {
        refused(&node.put("/products/1", body), 400, body);
    }
    refused(&node.put("/products/1", r#"{"price": 0.001}"#), 400, "three decimals");
    refused(&node.put("/products/1", r#"{"price": 1, "name": "x"}"#), 400, "an unknown field");
    refused(&node.put("/users/1?name=", ""), 400, "an empty name");
    refused(&node.put("/users/1?name=%20%20", ""), 400, "a blank name");
    refused(&node.put(&format!("/users/1?name={}", "x".repeat(101)), ""), 400, "a long name");
    refused(&node.put("/users/1", ""), 400, "no name");
    assert_eq!(node.all_loads(), serde_json::json!({}), "nothing was asked of the database");
}

#[test]
fn what_is_not_there_gets_404_and_is_not_kept() {
    let shop = Shop::new();
    let node = shop.node();
    let targets = [
        ("/products/99999999", "product"),
        ("/products/18446744073709551615", "product"),
        ("/products?category=nothing", "listing"),
        ("/users/0", "user"),
        ("/users/99999999/permissions", "permissions"),
        ("/data/99999999", "data"),
        ("/posts/99999999", "post"),
    ];
    for (target, name) in targets {
        let before = node.loads(name);
        refused(&node.get(target), 404, target);
        let again = node.get(target);
        refused(&again, 404, target);
        assert!(again.header("cache-control").is_none_or(|policy| policy == "no-store"), "{again:?}");
        assert_eq!(node.loads(name), before + 2, "{target}");
    }
    refused(&node.put("/products/99999999", r#"{"price": 1}"#), 404, "a write");
    refused(&node.put("/users/99999999?name=x", ""), 404, "a write");
    refused(&node.post("/users/99999999/permissions/clear"), 404, "a clear");
    refused(&node.get("/nowhere"), 404, "no endpoint");
}

#[test]
fn a_method_that_an_endpoint_does_not_take_gets_405_and_the_ones_that_it_takes() {
    let shop = Shop::new();
    let node = shop.node();
    for (method, target, allowed) in [
        ("DELETE", "/products/1", "GET, HEAD, PUT"),
        ("POST", "/products", "GET, HEAD"),
        ("POST", "/users/1", "GET, HEAD, PUT"),
        ("PUT", "/users/1/permissions", "GET, HEAD"),
        ("GET", "/users/1/permissions/clear", "POST"),
        ("PUT", "/data/1", "GET, HEAD"),
        ("PUT", "/posts/1", "GET, HEAD"),
        ("POST", "/config", "GET, HEAD"),
        ("PUT", "/stats", "GET, HEAD"),
        ("PUT", "/loads", "GET, HEAD"),
    ] {
        let reply = node.request(method, target).send();
        refused(&reply, 405, target);
        assert_eq!(reply.header("allow"), Some(allowed), "{method} {target}");
    }
}

#[track_caller]
fn refused(reply: &Reply, status: u16, what: &str) {
    assert_eq!(reply.status, status, "{what}: {reply:?}");
    assert_eq!(reply.header("content-type"), Some("application/json"), "{what}");
    assert!(reply.json()["error"].is_string(), "{what}: {reply:?}");
}
