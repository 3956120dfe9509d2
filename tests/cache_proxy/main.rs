//! `examples/cache_proxy` between a client and an origin that both show every byte.

mod origin;
mod proxy;
#[path = "../support/mod.rs"]
mod support;

use crate::{origin::Origin, proxy::Proxy};

// The origin closes after each answer, and says so: a proxy that does not know may send the next request into the void.
const PAGE: &str =
    "HTTP/1.1 200 OK\r\nConnection: close\r\nCache-Control: max-age=60\r\nContent-Length: 5\r\n\r\nhello";

#[test]
fn an_answer_is_fetched_once() {
    let origin = Origin::start(|_| PAGE.into());
    let proxy = Proxy::start(&origin, &[]);
    let first = proxy.exchange("GET /a?b HTTP/1.1\r\nHost: shop.test\r\nConnection: close\r\n\r\n");
    assert!(first.starts_with("HTTP/1.1 200 OK\r\n") && first.ends_with("\r\n\r\nhello"), "{first}");
    assert!(first.contains("cache-status: cachet; fwd=uri-miss; ttl=60; stored\r\n"), "{first}");
    let second = proxy.get("/a?b");
    assert!(second.contains("cache-status: cachet; hit; ttl="), "{second}");
    assert!(second.contains("\r\nage: ") && second.contains("\r\nvia: 1.1 cachet\r\n"), "{second}");
    let [request] = &origin.requests()[..] else { panic!("one request: {:?}", origin.requests()) };
    assert!(request.starts_with("GET /a?b HTTP/1.1\r\n"), "{request}");
    assert!(request.contains("host: shop.test\r\n") && request.contains("via: 1.1 cachet\r\n"), "{request}");
}

#[test]
fn fields_of_one_connection_and_trailers_are_not_passed_on() {
    let origin = Origin::start(|_| {
        let head = "HTTP/1.1 200 OK\r\nConnection: x-hop, close\r\nX-Hop: 1\r\nKeep-Alive: timeout=5\r\nX-End: 2\r\n";
        format!(
            "{head}Cache-Control: max-age=60\r\nTrailer: x-late\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\nX-Late: 3\r\n\r\n"
        )
    });
    let proxy = Proxy::start(&origin, &[]);
    for _ in 0..2 {
        let fields =
            "Connection: close, x-mine\r\nX-Mine: 4\r\nTE: trailers\r\nProxy-Connection: keep-alive\r\nX-Other: 5";
        let reply = proxy.exchange(&format!("GET / HTTP/1.1\r\nHost: shop.test\r\n{fields}\r\n\r\n"));
        assert!(reply.contains("hello") && reply.contains("x-end: 2\r\n"), "{reply}");
        for gone in ["x-hop", "keep-alive", "trailer", "x-late"] {
            assert!(!reply.to_ascii_lowercase().contains(gone), "{gone}: {reply}");
        }
    }
    let [request] = &origin.requests()[..] else { panic!("one request: {:?}", origin.requests()) };
    assert!(request.contains("x-other: 5\r\n"), "{request}");
    for gone in ["x-mine", "te: ", "proxy-connection"] {
        assert!(!request.contains(gone), "{gone}: {request}");
    }
}

#[test]
fn a_field_that_a_client_has_removed_on_the_way_tells_no_answers_apart() {
    let respond = |request: &str| {
        let language = request.split("\r\n").find_map(|line| line.strip_prefix("accept-language: ")).unwrap_or("-");
        let host = request.split("\r\n").find_map(|line| line.strip_prefix("host: ")).unwrap_or("-");
        let text = format!("language={language} host={host}");
        let head = "HTTP/1.1 200 OK\r\nConnection: close\r\nCache-Control: max-age=60\r\nVary: Accept-Language";
        format!("{head}\r\nContent-Length: {}\r\n\r\n{text}", text.len())
    };
    let origin = Origin::start(respond);
    let proxy = Proxy::start(&origin, &[]);
    let with = |fields: &str| proxy.exchange(&format!("GET / HTTP/1.1\r\nHost: shop.test\r\n{fields}\r\n\r\n"));
    for attack in ["close, Accept-Language", "close, Host", "Accept-Language, host\r\nConnection: close"] {
        with(&format!("Accept-Language: de\r\nConnection: {attack}"));
        let victim = with("Accept-Language: de\r\nConnection: close");
        assert!(victim.ends_with("language=de host=shop.test"), "{attack}: {victim}");
        let other = with("Connection: close");
        assert!(other.ends_with("language=- host=shop.test"), "{attack}: {other}");
    }
    assert_eq!(origin.requests().len(), 2);
}

