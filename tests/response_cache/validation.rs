//! What a 304 says about what is stored, and what it does not.

use std::sync::{Arc, Mutex};

use actix_web::{
    HttpRequest, HttpResponse,
    http::StatusCode,
    middleware::Compress,
    web::{get, scope},
};
use cachet_actix::{CacheControl, Validated, Validators};

use crate::{server::Server, support::eventually};

/// What the handler was asked.
#[derive(Clone, Default)]
struct Asked(Arc<Mutex<Vec<String>>>);

impl Asked {
    fn note(&self, request: &HttpRequest) {
        self.0.lock().expect("no test panicked").push(field(request, "if-none-match"));
    }

    fn last(&self) -> String {
        self.0.lock().expect("no test panicked").last().cloned().unwrap_or_default()
    }
}

fn field(request: &HttpRequest, name: &str) -> String {
    request.headers().get(name).map_or("", |value| value.to_str().unwrap_or("?")).to_owned()
}

fn respond(status: u16, fields: &[(&str, &str)], body: String) -> HttpResponse {
    let mut response = HttpResponse::build(StatusCode::from_u16(status).expect("a status"));
    for field in fields.iter().filter(|(_, value)| !value.is_empty()) {
        response.append_header(*field);
    }
    response.append_header(("cache-control", "max-age=60")).body(body)
}

/// A server that answers each value of `X-V` with a tag of its own, and `X-V: 3` with a 304 that has the tag `names`, as
/// long as it is asked about anything.
fn variants(names: &'static str, asked: &Asked) -> Server {
    let asked = asked.clone();
    Server::of(move |_, request| {
        asked.note(request);
        let (value, conditions) = (field(request, "x-v"), field(request, "if-none-match"));
        if value == "3" && !conditions.is_empty() {
            return respond(304, &[("etag", names), ("vary", "x-v")], String::new());
        }
        respond(200, &[("etag", &format!("\"{value}\"")), ("vary", "x-v")], format!("v={value}"))
    })
}

#[test]
fn a_304_serves_the_answer_that_it_names() {
    for (named, body) in [("\"1\"", "v=1"), ("\"2\"", "v=2")] {
        let asked = Asked::default();
        let server = variants(named, &asked);
        for value in ["1", "2"] {
            server.get_with("/", &[("x-v", value)]);
        }
        let reply = server.get_with("/", &[("x-v", "3")]);
        assert_eq!(asked.last(), "\"2\", \"1\"");
        assert_eq!((reply.status, reply.body.as_str()), (200, body));
        assert_eq!(reply.cache_status(), "cachet; fwd=vary-miss; fwd-status=304; ttl=60; stored");
        assert_eq!(reply.header("etag").as_deref(), Some(named));
        let hit = server.get_with("/", &[("x-v", "3")]);
        assert_eq!((hit.is_hit(), hit.body.as_str()), (true, body));
        assert_eq!(server.origin.runs(), 3);
    }
}

#[test]
fn a_304_that_names_nothing_has_the_origin_asked_again() {
    for (held, names) in [(&["1", "2"][..], ""), (&["1", "2"], "\"9\""), (&["1"], ""), (&["1"], "\"9\"")] {
        let asked = Asked::default();
        let server = variants(names, &asked);
        for value in held {
            server.get_with("/", &[("x-v", value)]);
        }
        let reply = server.get_with("/", &[("x-v", "3"), ("if-none-match", "\"8\"")]);
        assert_eq!((reply.status, reply.body.as_str()), (200, "v=3"), "{held:?} {names}");
        assert!(reply.cache_status().contains("stored"), "{}", reply.cache_status());
        assert_eq!(asked.last(), "", "without a condition");
        assert!(server.get_with("/", &[("x-v", "3")]).is_hit());
    }
}

