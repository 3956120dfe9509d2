//! One node without Redis: what a write makes disappear, and what it leaves alone.

use serde_json::{Value, json};

use crate::{
    at_once,
    support::{Node, Shop, eventually},
};

#[test]
fn a_new_price_is_served_at_once() {
    let shop = Shop::new();
    let node = shop.node();
    let before = node.get("/products/1");
    let written = node.put("/products/1", r#"{"price": 12.34}"#);
    assert_eq!(written.status, 200);
    assert_eq!(written.json()["price"], json!(12.34));
    assert_eq!(written.json()["invalidation"], json!("done"));

    let tag = before.header("etag").expect("a tag");
    let after = node.request("GET", "/products/1").header("if-none-match", tag).send();
    assert_eq!(after.status, 200, "the old tag is no longer current");
    assert_eq!(after.json()["price"], json!(12.34));
    assert_eq!(node.loads("product"), 2);
}

#[test]
fn a_new_price_makes_the_pages_disappear_that_may_show_it_and_no_other() {
    let shop = Shop::new();
    let node = shop.node();
    let category = text(&node.get("/products/1").json()["category"]);
    let other = if category == "garden" { "books" } else { "garden" };
    let (everything, own) = ("/products".to_owned(), format!("/products?category={category}"));
    let unrelated = format!("/products?category={other}");
    for page in [&everything, &own, &unrelated] {
        node.get(page);
    }
    let loads = node.loads("listing");

    assert_eq!(node.put("/products/1", r#"{"price": 0.99}"#).status, 200);
    node.get(&unrelated);
    assert_eq!(node.loads("listing"), loads, "it shows another category");
    for page in [&everything, &own] {
        assert_eq!(price_in_page(&node, page, 1), json!(0.99), "{page}");
    }
    assert_eq!(node.loads("listing"), loads + 2);
}

#[test]
fn a_price_is_changed_only_by_a_client_that_has_seen_it() {
    let shop = Shop::new();
    let node = shop.node();
    let first = node.get("/products/1");
    let seen = first.header("etag").expect("a tag");
    let put = |tag: &str, price: &str| {
        let body = format!(r#"{{"price": {price}}}"#);
        node.request("PUT", "/products/1").header("if-match", tag).json(body).send()
    };

    let blind = put("\"something-else\"", "1");
    assert_eq!(blind.status, 412);
    assert!(blind.json()["error"].is_string());
    assert_eq!(node.get("/products/1").json(), first.json(), "a 412 changes nothing");

    assert_eq!(put(seen, "2").status, 200);
    assert_eq!(put(seen, "3").status, 412, "it has changed since");
    assert_eq!(put("*", "4").status, 200, "whatever it is now");
    assert_eq!(node.get("/products/1").json()["price"], json!(4.0));
}

#[test]
fn a_price_is_changed_only_while_it_is_as_old_as_the_client_has_seen_it() {
    let shop = Shop::new();
    let node = shop.node();
    let last_modified = || {
        let mut date = None;
        eventually("the second of the load is over", || {
            date = node.get("/products/1").header("last-modified").map(str::to_owned);
            date.is_some()
        });
        date.expect("it was waited for")
    };
    let put = |date: &str, price: &str| {
        let body = format!(r#"{{"price": {price}}}"#);
        node.request("PUT", "/products/1").header("if-unmodified-since", date).json(body).send()
    };

    let seen = last_modified();
    let before = node.get("/products/1").json();
    let blind = put("Sun, 06 Nov 1994 08:49:37 GMT", "1");
    assert_eq!(blind.status, 412);
    assert!(blind.json()["error"].is_string());
    assert_eq!(node.get("/products/1").json(), before, "a 412 changes nothing");

    assert_eq!(put(&seen, "2").status, 200);
    assert_eq!(put(&seen, "3").status, 412, "it has changed since");
    assert_eq!(put("soon", "4").status, 200, "what is no date is no condition");
    assert_eq!(put(&last_modified(), "5").status, 200);
    let body = r#"{"price": 6}"#;
    let both = node.request("PUT", "/products/1").header("if-match", "*").header("if-unmodified-since", &seen);
    assert_eq!(both.json(body).send().status, 200, "beside a tag the date does not count");
}

#[test]
fn of_many_clients_that_saw_one_price_one_changes_it() {
    let shop = Shop::new();
    let node = shop.node();
    let seen = node.get("/products/1").header("etag").expect("a tag").to_owned();
    let replies =
        at_once(16, || node.request("PUT", "/products/1").header("if-match", &seen).json(r#"{"price": 7.77}"#).send());
    let with = |status| replies.iter().filter(|reply| reply.status == status).count();
    assert_eq!((with(200), with(412)), (1, 15));
}

#[test]
fn a_renamed_user_is_served_at_once() {
    let shop = Shop::new();
    let node = shop.node();
    let before = node.get("/users/1");
    assert_eq!(before.json()["name"], json!("Alice"));
    let written = node.put("/users/1?name=Zo%C3%AB%20%26%20co", "");
    assert_eq!(written.status, 200);
    assert_eq!(written.json()["invalidation"], json!("done"));

    let tag = before.header("etag").expect("a tag");
    let after = node.request("GET", "/users/1").header("if-none-match", tag).send();
    assert_eq!(after.status, 200);
    assert_eq!(after.json()["name"], json!("Zoë & co"));
    assert_eq!(after.json()["email"], before.json()["email"]);
}

#[test]
fn permissions_are_cleared_for_one_user_alone() {
    let shop = Shop::new();
    let node = shop.node();
    at_once(2, || node.get("/users/1/permissions"));
    at_once(2, || node.get("/users/2/permissions"));
    assert_eq!(node.loads("permissions"), 2);

    assert_eq!(node.post("/users/1/permissions/clear").status, 200);
    node.get("/users/2/permissions");
    assert_eq!(node.loads("permissions"), 2, "the other user's are still there");
    let anew = node.get("/users/1/permissions");
    assert_eq!(node.loads("permissions"), 3);
    assert!(anew.json()["permissions"].is_array());
}

/// The server drops the handler of a client whose connection breaks, be it between the commit and the invalidation.
#[test]
fn a_client_that_hangs_up_leaves_no_old_price_behind() {
    let shop = Shop::new();
    let node = shop.node();
    for id in 1..=200 {
        let target = format!("/products/{id}");
        node.get(&target);
        node.request("PUT", &target).json(r#"{"price": 0.01}"#).hang_up();
    }
    eventually("the node agrees with the database", || {
        // A node that starts now has the database's word alone.
        let fresh = shop.node();
        let products = (1..=200).map(|id| format!("/products/{id}"));
        products.into_iter().all(|target| node.get(&target).body == fresh.get(&target).body)
    });
}

fn price_in_page(node: &Node, page: &str, id: u64) -> Value {
    let page = node.get(page).json();
    let items = page["items"].as_array().expect("a page has items");
    items.iter().find(|item| item["id"] == json!(id)).expect("the first page has the first product")["price"].clone()
}

fn text(value: &Value) -> String {
    value.as_str().expect("a text").to_owned()
}
