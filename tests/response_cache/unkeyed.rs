//! Poisoning: what a client sends beside the key reaches nobody else.

use actix_web::{HttpResponse, http::header::HeaderName};

use crate::{http2::Answer, server::Server};

const PAGE: &str = "/?cache-control=max-age=60";

#[test]
fn a_handler_does_not_see_what_is_in_no_key() {
    for name in [
        "X-Forwarded-Host",
        "X-Forwarded-Proto",
        "x-forwarded-anything",
        "Forwarded",
        "X-Original-URL",
        "X-Rewrite-URL",
        "X-HTTP-Method-Override",
        "X-Host",
    ] {
        let server = Server::start();
        let attack = server.get_with(PAGE, &[(name, "evil.test")]);
        assert!(!attack.body.contains("evil"), "{name}: {}", attack.body);
        let victim = server.get(PAGE);
        assert!(victim.is_hit());
        assert!(!victim.body.contains("evil"), "{name}: {}", victim.body);
    }
}

#[test]
fn a_handler_does_not_see_what_gateways_take_for_another_field() {
    let server = Server::of(|_, request| {
        let names: Vec<_> = request.headers().keys().map(HeaderName::as_str).collect();
        HttpResponse::Ok().insert_header(("cache-control", "max-age=60")).body(names.join(" "))
    });
    let reply = server.get_with("/", &[("X_Forwarded_Host", "evil.test"), ("Accept_Language", "de"), ("x-any", "1")]);
    assert!(reply.body.contains("x-any") && !reply.body.contains('_'), "{}", reply.body);
}

#[test]
fn a_declared_field_is_seen_and_tells_answers_apart() {
    let server = Server::with(|cache| cache.keyed_by([HeaderName::from_static("x-forwarded-host")]));
    let one = server.get_with(PAGE, &[("x-forwarded-host", "one.test")]);
    let other = server.get_with(PAGE, &[("x-forwarded-host", "other.test")]);
    assert!(one.body.contains("x-forwarded-host=one.test"));
    assert!(other.body.contains("x-forwarded-host=other.test"));
    assert!(!server.get(PAGE).is_hit());
    assert!(server.get_with(PAGE, &[("x-forwarded-host", "one.test")]).body == one.body);
}

#[test]
fn a_method_override_changes_no_method() {
    let server = Server::start();
    let attack = server.get_with(PAGE, &[("x-http-method-override", "DELETE"), ("x-method-override", "DELETE")]);
    assert!(attack.body.contains("GET /") && attack.body.contains("x-http-method-override=-"), "{}", attack.body);
}

#[test]
fn a_reflected_line_break_splits_no_answer() {
    let server = Server::start();
    let target = "/?cache-control=max-age=60&x-reflected=a%0d%0aset-cookie:%20session=evil%0d%0a%0d%0a%3Cscript%3E";
    for _ in 0..2 {
        let reply = server.get(target);
        assert_eq!(reply.header("set-cookie"), None, "{reply:?}");
        assert!(reply.body.starts_with("run 1: "), "{reply:?}");
    }
    // A line break in the target itself is no request at all.
    let smuggled =
        server.exchange("GET /?a=b\r\nx-injected: c HTTP/1.1\r\nhost: shop.test\r\nconnection: close\r\n\r\n");
    assert_eq!(smuggled.status, 400);
}

#[test]
fn a_get_with_a_body_goes_past_the_cache() {
    let server = Server::start();
    let request = |framing: &str, body: &str| {
        format!("GET {PAGE} HTTP/1.1\r\nhost: shop.test\r\nconnection: close\r\n{framing}\r\n\r\n{body}")
    };
    for (framing, body) in [("content-length: 4", "evil"), ("transfer-encoding: chunked", "4\r\nevil\r\n0\r\n\r\n")] {
        let attack = server.exchange(&request(framing, body));
        assert_eq!(attack.cache_status(), "cachet; fwd=bypass; detail=\"body\"");
    }
    assert!(!server.get(PAGE).is_hit(), "nothing was stored");
    assert!(!server.exchange(&request("content-length: 4", "evil")).is_hit(), "and nothing served");
    assert!(server.exchange(&request("content-length: 0", "")).is_hit(), "an empty body is none");
}

