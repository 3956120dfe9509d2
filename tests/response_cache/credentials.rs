//! What is for one client stays with that client.

use crate::server::Server;

#[test]
fn an_answer_to_credentials_is_shared_only_if_it_says_so() {
    for (cache_control, shared) in [
        ("max-age=60", false),
        ("max-age=60,public", true),
        ("s-maxage=60", true),
        ("max-age=60,must-revalidate", true),
    ] {
        let server = Server::start();
        let target = format!("/?cache-control={cache_control}");
        let first = server.get_with(&target, &[("authorization", "Basic b25l")]);
        let second = server.get_with(&target, &[("authorization", "Basic dHdv")]);
        assert_eq!(second.is_hit(), shared, "{cache_control}");
        assert_eq!(first.body == second.body, shared, "{cache_control}");
        assert_eq!(server.get(&target).is_hit(), shared, "{cache_control}: nor by one without credentials");
    }
}

#[test]
fn a_request_with_credentials_is_not_given_what_is_for_those_without() {
    let server = Server::start();
    server.get("/?cache-control=max-age=60");
    assert!(server.get("/?cache-control=max-age=60").is_hit());
    assert!(!server.get_with("/?cache-control=max-age=60", &[("authorization", "Basic b25l")]).is_hit());
}

#[test]
fn a_request_with_a_cookie_goes_past_the_cache() {
    let server = Server::start();
    let target = "/?cache-control=max-age=60,public";
    let reply = server.get_with(target, &[("cookie", "session=1")]);
    assert_eq!(reply.cache_status(), "cachet; fwd=bypass; detail=\"cookie\"");
    assert!(!server.get(target).is_hit(), "its answer is not stored");
    assert!(!server.get_with(target, &[("cookie", "session=1")]).is_hit(), "and it is given none");
}

#[test]
fn where_cookies_are_let_in_they_are_credentials() {
    let server = Server::with(cachet_actix::ResponseCache::cookies);
    for (cache_control, shared) in [("max-age=60", false), ("max-age=60,public", true)] {
        let target = format!("/?cache-control={cache_control}");
        server.get_with(&target, &[("cookie", "session=1")]);
        assert_eq!(server.get_with(&target, &[("cookie", "session=2")]).is_hit(), shared, "{cache_control}");
    }
}

#[test]
fn what_is_not_for_everybody_is_not_stored() {
    for (fields, detail) in [
        ("cache-control=max-age=60&set-cookie=session=1", "set-cookie"),
        ("cache-control=max-age=60,public&set-cookie=session=1", "set-cookie"),
        ("cache-control=max-age=60,private", "private"),
        ("cache-control=max-age=60,private=%22x%22", "private"),
        ("cache-control=max-age=60,no-store", "no-store"),
        ("cache-control=max-age=60&cache-control=No-Store", "no-store"),
        ("cache-control=max-age=60&status=206", "partial"),
        ("cache-control=max-age=60,no-store,must-understand&status=299", "must-understand"),
        ("etag=%22a%22&status=500", "status"),
        ("cache-control=max-age=0", "no freshness"),
    ] {
        let server = Server::start();
        let target = format!("/?{fields}");
        let first = server.get(&target);
        assert!(first.cache_status().ends_with(&format!("detail=\"{detail}\"")), "{fields}: {}", first.cache_status());
        assert!(!server.get(&target).is_hit(), "{fields}");
    }
}
