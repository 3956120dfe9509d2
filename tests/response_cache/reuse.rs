//! What is stored is used as long as it may be, and no longer.

use std::time::Duration;

use crate::{server::Server, support::eventually};

#[test]
fn an_answer_grows_old_and_is_validated() {
    let server = Server::start();
    let target = "/?cache-control=max-age=60&etag=%22a%22";
    let first = server.get(target);
    assert!(first.cache_status().starts_with("cachet; fwd=uri-miss; ttl=60; stored"), "{}", first.cache_status());
    server.advance(59);
    let hit = server.get(target);
    assert_eq!((hit.header("age").as_deref(), hit.cache_status().as_str()), (Some("59"), "cachet; hit; ttl=1"));
    server.advance(1);
    let validated = server.get(target);
    assert_eq!(validated.cache_status(), "cachet; fwd=stale; fwd-status=304; ttl=60; stored");
    assert_eq!((validated.status, &validated.body, validated.header("age").as_deref()), (200, &first.body, Some("0")));
    assert!(server.get(target).is_hit());
    assert_eq!(server.origin.runs(), 2);
}

#[test]
fn a_client_is_told_whether_what_it_has_still_holds() {
    let server = Server::start();
    let target = "/?cache-control=max-age=60&etag=%22a%22&content-type=text/plain";
    server.get(target);
    for age in ["0", "61"] {
        server.advance(age.parse().expect("a number"));
        let current = server.get_with(target, &[("if-none-match", "\"b\", W/\"a\"")]);
        assert_eq!((current.status, current.body.as_str()), (304, ""), "{age}");
        assert_eq!(current.header("etag").as_deref(), Some("\"a\""));
        assert_eq!(current.header("content-type"), None);
        assert!(current.header("cache-control").is_some() && current.header("date").is_some());
        assert_eq!(server.get_with(target, &[("if-none-match", "\"b\"")]).status, 200, "a 304 becomes a 200");
    }
    assert_eq!(server.origin.runs(), 2);
}

#[test]
fn conditions_of_a_change_are_the_origins_to_evaluate() {
    let server = Server::start();
    let target = "/?cache-control=max-age=60&etag=%22a%22";
    server.get(target);
    for (name, value) in [("if-match", "\"b\""), ("if-unmodified-since", "Sun, 06 Nov 1994 08:49:37 GMT")] {
        let reply = server.get_with(target, &[(name, value)]);
        assert_eq!((reply.status, reply.is_hit()), (200, false), "{name}");
    }
}

#[test]
fn a_stale_answer_is_served_and_refreshed_behind_it() {
    let server = Server::start();
    let target = "/?cache-control=max-age=60,stale-while-revalidate=30";
    server.get(target);
    server.advance(70);
    let stale = server.get(target);
    assert_eq!(stale.cache_status(), "cachet; hit; ttl=-10");
    assert!(stale.body.starts_with("run 1: "));
    eventually("the refresh lands", || server.get(target).body.starts_with("run 2: "));
    server.advance(91);
    assert!(server.get(target).body.starts_with("run 3: "), "past its window it is not served");
}

#[test]
fn a_stale_answer_serves_in_place_of_an_error_where_it_may() {
    for (directives, serves) in [
        ("max-age=60,stale-if-error=30", true),
        ("max-age=60,stale-if-error=5", false),
        ("max-age=60", false),
        ("max-age=60,stale-if-error=30,must-revalidate", false),
        ("s-maxage=60,stale-if-error=30", false),
    ] {
        let server = Server::start();
        let target = format!("/?cache-control={directives}&etag=%22a%22");
        server.get(&target);
        server.advance(70);
        server.origin.breaks();
        let reply = server.get(&target);
        assert_eq!(reply.status, if serves { 200 } else { 503 }, "{directives}: {}", reply.cache_status());
        assert_eq!(reply.cache_status().contains("fwd-status=503"), serves, "{directives}");
    }
}

#[test]
fn a_stale_answer_that_says_nothing_about_errors_serves_as_long_as_the_configuration_says() {
    for (directives, serves) in [
        ("max-age=60", true),
        ("max-age=60,stale-if-error=5", false),
        ("max-age=60,must-revalidate", false),
        ("max-age=60,proxy-revalidate", false),
        ("s-maxage=60", false),
    ] {
        let server = Server::with(|cache| cache.stale_if_error(Duration::from_secs(30)));
        let target = format!("/?cache-control={directives}");
        server.get(&target);
        server.advance(70);
        server.origin.breaks();
        assert_eq!(server.get(&target).status, if serves { 200 } else { 503 }, "{directives}");
        server.advance(30);
        assert_eq!(server.get(&target).status, 503, "{directives}: the window is over");
    }
}

#[test]
fn a_client_cannot_force_work() {
    let server = Server::start();
    let target = "/?cache-control=max-age=60";
    server.get(target);
    for (name, value) in [("cache-control", "no-cache, no-store, max-age=0"), ("pragma", "no-cache")] {
        assert!(server.get_with(target, &[(name, value)]).is_hit(), "{name}");
    }
    assert_eq!(server.get_with("/?q=never", &[("cache-control", "only-if-cached")]).status, 200);
}

#[test]
fn a_client_is_heard_where_that_is_configured() {
    let server = Server::with(cachet_actix::ResponseCache::honour_request_directives);
    let target = "/?cache-control=max-age=60&etag=%22a%22";
    let only = server.get_with(target, &[("cache-control", "only-if-cached")]);
    assert_eq!((only.status, only.cache_status().as_str()), (504, "cachet; detail=\"only-if-cached\""));
    server.get(target);
    for (directive, hit) in [
        ("no-cache", false),
        ("max-age=30", true),
        ("min-fresh=50", true),
        ("min-fresh=61", false),
        ("only-if-cached", true),
    ] {
        assert_eq!(server.get_with(target, &[("cache-control", directive)]).is_hit(), hit, "{directive}");
    }
    let unchanged = server.get_with(target, &[("cache-control", "no-cache"), ("if-none-match", "\"a\"")]);
    assert_eq!(unchanged.status, 304, "what is validated may still be unchanged");
    server.advance(70);
    assert!(server.get_with(target, &[("cache-control", "max-stale=30")]).is_hit());
    assert!(!server.get_with(target, &[("cache-control", "max-stale=5")]).is_hit());
}

#[test]
fn what_is_targeted_at_this_cache_comes_first() {
    let server = Server::with(|cache| cache.targets(["cdn-cache-control".parse().expect("a name")]));
    for (fields, hit) in [
        ("cdn-cache-control=max-age=60&cache-control=no-store", true),
        ("cdn-cache-control=no-store&cache-control=max-age=60", false),
        ("cdn-cache-control=max-age=%2260%22&cache-control=no-store", false),
        ("cdn-cache-control=%26%26&cache-control=max-age=60", true),
    ] {
        let target = format!("/?{fields}");
        server.get(&target);
        assert_eq!(server.get(&target).is_hit(), hit, "{fields}");
    }
}