#[test]
fn what_is_stale_is_asked_about_with_every_tag_and_may_have_become_another() {
    let asked = Asked::default();
    let noting = asked.clone();
    let server = Server::of(move |run, request| {
        noting.note(request);
        let value = field(request, "x-v");
        let tag = if run > 2 { "\"2\"".to_owned() } else { format!("\"{value}\"") };
        let status = if run > 2 { 304 } else { 200 };
        respond(status, &[("etag", &tag), ("vary", "x-v")], format!("v={value}"))
    });
    for value in ["1", "2"] {
        server.get_with("/", &[("x-v", value)]);
    }
    server.advance(61);
    let became = server.get_with("/", &[("x-v", "1")]);
    assert_eq!(asked.last(), "\"1\", \"2\"", "the request's own comes first");
    assert_eq!((became.body.as_str(), became.header("etag").as_deref()), ("v=2", Some("\"2\"")));
    let hit = server.get_with("/", &[("x-v", "1")]);
    assert_eq!((hit.is_hit(), hit.body.as_str()), (true, "v=2"));
}

/// RFC 9111 §4.3.4: a 304 with a strong tag that nothing stored has updates nothing.
#[test]
fn a_304_with_another_tag_freshens_nothing() {
    for (stored, named, freshens) in [
        ("\"a\"", "\"b\"", false),
        ("\"a\"", "W/\"b\"", false),
        ("\"a\"", "\"a\"", true),
        ("\"a\"", "W/\"a\"", true),
        ("W/\"a\"", "\"a\"", true),
        ("\"a\"", "", true),
    ] {
        let server = Server::of(move |run, _| match run {
            1 => respond(200, &[("etag", stored), ("x-run", "1")], "one".to_owned()),
            _ => respond(304, &[("etag", named), ("x-run", "2")], String::new()),
        });
        server.get("/");
        server.advance(61);
        let reply = server.get("/");
        assert_eq!((reply.status, reply.body.as_str()), (200, "one"), "the origin says that it holds");
        assert_eq!(reply.header("etag").as_deref(), Some(stored));
        assert_eq!(reply.header("x-run").as_deref(), Some(if freshens { "2" } else { "1" }), "{stored} {named}");
        assert_eq!(reply.cache_status().contains("stored"), freshens, "{stored} {named}");
        assert_eq!(server.get("/").is_hit(), freshens, "{stored} {named}");
    }
}

#[test]
fn of_two_answers_with_one_tag_the_requests_own_is_the_one() {
    let server = Server::of(|run, request| {
        let status = if run > 2 { 304 } else { 200 };
        let value = field(request, "x-v");
        respond(status, &[("etag", "\"a\""), ("vary", "x-v")], format!("v={value}"))
    });
    server.get_with("/", &[("x-v", "1")]);
    // What has the same tag is the same, as far as the origin says; the stored list still has both.
    server.send("GET", "/", &[("x-v", "2"), ("if-match", "\"a\"")]);
    server.advance(61);
    assert_eq!(server.get_with("/", &[("x-v", "1")]).body, "v=1");
}

#[test]
fn of_two_answers_that_match_the_newest_date_wins() {
    let dates = ["Sun, 06 Nov 1994 08:49:37 GMT", "Sun, 06 Nov 1994 08:49:38 GMT"];
    for (order, newest) in [([0, 1], "run 2"), ([1, 0], "run 1")] {
        let server = Server::of(move |run, _| {
            let number = usize::from(run > 1);
            let fields = [("date", dates[order[number]]), ("vary", ["x-a", "x-b"][number])];
            let mut response = HttpResponse::Ok();
            for field in fields {
                response.append_header(field);
            }
            response.append_header(("cache-control", "max-age=2147483648")).body(format!("run {run}"))
        });
        server.get_with("/", &[("x-a", "1")]);
        server.get_with("/", &[("x-b", "1")]);
        let hit = server.get_with("/", &[("x-a", "1"), ("x-b", "1")]);
        assert_eq!((hit.is_hit(), hit.body.as_str()), (true, newest), "{order:?}");
        assert_eq!(server.origin.runs(), 2);
    }
}