#[test]
fn a_get_whose_head_announces_no_body_and_that_has_one_goes_past_the_cache() {
    let server = Server::start();
    let uri = format!("http://shop.test{PAGE}");
    let attack = server.get_by_http2(&uri, &[], Some("evil"));
    assert!(attack.body.ends_with("body=evil"), "it comes to the handler whole: {attack:?}");
    assert_eq!(attack.header("cache-status"), Some("cachet; fwd=bypass; detail=\"body\""));
    for _ in 0..2 {
        let honest = server.get_by_http2(&uri, &[], None);
        assert!(honest.body.ends_with("body="), "{honest:?}");
    }
    let victim = server.get(PAGE);
    assert!(victim.is_hit() && victim.body.ends_with("body="), "{victim:?}");
    assert!(!is_hit(&server.get_by_http2(&uri, &[], Some("evil"))), "nor is anything served for it");
}

#[test]
fn a_scheme_that_somebody_made_up_reaches_nobody_else() {
    for scheme in ["javascript", "evil", "ftp"] {
        let server = Server::start();
        let uri = format!("{scheme}://shop.test{PAGE}");
        let attack = server.get(&uri);
        assert_eq!(attack.cache_status(), "cachet; fwd=bypass; detail=\"scheme\"");
        let attack = server.get_by_http2(&uri, &[], None);
        assert_eq!(attack.header("cache-status"), Some("cachet; fwd=bypass; detail=\"scheme\""));
        let victim = server.get(PAGE);
        assert!(!victim.is_hit() && victim.body.contains(" scheme=http "), "{victim:?}");
    }
}

#[test]
fn the_handler_sees_the_connections_scheme_and_a_target_without_authority() {
    for first in ["https://shop.test", "http://shop.test", "HTTPS://SHOP.test:80"] {
        let server = Server::start();
        let attack = server.get(&format!("{first}{PAGE}"));
        assert!(attack.body.contains(&format!("GET {PAGE} host=shop.test scheme=http ")), "{attack:?}");
        assert!(server.get(PAGE).is_hit());
        assert!(is_hit(&server.get_by_http2(&format!("https://shop.test{PAGE}"), &[("host", "evil.test")], None)));
    }
}

#[test]
fn what_is_named_twice_is_named_by_the_target() {
    let server = Server::start();
    let (uri, evil) = (format!("http://shop.test{PAGE}"), [("host", "evil.test")]);
    let seen = [
        server.get_with(&uri, &evil).body,
        server.get_by_http2(&uri, &evil, None).body,
        server.send("POST", &uri, &evil).body,
        server.get_by_http2(&uri, &evil, Some("a body")).body,
        server.send("OPTIONS", &uri, &evil).body,
    ];
    for body in seen {
        assert!(body.contains(" host=shop.test "), "{body}");
    }
}

#[test]
fn a_field_that_is_of_the_connection_is_in_no_key_and_the_handler_does_not_see_it() {
    let page = format!("{PAGE}&vary=accept-language");
    for list in ["close, Accept-Language", "close,accept-language ,x-other", ", ACCEPT-LANGUAGE\r\nconnection: close"] {
        let server = Server::start();
        let with = |connection: &str| {
            let fields = format!("host: shop.test\r\naccept-language: de\r\nconnection: {connection}");
            server.exchange(&format!("GET {page} HTTP/1.1\r\n{fields}\r\n\r\n"))
        };
        assert!(with(list).body.contains("accept-language=- "), "{list}");
        let victim = with("close");
        assert!(!victim.is_hit() && victim.body.contains("accept-language=de "), "{list}: {victim:?}");
        assert!(server.get(&page).is_hit(), "what was stored is the answer without the field");
    }
}

#[test]
fn a_connection_lists_neither_the_host_nor_the_end_of_a_body() {
    let server = Server::start();
    let fields = "host: shop.test\r\ncontent-length: 4\r\nconnection: close, host, content-length, transfer-encoding";
    let attack = server.exchange(&format!("GET {PAGE} HTTP/1.1\r\n{fields}\r\n\r\nevil"));
    assert!(attack.body.contains(" host=shop.test ") && attack.body.ends_with("body=evil"), "{attack:?}");
    assert_eq!(attack.cache_status(), "cachet; fwd=bypass; detail=\"body\"");
}

fn is_hit(answer: &Answer) -> bool {
    answer.header("cache-status").is_some_and(|status| status.contains("hit"))
}
