//! Attacks on cached handlers: what a client sends beside the key reaches nobody else.
//!
//! Cookies and credentials are in `varied`, `Set-Cookie` and bodies that end early in `unkept`.

use actix_web::{
    FromRequest, HttpRequest, HttpResponse,
    dev::Payload,
    get,
    web::{Bytes, Path, Query, ServiceConfig},
};
use cachet_core::{CacheKey, Invalidation, cached, invalidate_tag};
use serde::Deserialize;

use crate::{fields, server::Server, support::Reply};

/// What proxies say of a request, for a handler that believes them.
struct Believed(String);

impl FromRequest for Believed {
    type Error = actix_web::Error;
    type Future = std::future::Ready<Result<Self, Self::Error>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let field = |name: &str| request.headers().get(name).and_then(|value| value.to_str().ok());
        let host = request.connection_info().host().to_owned();
        let path = field("x-original-url").or(field("x-rewrite-url")).unwrap_or(request.path()).to_owned();
        let method = field("x-http-method-override").unwrap_or(request.method().as_str());
        std::future::ready(Ok(Self(format!("{method} {host}{path}"))))
    }
}

#[get("/believing/{id}")]
#[cached(ttl = 60, skip(believed), http = "public, max-age=30")]
async fn believing(id: Path<u64>, believed: Believed) -> String {
    format!("{id}: {}", believed.0)
}

#[get("/canonical/{id}")]
#[cached(ttl = 60, skip(request), http = "public, max-age=30", vary = ["accept-language"])]
async fn canonical(id: Path<u64>, request: HttpRequest) -> String {
    let connection = request.connection_info();
    format!("{id}: {} by {}", connection.host(), connection.scheme())
}

#[cached(ttl = 60, skip(request), tags = ["hosted"], http = "max-age=30", handle = hosted_cache)]
#[get("/hosted/{id}")]
async fn hosted(id: Path<u64>, request: HttpRequest) -> String {
    let named = request.headers().get_all("host").filter_map(|host| host.to_str().ok()).collect::<Vec<_>>().join(" ");
    let connection = request.connection_info();
    format!("{id}: {}://{} {named} {}", connection.scheme(), connection.host(), request.uri())
}

#[get("/plain/{id}")]
#[cached(ttl = 60, http = "public, max-age=30")]
async fn plain(id: Path<u64>) -> String {
    id.to_string()
}

#[get("/fat/{id}")]
#[cached(ttl = 60, skip(body), http = "public, max-age=30")]
async fn fat(id: Path<u64>, body: Bytes) -> String {
    format!("{id}: {}", String::from_utf8_lossy(&body))
}

#[get("/pairs/{one}/{other}")]
#[cached(ttl = 60, http = "public, max-age=30")]
async fn pairs(pair: Path<(String, String)>) -> String {
    format!("{pair:?}")
}

#[derive(Clone, Debug, Deserialize, CacheKey)]
struct Wanted {
    #[serde(default)]
    one: String,
    #[serde(default)]
    other: String,
}

#[get("/queried")]
#[cached(ttl = 60, http = "public, max-age=30")]
async fn queried(wanted: Query<Wanted>) -> String {
    format!("{wanted:?}")
}

#[get("/reflecting")]
#[cached(ttl = 60, http = "public, max-age=30")]
async fn reflecting(wanted: Query<Wanted>) -> HttpResponse {
    HttpResponse::Ok().insert_header(("x-reflected", wanted.one.as_str())).body("body")
}

fn routes(config: &mut ServiceConfig) {
    config.service(believing).service(canonical).service(hosted).service(plain).service(fat);
    config.service(pairs).service(queried).service(reflecting);
}

const MISLEADING: [&str; 5] =
    ["x-forwarded-host", "forwarded", "x-original-url", "x-rewrite-url", "x-http-method-override"];

/// What asks for a path and gives the body.
type Attack<'a> = dyn Fn(&str) -> String + 'a;