#[test]
fn the_origin_is_sent_the_host_that_the_target_names() {
    let origin = Origin::start(|_| PAGE.into());
    let proxy = Proxy::start(&origin, &[]);
    for method in ["GET", "PUT", "POST", "OPTIONS"] {
        let head = format!("{method} http://shop.test/ HTTP/1.1\r\nHost: evil.test\r\nConnection: close");
        proxy.exchange(&format!("{head}\r\nContent-Length: 0\r\n\r\n"));
        let request = origin.requests().pop().expect("it was passed on");
        assert!(request.starts_with(&format!("{method} / ")) && request.contains("host: shop.test\r\n"), "{request}");
        assert!(!request.contains("evil"), "{request}");
    }
    let head = "PUT / HTTP/1.1\r\nHost: shop.test\r\nConnection: close, host, content-length\r\nContent-Length: 4";
    proxy.exchange(&format!("{head}\r\n\r\nbody"));
    let request = origin.requests().pop().expect("it was passed on");
    assert!(request.contains("host: shop.test\r\n") && request.contains("body"), "{request}");
}

#[test]
fn a_host_of_any_name_is_cached() {
    for host in ["my_service", "my_service:8080", "127.0.0.1", "[::1]:80", "a~b.test"] {
        let origin = Origin::start(|_| PAGE.into());
        let proxy = Proxy::start(&origin, &[]);
        let request = format!("GET / HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n");
        proxy.exchange(&request);
        assert!(proxy.exchange(&request).contains("cachet; hit"), "{host}");
    }
}

#[test]
fn a_tunnel_is_refused_with_a_reason() {
    let origin = Origin::start(|_| PAGE.into());
    let proxy = Proxy::start(&origin, &[]);
    let reply = proxy.exchange("CONNECT shop.test:443 HTTP/1.1\r\nHost: shop.test:443\r\nConnection: close\r\n\r\n");
    let (head, body) = reply.split_once("\r\n\r\n").expect("an answer has a head");
    assert!(head.starts_with("HTTP/1.1 501 "), "{reply}");
    assert!(
        head.to_ascii_lowercase().contains(&format!("content-length: {}", body.len())) && !body.is_empty(),
        "{reply}"
    );
    assert!(proxy.get("/").ends_with("hello"), "and the proxy goes on");
    assert_eq!(origin.requests().len(), 1);
}

#[test]
fn interim_answers_are_passed_over() {
    let origin = Origin::start(|_| {
        format!("HTTP/1.1 102 Processing\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: </a>; rel=preload\r\n\r\n{PAGE}")
    });
    let proxy = Proxy::start(&origin, &[]);
    for _ in 0..2 {
        let reply = proxy.get("/");
        assert!(reply.starts_with("HTTP/1.1 200 OK\r\n") && reply.ends_with("hello"), "{reply}");
    }
    assert_eq!(origin.requests().len(), 1);
}

#[test]
fn a_body_that_is_cut_off_is_stored_by_nobody() {
    for framing in ["Content-Length: 10\r\n\r\nhello", "Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n", "\r\nhello"]
    {
        let origin = Origin::start(move |_| {
            format!("HTTP/1.1 200 OK\r\nConnection: close\r\nCache-Control: max-age=60\r\n{framing}")
        });
        let proxy = Proxy::start(&origin, &[]);
        for count in 1..=2 {
            proxy.get("/");
            assert_eq!(origin.requests().len(), count, "{framing:?}");
        }
    }
}

#[test]
fn a_body_whose_end_is_in_doubt_is_stored_by_nobody() {
    for (framing, passed) in [
        // It ends where the connection does.
        ("Transfer-Encoding: identity\r\n\r\nhello", Some("hello")),
        ("Transfer-Encoding: Chunked\r\nContent-Length: 3\r\n\r\n5\r\nhello\r\n0\r\n\r\n", Some("hello")),
        ("Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\na\r\n0123456789\r\n0\r\n\r\n", Some("0123456789")),
        // Codings that nobody asked for, or that say no end.
        ("Transfer-Encoding: chunked, gzip\r\n\r\n5\r\nhello\r\n0\r\n\r\n", None),
        ("Transfer-Encoding: gzip, chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n", None),
        ("Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n\r\n5\r\nhello\r\n0\r\n\r\n", None),
        ("Transfer-Encoding: xchunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n", None),
    ] {
        let origin = Origin::start(move |_| {
            format!("HTTP/1.1 200 OK\r\nConnection: close\r\nCache-Control: max-age=60\r\n{framing}")
        });
        let proxy = Proxy::start(&origin, &[]);
        for count in 1..=2 {
            let reply = proxy.get("/");
            match passed {
                Some(body) => {
                    assert!(reply.starts_with("HTTP/1.1 200 ") && unchunked(&reply) == body, "{framing:?}: {reply}");
                    assert!(!reply.to_ascii_lowercase().contains("content-length"), "{framing:?}: {reply}");
                }
                None => assert!(reply.starts_with("HTTP/1.1 502 "), "{framing:?}: {reply}"),
            }
            assert_eq!(origin.requests().len(), count, "{framing:?}");
        }
    }
}

#[test]
fn a_body_in_chunks_to_its_end_is_stored() {
    let origin = Origin::start(|_| {
        let head = "HTTP/1.1 200 OK\r\nConnection: close\r\nCache-Control: max-age=60\r\nTransfer-Encoding: Chunked";
        format!("{head}\r\n\r\n5\r\nhello\r\n0\r\n\r\n")
    });
    let proxy = Proxy::start(&origin, &[]);
    for _ in 0..2 {
        assert!(proxy.get("/").contains("hello"));
    }
    assert_eq!(origin.requests().len(), 1);
}

