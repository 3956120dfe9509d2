//! One resource has one key, and two resources have two.

use crate::server::Server;

#[test]
fn spellings_of_one_resource_share_an_answer_and_the_handler_sees_one_of_them() {
    let server = Server::start();
    let first = server.get_with("/%7euser?cache-control=max-age=60&q=%c3%a9", &[("host", "SHOP.test:80")]);
    assert!(first.body.contains("GET /~user?cache-control=max-age=60&q=%C3%A9 host=shop.test"), "{}", first.body);
    for (target, host) in [
        ("/~user?cache-control=max-age=60&q=%C3%A9", "shop.test"),
        ("/%7Euser?cache-control=max-age=60&q=%C3%a9", "Shop.Test"),
        ("http://SHOP.TEST/~user?cache-control=max-age=60&q=%C3%A9", "other.test"),
    ] {
        let again = server.get_with(target, &[("host", host)]);
        assert!(again.is_hit(), "{target} at {host}");
        assert_eq!(again.body, first.body);
    }
}

#[test]
fn resources_that_differ_in_anything_are_told_apart() {
    let server = Server::start();
    let requests = [
        ("/?cache-control=max-age=60&q=1&q=2", "shop.test"),
        ("/?cache-control=max-age=60&q=2&q=1", "shop.test"),
        ("/?cache-control=max-age=60&q=1", "shop.test"),
        ("/?cache-control=max-age=60&q=1&q=2", "shop.test:8080"),
        ("/?cache-control=max-age=60&q=1&q=2", "other.test"),
        ("//?cache-control=max-age=60&q=1&q=2", "shop.test"),
        ("/A?cache-control=max-age=60", "shop.test"),
        ("/a?cache-control=max-age=60", "shop.test"),
        ("/a%2Fb?cache-control=max-age=60", "shop.test"),
        ("/a/b?cache-control=max-age=60", "shop.test"),
    ];
    for (target, host) in requests {
        assert!(!server.get_with(target, &[("host", host)]).is_hit(), "{target} at {host}");
    }
    for (target, host) in requests {
        assert!(server.get_with(target, &[("host", host)]).is_hit(), "{target} at {host}");
    }
}

#[test]
fn a_host_may_be_called_as_services_are() {
    let server = Server::start();
    for host in ["my_app", "my_app:8080", "127.0.0.1:8080", "[::1]:8080", "shop.test."] {
        for is_hit in [false, true] {
            let reply = server.get_with("/?cache-control=max-age=60", &[("host", host)]);
            assert_eq!(reply.is_hit(), is_hit, "{host}: {}", reply.cache_status());
        }
    }
}

#[test]
fn what_others_might_read_differently_goes_past_the_cache() {
    let server = Server::start();
    for (target, host, detail) in [
        ("/a/../b?cache-control=max-age=60", "shop.test", "path"),
        ("/a/%2e%2E/b?cache-control=max-age=60", "shop.test", "path"),
        ("/a/.?cache-control=max-age=60", "shop.test", "path"),
        ("/%zz?cache-control=max-age=60", "shop.test", "path"),
        ("/?cache-control=max-age=60", "shop.test, evil.test", "authority"),
        ("/?cache-control=max-age=60", "evil@shop.test", "authority"),
    ] {
        for _ in 0..2 {
            let reply = server.get_with(target, &[("host", host)]);
            assert_eq!(reply.cache_status(), format!("cachet; fwd=bypass; detail=\"{detail}\""), "{target} at {host}");
        }
    }
    let two_hosts = server.get_with("/?cache-control=max-age=60", &[("host", "shop.test"), ("host", "evil.test")]);
    assert!(two_hosts.status == 400 || !two_hosts.is_hit(), "{two_hosts:?}");
    assert!(!server.get("/?cache-control=max-age=60").is_hit(), "nothing of it was stored");
}

#[test]
fn a_key_is_shown_in_debug_only() {
    let quiet = Server::start();
    assert!(!quiet.get("/?cache-control=max-age=60").cache_status().contains("key="));
    let open = Server::with(|cache| cache.debug().name("edge").x_cache());
    let reply = open.get("/?cache-control=max-age=60&cache-status=inner;%20hit");
    let expected = "inner; hit, edge; fwd=uri-miss; ttl=60; stored; key=\"http://shop.test/";
    assert!(reply.cache_status().starts_with(expected), "{}", reply.cache_status());
    assert_eq!(reply.header("x-cache").as_deref(), Some("MISS"));
}
