//! The shop with a real Varnish in front of it.

use std::net::SocketAddr;

use serde_json::{Value, json};

use crate::{
    recorder::relay,
    support::{Node, Redis, Shop, eventually, free_port},
    varnish::Server,
};

const PRODUCT: &str = "/products/1";

/// A node that purges `edge`.
fn node(shop: &Shop, edge: &str, redis: Option<&Redis>) -> Node {
    let mut command = shop.command();
    command.env("SHOP_EDGE", edge);
    if let Some(redis) = redis {
        command.env("CACHET_REDIS_URL", redis.url());
    }
    shop.launch(command)
}

/// The price that Varnish has, and whether it had it before.
fn price(varnish: &Server) -> (Value, bool) {
    let (body, had) = varnish.get(PRODUCT);
    let product: Value = serde_json::from_str(&body).expect("a product");
    (product["price"].clone(), had)
}

fn set_price(node: &Node, price: f64) -> Value {
    let reply = node.put(PRODUCT, &json!({ "price": price }).to_string());
    assert_eq!(reply.status, 200);
    reply.json()["invalidation"].clone()
}

/// Makes Varnish keep the product and others.
fn keep(varnish: &Server, others: &[&str]) {
    for target in others.iter().chain([&PRODUCT]) {
        varnish.get(target);
        assert!(varnish.get(target).1, "Varnish keeps {target}");
    }
}

#[test]
fn a_put_makes_the_next_get_new_and_leaves_the_rest_cached() {
    let shop = Shop::new();
    let (port, redis) = (free_port(), Redis::start());
    let node = node(&shop, &format!("http://127.0.0.1:{port}"), Some(&redis));
    let varnish = Server::start_at(port, &[node.address()]);
    let others = ["/products/2", "/posts/1", "/config"];
    keep(&varnish, &others);
    assert!(varnish.ask(PRODUCT).header("xkey").is_none(), "the keys are nobody else's business");

    assert_eq!(set_price(&node, 12.34), "done");
    assert_eq!(price(&varnish), (json!(12.34), false));
    for target in others {
        assert!(varnish.get(target).1, "{target} was not written");
    }
    // The PUT goes through Varnish as well.
    let body = json!({ "price": 5.5 }).to_string();
    let written = crate::support::Request::new(varnish.address, "PUT", PRODUCT).json(body).send();
    assert_eq!((written.status, price(&varnish).0), (200, json!(5.5)));
    // A 304 carries what the edge knows the answer by, as a 200 does.
    let whole = node.get(PRODUCT);
    let short = node.request("GET", PRODUCT).header("if-none-match", whole.header("etag").expect("a tag")).send();
    assert_eq!((short.status, short.header("xkey")), (304, whole.header("xkey")));
    assert!(whole.header("xkey").is_some());
}

#[test]
fn with_two_nodes_behind_it_a_put_to_either_is_seen() {
    let (shop, redis) = (Shop::new(), Redis::start());
    let port = free_port();
    let edge = format!("http://127.0.0.1:{port}");
    let nodes = [node(&shop, &edge, Some(&redis)), node(&shop, &edge, Some(&redis))];
    let behind: Vec<SocketAddr> = nodes.iter().map(Node::address).collect();
    let varnish = Server::start_at(port, &behind);
    keep(&varnish, &["/products/2"]);
    for (number, node) in [1.0, 2.0, 3.0, 4.0].into_iter().zip(nodes.iter().cycle()) {
        assert_eq!(set_price(node, number), "done");
        // A node that has not heard of it yet may be asked first; its answer is purged once more.
        eventually("the price is new", || price(&varnish).0 == json!(number));
    }
    assert!(varnish.get("/products/2").1, "it was not written");
}

#[test]
fn while_the_edge_is_out_of_reach_a_purge_is_kept_and_made_when_it_is_back() {
    let shop = Shop::new();
    let port = free_port();
    let node = node(&shop, &format!("http://127.0.0.1:{port}"), None);
    let varnish = Server::start(&[node.address()]);
    keep(&varnish, &["/products/2"]);
    let (old, _) = price(&varnish);

    assert_eq!(set_price(&node, 77.0), "queued", "nobody listens there");
    assert_eq!(node.get(PRODUCT).json()["price"], json!(77.0));
    assert_eq!(price(&varnish), (old, true));
    assert!(node.log().contains("a purge of the edge failed and is kept"));

    relay(port, varnish.address);
    eventually("the purge is made", || price(&varnish).0 == json!(77.0));
    assert!(varnish.get("/products/2").1, "it was not written");
}

#[test]
fn a_varnish_that_dies_and_comes_back_has_the_new_price() {
    let shop = Shop::new();
    let port = free_port();
    let node = node(&shop, &format!("http://127.0.0.1:{port}"), None);
    let mut varnish = Server::start_at(port, &[node.address()]);
    keep(&varnish, &[]);
    varnish.kill();
    assert_eq!(set_price(&node, 88.0), "queued");
    varnish.restart();
    assert_eq!(price(&varnish).0, json!(88.0));
    eventually("the edge is purged again", || set_price(&node, 99.0) == "done");
    assert_eq!(price(&varnish).0, json!(99.0));
}

#[test]
fn without_an_edge_no_answer_carries_a_key() {
    let shop = Shop::new();
    assert_eq!(shop.node().get(PRODUCT).header("xkey"), None);
}