/// An origin with one tag for the plain and the coded body, as `Express` has, and as middlewares that encode leave it.
#[test]
fn nobody_is_given_a_coding_by_a_tag_that_all_codings_share() {
    for tag in ["W/\"x\"", "\"x\""] {
        for order in [["gzip", ""], ["", "gzip"], ["br", "gzip"], ["gzip;q=0", "gzip"]] {
            let server = Server::of(move |_, request| {
                if field(request, "if-none-match").contains(tag) {
                    return respond(304, &[("etag", tag), ("vary", "accept-encoding")], String::new());
                }
                let coding = field(request, "accept-encoding");
                let coding = if coding.contains(';') { "" } else { &coding };
                let fields = [("etag", tag), ("vary", "accept-encoding"), ("content-encoding", coding)];
                respond(200, &fields, format!("coded {coding}"))
            });
            for _ in 0..2 {
                for accepted in order {
                    let fields = [("accept-encoding", accepted)];
                    let reply = server.get_with("/", if accepted.is_empty() { &[] } else { &fields });
                    let coding = if accepted.contains(';') { "" } else { accepted };
                    assert_eq!(reply.body, format!("coded {coding}"), "{tag} {order:?}: {}", reply.cache_status());
                    assert_eq!(reply.header("content-encoding").as_deref().unwrap_or_default(), coding);
                }
            }
        }
    }
}

#[test]
fn what_a_middleware_encoded_goes_to_those_who_take_it() {
    let server = Server::with_services(|config| {
        let answer = || async {
            let current = Validators::etag("v7");
            Validated::new("good day to you ".repeat(200), current).cache(CacheControl::public().max_age(60))
        };
        config.service(scope("").wrap(Compress::default()).route("/", get().to(answer)));
    });
    for coding in ["gzip", "", "gzip", "identity", "gzip", ""] {
        let fields = [("accept-encoding", coding)];
        let reply = server.get_with("/", if coding.is_empty() { &[] } else { &fields });
        // The plain body says nothing of other ones, so that it may be for all.
        let coded = reply.header("content-encoding");
        assert!(coded.is_none() || coding == "gzip", "{coding}: {}", reply.cache_status());
        assert_eq!(reply.status, 200);
    }
}

#[test]
fn a_weak_tag_does_not_tell_answers_apart() {
    let asked = Asked::default();
    let noting = asked.clone();
    let server = Server::of(move |_, request| {
        noting.note(request);
        let is_held = !field(request, "if-none-match").is_empty();
        let language = field(request, "accept-language");
        let fields = [("etag", "W/\"x\""), ("vary", "accept-language")];
        respond(if is_held { 304 } else { 200 }, &fields, format!("in {language}"))
    });
    for language in ["de", "en"] {
        assert_eq!(server.get_with("/", &[("accept-language", language)]).body, format!("in {language}"));
    }
    server.advance(61);
    assert_eq!(server.get_with("/", &[("accept-language", "de")]).body, "in de");
    assert_eq!(asked.last(), "W/\"x\"", "the request's own is asked about");
}

#[test]
fn a_client_that_wants_a_part_has_what_is_stale_refreshed_for_all() {
    for validator in ["", "\"a\""] {
        let server = Server::of(move |run, request| {
            let is_part = !field(request, "range").is_empty();
            let fields = [("etag", validator), ("cache-control", "stale-while-revalidate=30")];
            let body = format!("run {run}");
            if is_part {
                respond(206, &[("content-range", "bytes 0-2/5")], "run".into())
            } else {
                respond(200, &fields, body)
            }
        });
        server.get("/");
        server.advance(70);
        let part = server.get_with("/", &[("range", "bytes=0-2")]);
        assert_eq!((part.status, part.body.as_str(), part.is_hit()), (206, "run", true));
        eventually("the refresh lands", || {
            let reply = server.get("/");
            reply.is_hit() && reply.body == "run 2"
        });
        assert_eq!(server.origin.runs(), 2);
    }
}

#[test]
fn a_client_that_wants_a_part_of_what_is_stale_takes_nothing_from_the_others() {
    let server = Server::of(|run, request| {
        let is_part = !field(request, "range").is_empty();
        respond(if is_part { 206 } else { 200 }, &[("cache-control", "stale-if-error=30")], format!("run {run}"))
    });
    let fields = [("range", "bytes=0-2")];
    server.get("/");
    server.advance(61);
    assert_eq!(server.get_with("/", &fields).body, "run 2");
    assert!(server.get("/").is_hit());
}