fn says_evil(reply: &Reply) -> bool {
    reply.body.windows(4).any(|bytes| bytes == b"evil")
}

#[test]
fn a_handler_that_believes_what_no_key_has_is_not_kept() {
    let server = Server::start(routes);
    let reason = "cachet; fwd=bypass; detail=\"the request says what it is for, and the key does not\"";
    for name in MISLEADING {
        let attack = server.get_with("/believing/1", name, "host=evil.test");
        assert!(says_evil(&attack), "the handler believes {name}");
        assert_eq!(fields(&attack, &["cache-control", "cache-status"]), [Some("no-store"), Some(reason)]);
        assert!(!says_evil(&server.get("/believing/1")), "{name}");
    }
    assert_eq!(server.loads("believing"), 2, "one answer, and what counts its variants");
    // In the other order: nobody is answered from an entry that was made without the field.
    assert!(says_evil(&server.get_with("/believing/1", "x-forwarded-host", "evil.test")));
}

#[test]
fn with_vary_what_misleads_makes_a_variant_for_those_who_send_it() {
    let server = Server::start(routes);
    for name in ["x-forwarded-host", "forwarded"] {
        for _ in 0..2 {
            let attack = server.get_with("/canonical/1", name, "host=evil.test");
            assert!(says_evil(&attack), "the handler believes {name}");
            assert!(varies_by(&attack, name), "caches in front are told: {attack:?}");
        }
        assert!(!says_evil(&server.get_with("/canonical/1", name, "host=other.test")), "its value is in the key");
        let victim = server.get("/canonical/1");
        assert!(!says_evil(&victim) && !varies_by(&victim, name), "{victim:?}");
    }
    assert_eq!(server.loads("canonical"), 6, "five variants, and what counts them");
}

fn varies_by(reply: &Reply, name: &str) -> bool {
    reply.headers.iter().any(|(field, value)| field == "vary" && value == name)
}

#[test]
fn a_proxy_that_names_the_client_spoils_nothing() {
    let server = Server::start(routes);
    for client in ["192.0.2.1", "192.0.2.2"] {
        assert_eq!(server.get_with("/believing/1", "x-forwarded-for", client).status, 200);
    }
    assert_eq!(server.loads("believing"), 2, "one answer, and what counts its variants");
}