#[test]
fn protocols_that_nobody_asked_for_are_a_502() {
    let origin =
        Origin::start(|_| "HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: evil\r\n\r\n".into());
    let reply = Proxy::start(&origin, &[]).get("/");
    assert!(reply.starts_with("HTTP/1.1 502 ") && !reply.contains("evil"), "{reply}");
}

/// The body of an answer in chunks.
fn unchunked(reply: &str) -> String {
    let (_, mut rest) = reply.split_once("\r\n\r\n").expect("an answer has a head");
    let mut body = String::new();
    while let Some((length, chunk)) = rest.split_once("\r\n") {
        let length = usize::from_str_radix(length, 16).expect("the length of a chunk");
        body.push_str(&chunk[..length]);
        rest = &chunk[length + 2..];
    }
    body
}

#[test]
fn what_is_no_answer_is_a_502_and_stored_by_nobody() {
    for nonsense in ["", "HTP 200\r\n\r\n", "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nhello"] {
        let origin = Origin::start(move |_| nonsense.into());
        let proxy = Proxy::start(&origin, &[]);
        let reply = proxy.get("/");
        assert!(reply.starts_with("HTTP/1.1 502 "), "{nonsense:?}: {reply}");
    }
}

#[test]
fn a_body_goes_to_the_origin_as_it_came_and_the_stored_answer_goes() {
    let origin = Origin::start(|_| PAGE.into());
    let proxy = Proxy::start(&origin, &[]);
    proxy.get("/");
    for (framing, body) in
        [("Content-Length: 4", "abcd"), ("Transfer-Encoding: chunked", "2\r\nab\r\n2\r\ncd\r\n0\r\n\r\n")]
    {
        let request = format!("POST / HTTP/1.1\r\nHost: shop.test\r\nConnection: close\r\n{framing}\r\n\r\n{body}");
        assert!(proxy.exchange(&request).contains("hello"));
        let posted = origin.requests().pop().expect("it was passed on");
        assert!(posted.starts_with("POST / ") && posted.contains("ab") && posted.contains("cd"), "{posted}");
        let before = origin.requests().len();
        proxy.get("/");
        assert_eq!(origin.requests().len(), before + 1, "the stored answer is gone");
    }
}

#[test]
fn a_head_has_the_length_that_its_origin_says() {
    let origin = Origin::start(|_| "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 5\r\n\r\n".into());
    let reply = Proxy::start(&origin, &[]).exchange("HEAD / HTTP/1.1\r\nHost: shop.test\r\nConnection: close\r\n\r\n");
    assert!(reply.to_ascii_lowercase().contains("content-length: 5\r\n") && reply.ends_with("\r\n\r\n"), "{reply}");
}

#[test]
fn flags_say_whom_the_proxy_listens_to() {
    let respond = |_: &str| {
        let head = "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 0\r\n";
        format!("{head}Cache-Control: no-store\r\nCDN-Cache-Control: max-age=60\r\n\r\n")
    };
    for (flags, stored) in [(&[][..], true), (&["--targets", ""], false), (&["--targets", "x,cdn-cache-control"], true)]
    {
        let origin = Origin::start(respond);
        let proxy = Proxy::start(&origin, flags);
        proxy.get("/");
        proxy.get("/");
        assert_eq!(origin.requests().len() == 1, stored, "{flags:?}");
    }

    let origin = Origin::start(respond);
    let proxy = Proxy::start(&origin, &["--honour-request-directives", "--debug"]);
    let only = "GET / HTTP/1.1\r\nHost: shop.test\r\nConnection: close\r\nCache-Control: only-if-cached\r\n\r\n";
    assert!(proxy.exchange(only).starts_with("HTTP/1.1 504 "));
    assert!(proxy.get("/").contains("key=\"http://shop.test/\""));
}

#[test]
fn an_origin_that_is_gone_leaves_what_is_stale_where_a_flag_lets_it_serve() {
    for (flags, status) in [(&["--stale-if-error", "60"][..], 200), (&[], 502)] {
        let origin = Origin::start(|request| {
            if request.contains("if-none-match") {
                return String::new();
            }
            let head = "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 5\r\nETag: \"a\"\r\n";
            format!("{head}Cache-Control: max-age=0\r\n\r\nhello")
        });
        let proxy = Proxy::start(&origin, flags);
        proxy.get("/");
        let reply = proxy.get("/");
        assert!(reply.starts_with(&format!("HTTP/1.1 {status} ")), "{flags:?}: {reply}");
        assert_eq!(origin.requests().len(), 2, "{flags:?}");
    }
}

#[test]
fn proxies_with_one_redis_share_what_they_store() {
    let (redis, origin) = (support::Redis::start(), Origin::start(|_| PAGE.into()));
    let [one, other] = [(); 2].map(|()| Proxy::start(&origin, &["--redis", &redis.url()]));
    one.get("/");
    assert!(other.get("/").contains("cachet; hit"));
    assert_eq!(origin.requests().len(), 1);
}
