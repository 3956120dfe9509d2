//! A real browser in front of `examples/shop`: what its cache keeps, asks and drops.

mod chromium;
mod recorder;
#[path = "../support/mod.rs"]
mod support;

use serde_json::json;

use crate::{
    chromium::Chromium,
    recorder::Recorder,
    support::{Node, Shop, eventually},
};

const PRODUCT: &str = "/products/1";

/// A page that no cache keeps.
const ELSEWHERE: &str = "/loads";

/// A node on which a product is fresh for a second.
fn forgetful_node(shop: &Shop) -> Node {
    let mut command = shop.command();
    command.env("SHOP_MAX_AGE", "1");
    shop.launch(command)
}

/// Leaves the page by one link, and comes back by another.
fn come_back(browser: &Chromium, target: &str) {
    browser.follow(ELSEWHERE);
    browser.follow(target);
}

#[test]
fn a_second_navigation_asks_nobody_and_a_reload_asks_whether_it_changed() {
    let shop = Shop::new();
    let node = shop.node();
    let (recorder, browser) = (Recorder::start(node.address()), Chromium::start());
    browser.open(&recorder.url(PRODUCT));
    let page = browser.json();
    assert!(browser.transferred() > 0);

    come_back(&browser, PRODUCT);
    assert_eq!((browser.json(), browser.transferred()), (page.clone(), 0));
    let [first] = &recorder.gets(PRODUCT)[..] else { panic!("the browser asked again") };
    assert_eq!(first.status, 200);

    browser.reload();
    let [_, reload] = &recorder.gets(PRODUCT)[..] else { panic!("a reload is one request") };
    assert_eq!((reload.status, &reload.if_none_match), (304, &first.etag));
    assert_eq!(browser.json(), page);
}

#[test]
fn after_max_age_the_browser_asks_and_is_told_that_nothing_changed() {
    let shop = Shop::new();
    let node = forgetful_node(&shop);
    let (recorder, browser) = (Recorder::start(node.address()), Chromium::start());
    browser.open(&recorder.url(PRODUCT));
    let page = browser.json();
    eventually("the page is no longer fresh", || {
        come_back(&browser, PRODUCT);
        recorder.gets(PRODUCT).len() > 1
    });
    let exchanges = recorder.gets(PRODUCT);
    assert_eq!((exchanges[1].status, &exchanges[1].if_none_match), (304, &exchanges[0].etag));
    assert_eq!(browser.json(), page);

    assert_eq!(node.put(PRODUCT, r#"{"price": 12.34}"#).status, 200);
    eventually("somebody else's change is seen", || {
        come_back(&browser, PRODUCT);
        browser.json()["price"] == json!(12.34)
    });
    let exchanges = recorder.gets(PRODUCT);
    let changed = exchanges.iter().find(|exchange| exchange.etag != exchanges[0].etag).expect("it was fetched");
    assert_eq!((changed.status, &changed.if_none_match), (200, &exchanges[0].etag));
}

#[test]
fn a_page_that_is_asked_for_each_time_comes_once_in_the_browsers_coding() {
    let shop = Shop::new();
    let node = shop.node();
    let (recorder, browser) = (Recorder::start(node.address()), Chromium::start());
    let target = "/products?category=garden";
    browser.open(&recorder.url(target));
    let page = browser.json();
    assert_eq!(page, node.get(target).json());

    come_back(&browser, target);
    assert_eq!(browser.json(), page);
    let [first, second] = &recorder.gets(target)[..] else { panic!("each navigation is one request") };
    assert_eq!((first.status, first.coding.as_deref()), (200, Some("br")));
    assert_eq!((second.status, &second.if_none_match), (304, &first.etag));
}

#[test]
fn what_the_browser_changes_is_new_to_its_own_cache() {
    let shop = Shop::new();
    let node = shop.node();
    let (recorder, browser) = (Recorder::start(node.address()), Chromium::start());
    browser.open(&recorder.url(PRODUCT));
    let (page, price) = (browser.json(), json!(43.21));
    assert_ne!(page["price"], price);

    let status = browser.run_async(
        "const init = {method: 'PUT', headers: {'Content-Type': 'application/json'}, body: '{\"price\": 43.21}'};
         fetch('/products/1', init).then(response => arguments[0](response.status));",
    );
    assert_eq!(status, json!(200));
    come_back(&browser, PRODUCT);
    assert_eq!(browser.json()["price"], price);
    let [first, second] = &recorder.gets(PRODUCT)[..] else { panic!("the change is fetched once") };
    assert_eq!(second.status, 200);
    assert_ne!(first.etag, second.etag);
}