#[test]
fn a_place_that_somebody_made_up_reaches_nobody_else() {
    let server = Server::start(routes);
    let at = |target: &str, host: &str| {
        let request = format!("GET {target} HTTP/1.1\r\nhost: {host}\r\nconnection: close\r\n\r\n");
        exchange(&server, &request).split_once("\r\n\r\n").expect("an answer has a head").1.to_owned()
    };
    let attacks: [(&str, &Attack<'_>); 7] = [
        ("Host", &|path| at(path, "evil.test")),
        ("two of them", &|path| at(path, "shop.test\r\nhost: evil.test")),
        ("an absolute target", &|path| at(&format!("http://evil.test{path}"), "shop.test")),
        ("Host beside it", &|path| at(&format!("http://shop.test{path}"), "evil.test")),
        ("its scheme", &|path| at(&format!("evil://shop.test{path}"), "shop.test")),
        (":authority", &|path| server.get_by_http2(&format!("http://evil.test{path}"), None).body),
        (":scheme", &|path| server.get_by_http2(&format!("evil://shop.test{path}"), None).body),
    ];
    for handler in ["hosted", "believing", "canonical"] {
        let mut believed = 0;
        for (id, (by, attack)) in attacks.iter().enumerate() {
            let path = format!("/{handler}/{id}");
            believed += usize::from(attack(&path).contains("evil"));
            let victims = [at(&path, "shop.test"), server.get_by_http2(&format!("http://shop.test{path}"), None).body];
            assert!(
                victims.iter().all(|victim| victim.contains("shop.test") && !victim.contains("evil")),
                "{by}: {victims:?}"
            );
        }
        assert!(believed > 0, "{handler} shows whom it believes");
    }
}

#[test]
fn an_invalidation_takes_what_every_host_has() {
    let server = Server::start(routes);
    let ask = || {
        for host in ["one.test", "other.test"] {
            for id in [1, 2] {
                let reply = server.request("GET", &format!("/hosted/{id}")).at(host).send();
                assert!(
                    String::from_utf8_lossy(&reply.body).starts_with(&format!("{id}: http://{host} ")),
                    "{reply:?}"
                );
            }
        }
        server.loads("hosted")
    };
    assert_eq!([ask(), ask()], [6, 6], "two answers for each of two hosts, and what counts them");
    assert_eq!(server.within(hosted_cache::invalidate(1)), Invalidation::Done);
    assert_eq!(ask(), 9, "those of the other resource stay");
    assert_eq!(server.within(invalidate_tag("hosted")), Invalidation::Done);
    assert_eq!(ask(), 15);
}

#[test]
fn a_handler_that_sees_its_key_alone_has_one_answer_for_all_hosts() {
    let server = Server::start(routes);
    for host in ["one.test", "other.test"] {
        assert_eq!(server.request("GET", "/plain/1").at(host).send().body, b"1");
    }
    assert_eq!(server.get_by_http2("evil://evil.test/plain/1", None).body, "1");
    let stats = server.stats("plain");
    assert_eq!((stats.loads, stats.memory_hits, stats.entries), (1, 2, 1), "and asks for nothing else");
}

#[test]
fn names_that_are_made_up_for_the_service_are_bounded_and_reach_nobody_else() {
    let server = Server::start(routes);
    let at = |host: &str| {
        let text = format!("GET /canonical/1 HTTP/1.1\r\nhost: {host}\r\nconnection: close\r\n\r\n");
        exchange(&server, &text)
    };
    for number in 0..100 {
        assert!(at(&format!("evil{number}.test")).ends_with(&format!("1: evil{number}.test by http")));
    }
    assert!(at("shop.test").ends_with("1: shop.test by http"));
    assert!(server.stats("canonical").entries <= 65, "64 variants, and what counts them");
}

#[test]
fn a_get_with_a_body_goes_past_a_handler_that_could_read_it() {
    let server = Server::start(routes);
    let reason = "cache-status: cachet; fwd=bypass; detail=\"the request has a body, and the key does not\"";
    for (framing, body) in [("content-length: 4", "evil"), ("transfer-encoding: chunked", "4\r\nevil\r\n0\r\n\r\n")] {
        let request =
            |path: &str| format!("GET {path} HTTP/1.1\r\nhost: a\r\nconnection: close\r\n{framing}\r\n\r\n{body}");
        let attack = exchange(&server, &request("/fat/1"));
        assert!(attack.ends_with("1: evil") && attack.contains(reason), "{attack}");
        assert!(exchange(&server, &request("/plain/1")).ends_with("\r\n\r\n1"), "it sees no body");
    }
    assert_eq!((server.get("/fat/1").body, server.loads("fat")), (b"1: ".to_vec(), 2));
    assert_eq!((server.get("/plain/1").body, server.loads("plain")), (b"1".to_vec(), 1));
}

#[test]
fn a_get_over_http2_that_announces_no_body_and_has_one_goes_past_it_too() {
    let server = Server::start(routes);
    let attack = server.get_by_http2("http://shop.test/fat/1", Some("evil"));
    let reason = "cachet; fwd=bypass; detail=\"the request has a body, and the key does not\"";
    assert_eq!((attack.body.as_str(), attack.header("cache-status")), ("1: evil", Some(reason)));
    assert_eq!(server.loads("fat"), 0);
    assert_eq!(server.get_by_http2("http://shop.test/fat/1", None).body, "1: ");
    assert_eq!(server.request("GET", "/fat/1").at("shop.test").send().body, b"1: ");
    assert_eq!(server.loads("fat"), 2, "one answer, and what counts its variants");
    assert_eq!(server.get_by_http2("http://shop.test/plain/1", Some("evil")).body, "1", "it sees no body");
}

#[test]
fn a_method_override_changes_no_method() {
    let server = Server::start(routes);
    for name in ["x-http-method-override", "x-http-method", "x-method-override"] {
        assert_eq!(server.get_with("/plain/1", name, "DELETE").body, b"1");
    }
    assert_eq!(server.loads("plain"), 1, "it is the answer to GET, for everyone");
    assert_eq!(server.request("DELETE", "/plain/1").send().status, 404, "no route");
}

#[test]
fn resources_are_told_apart_as_the_handler_does_and_spellings_are_one() {
    let server = Server::start(routes);
    let targets = [
        "/pairs/a%2Fb/c",
        "/pairs/a/b%2Fc",
        "/pairs/A/b",
        "/pairs/a/B",
        "/pairs/a%22,%20%22b/c",
        "/pairs/a/b%22,%20%22c",
        "/pairs/a%00/b",
        "/queried?one=a&other=b",
        "/queried?one=b&other=a",
        "/queried?one=ab",
        "/queried?other=ab",
        "/queried?one=a%26other=b",
    ];
    let first: Vec<_> = targets.iter().map(|target| server.get(target)).collect();
    for (index, reply) in first.iter().enumerate() {
        assert_eq!(reply.status, 200, "{}", targets[index]);
        let same = first.iter().filter(|other| other.body == reply.body).count();
        assert_eq!(same, 1, "{} is the same as another", targets[index]);
        assert_eq!(server.get(targets[index]).body, reply.body, "{}", targets[index]);
    }
    assert_eq!(server.loads("pairs") + server.loads("queried"), first.len() as u64);
    // Another spelling of the same arguments.
    for (target, same) in [("/pairs/%41/b", 2), ("/queried?other=b&one=a", 7), ("/queried?one=%61&other=b&x=1", 7)] {
        assert_eq!(server.get(target).body, first[same].body, "{target}");
    }
    assert_eq!(server.loads("pairs") + server.loads("queried"), first.len() as u64);
}

#[test]
fn what_servers_read_in_different_ways_is_refused_or_answered_alike() {
    let server = Server::start(routes);
    let good = server.get("/queried?one=a").body;
    let twice = server.get("/queried?one=a&one=evil");
    assert!(twice.status == 400 || twice.body != good, "{twice:?}");
    assert_eq!(server.get("/queried?one=a").body, good);
    for target in ["/plain/../plain/1", "/plain/./1", "/plain/%2e%2e/plain/1", "//plain/1"] {
        assert_eq!(server.get(target).status, 404, "{target} is no route");
    }
    assert_eq!(server.loads("plain"), 0);
}

#[test]
fn a_reflected_line_break_splits_no_answer_and_none_is_kept() {
    let server = Server::start(routes);
    for _ in 0..2 {
        let attack = server.get("/reflecting?one=a%0d%0aset-cookie:%20session=evil%0d%0a%0d%0a%3Cscript%3E");
        assert_eq!(fields(&attack, &["set-cookie", "x-reflected"]), [None, None], "{attack:?}");
        assert_eq!((attack.status, attack.header("cache-control")), (500, Some("no-store")));
    }
    assert_eq!(server.get("/reflecting?one=a").header("x-reflected"), Some("a"));
    assert_eq!(server.get("/reflecting?one=a").header("age"), Some("0"), "which is kept");
}

/// Sends bytes as they are, and gives all that comes.
fn exchange(server: &Server, request: &str) -> String {
    use std::io::{Read, Write};

    let mut stream = std::net::TcpStream::connect(server.address()).expect("the server accepts connections");
    stream.write_all(request.as_bytes()).expect("the server reads the request");
    let mut reply = String::new();
    stream.read_to_string(&mut reply).expect("the server answers and closes");
    reply
}
