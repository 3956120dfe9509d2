//! `vary` of cached handlers: which fields of a request are part of the key, and who may not fill the cache by them.

use std::{
    sync::atomic::{AtomicU16, AtomicU64, Ordering},
    time::Duration,
};

use actix_web::{
    FromRequest, HttpRequest, HttpResponse,
    dev::Payload,
    get,
    http::StatusCode,
    web::{Data, Path, ServiceConfig},
};
use cachet_core::{Cachet, Invalidation, cached, invalidate_tag};

use crate::{
    fields,
    server::Server,
    support::{Redis, Reply, eventually},
};

/// What a client asks for, read from the request without the attribute's knowledge.
struct Field<const N: usize>(String);

impl<const N: usize> Field<N> {
    const NAMES: [&str; 3] = ["accept-language", "cookie", "authorization"];
}

impl<const N: usize> FromRequest for Field<N> {
    type Error = actix_web::Error;
    type Future = std::future::Ready<Result<Self, Self::Error>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let lines = request.headers().get_all(Self::NAMES[N]).filter_map(|line| line.to_str().ok());
        std::future::ready(Ok(Self(lines.collect::<Vec<_>>().join(", "))))
    }
}

#[cached(
    ttl = 60,
    tags = ["greetings"],
    skip(language),
    http = "public, max-age=30",
    vary = ["Accept-Language"],
    handle = greeting_cache
)]
#[get("/greeting/{id}")]
async fn greeting(id: Path<u64>, language: Field<0>) -> HttpResponse {
    match language.0.as_str() {
        "fr" => HttpResponse::NotFound().finish(),
        "la" => HttpResponse::Ok().insert_header(("vary", "accept-language, origin")).body("salve"),
        language => HttpResponse::Ok().insert_header(("vary", "accept-language")).body(format!("{id} in {language}")),
    }
}

#[cached(
    ttl = "1h",
    tier = "memory,redis",
    skip(language),
    http = "public",
    vary = ["accept-language"],
    handle = shared_cache
)]
#[get("/shared/{id}")]
async fn shared(id: Path<u64>, language: Field<0>) -> String {
    format!("{id} in {}", language.0)
}

/// Counts its runs.
#[cached(
    ttl = 60,
    skip(language),
    http = "public, stale-while-revalidate=600",
    vary = ["accept-language"],
    handle = behind_cache
)]
#[get("/behind/{id}")]
async fn behind(_id: Path<u64>, language: Field<0>, runs: Data<AtomicU64>) -> String {
    format!("{} in {}", runs.fetch_add(1, Ordering::SeqCst) + 1, language.0)
}

/// A body, with the status that the test says.
fn told(status: &AtomicU16, language: Field<0>) -> HttpResponse {
    let status = StatusCode::from_u16(status.load(Ordering::SeqCst)).expect("the tests ask for real ones");
    HttpResponse::build(status).body(language.0)
}

#[cached(
    ttl = 60,
    skip(language),
    http = "public, stale-if-error=600",
    vary = ["accept-language"],
    handle = standing_in_cache
)]
#[get("/standing-in/{id}")]
async fn standing_in(_id: Path<u64>, language: Field<0>, status: Data<AtomicU16>) -> HttpResponse {
    told(&status, language)
}

#[cached(
    ttl = 1,
    tier = "memory,redis",
    skip(language),
    http = "public",
    vary = ["accept-language"],
    stale_if_error = "1h",
    handle = everywhere_cache
)]
#[get("/everywhere/{id}")]
async fn everywhere(_id: Path<u64>, language: Field<0>, status: Data<AtomicU16>) -> HttpResponse {
    told(&status, language)
}

#[get("/page")]
#[cached(ttl = 60, skip(user), http = "public, max-age=30", cdn = "max-age=600")]
async fn page(user: Field<1>) -> String {
    format!("for {}", user.0)
}

#[get("/mine")]
#[cached(ttl = 60, skip(user), http = "private, max-age=30")]
async fn mine(user: Field<2>) -> String {
    format!("for {}", user.0)
}

#[get("/account")]
#[cached(ttl = 60, skip(user), http = "private, max-age=30", vary = ["authorization"])]
async fn account(user: Field<2>) -> String {
    format!("for {}", user.0)
}

#[get("/plain/{id}")]
#[cached(ttl = 60, http = "public")]
async fn plain(id: Path<u64>) -> String {
    id.to_string()
}

fn routes(config: &mut ServiceConfig) {
    config.service(greeting).service(page).service(mine).service(account).service(plain);
}

fn speaks(server: &Server, target: &str, language: &str) -> Reply {
    // The nodes of a service have one name.
    server.request("GET", target).at("shop.test").header("accept-language", language).send()
}

/// How often the handler ran; a resource's variants take one more entry, its index.
fn runs(server: &Server, function: &str, indexes: u64) -> u64 {
    server.loads(function) - indexes
}

#[test]
fn each_value_of_a_field_is_a_variant() {
    let server = Server::start(routes);
    for _ in 0..2 {
        for language in ["de", "en", "de, en"] {
            let reply = speaks(&server, "/greeting/1", language);
            assert_eq!(reply.body, format!("1 in {language}").as_bytes());
            let said = fields(&reply, &["vary", "cache-control"]);
            assert_eq!(said, [Some("accept-language"), Some("public, max-age=30")]);
        }
    }
    assert_eq!(runs(&server, "greeting", 1), 3);
    assert_eq!(
        speaks(&server, "/greeting/1", " de ,en").body,
        b"1 in de, en",
        "a list is the same however it is spaced"
    );
    assert_eq!(server.get("/greeting/1").body, b"1 in ", "without the field it is another variant");
    assert_eq!(runs(&server, "greeting", 1), 4);
}

#[test]
fn a_304_of_a_variant_says_what_it_varies_by() {
    let server = Server::start(routes);
    let full = speaks(&server, "/greeting/1", "de");
    let tag = full.header("etag").expect("a kept answer has a tag");
    let ask = |language: &str| {
        server.request("GET", "/greeting/1").header("accept-language", language).header("if-none-match", tag).send()
    };
    let short = ask("de");
    assert_eq!((short.status, short.header("vary")), (304, Some("accept-language")));
    assert_eq!(ask("en").status, 200, "it is another variant's");
}

#[test]
fn an_invalidation_by_key_or_tag_takes_all_variants() {
    let server = Server::start(routes);
    let ask = || {
        speaks(&server, "/greeting/1", "de");
        speaks(&server, "/greeting/1", "en");
        speaks(&server, "/greeting/2", "en");
    };
    ask();
    assert_eq!(runs(&server, "greeting", 2), 3);
    assert_eq!(server.within(greeting_cache::invalidate(1)), Invalidation::Done);
    ask();
    assert_eq!(runs(&server, "greeting", 3), 5, "those of the other resource stay");
    assert_eq!(server.within(invalidate_tag("greetings")), Invalidation::Done);
    ask();
    assert_eq!(runs(&server, "greeting", 5), 8);
}

#[test]
fn a_client_cannot_fill_the_cache_with_values_that_it_makes_up() {
    let server = Server::start(routes);
    for number in 0..200 {
        let reply = speaks(&server, "/greeting/1", &format!("x-{number}"));
        assert_eq!((reply.status, reply.header("vary")), (200, Some("accept-language")));
    }
    assert_eq!(runs(&server, "greeting", 1), 64, "the rest is answered, and the cache is not asked");
    let long = "x".repeat(3000);
    for _ in 0..2 {
        assert_eq!(speaks(&server, "/greeting/2", &long).body.len(), 3005);
    }
    assert_eq!(server.loads("greeting"), 65, "not even an index is made for it");
    let known = server.stats("greeting").memory_hits;
    speaks(&server, "/greeting/1", "x-7");
    assert_eq!(server.stats("greeting").memory_hits, known + 2, "those that were there stay");
}

#[test]
fn a_stale_variant_is_given_at_once_and_refreshed_behind_it() {
    let runs = Data::new(AtomicU64::new(0));
    let server = Server::start(move |config: &mut ServiceConfig| {
        config.app_data(runs.clone()).service(behind);
    });
    let ask = |language| String::from_utf8(speaks(&server, "/behind/1", language).body).expect("it is text");
    assert_eq!([ask("de"), ask("en")], ["1 in de", "2 in en"]);
    // Longer than anything is of use that is not refreshed, what lies beneath the variants too.
    for round in 1..=8 {
        server.advance(Duration::from_secs(100));
        let stale = ["de", "en"].map(|language| speaks(&server, "/behind/1", language));
        let ages = stale.each_ref().map(|reply| reply.header("age"));
        assert_eq!(ages, [Some("100"); 2], "round {round}");
        let stale = stale.map(|reply| String::from_utf8(reply.body).expect("it is text"));
        eventually("both are refreshed", || ask("de") != stale[0] && ask("en") != stale[1]);
    }
    server.advance(Duration::from_secs(100));
    assert_eq!(server.within(behind_cache::invalidate(1)), Invalidation::Done);
    assert_eq!([ask("de"), ask("en")], ["19 in de", "20 in en"], "what was invalidated is not served stale");
    server.advance(Duration::from_secs(700));
    assert_eq!([ask("de"), ask("en")], ["21 in de", "22 in en"], "nor is what is too old");
}

#[test]
fn a_handler_that_fails_is_stood_in_for_by_the_last_answer_of_each_variant() {
    let status = Data::new(AtomicU16::new(200));
    let app = status.clone();
    let server = Server::start(move |config: &mut ServiceConfig| {
        config.app_data(app.clone()).service(standing_in);
    });
    let ask = |language| speaks(&server, "/standing-in/1", language).status;
    assert_eq!([ask("de"), ask("en")], [200, 200]);
    status.store(503, Ordering::SeqCst);
    for _ in 0..3 {
        server.advance(Duration::from_secs(100));
        assert_eq!([ask("de"), ask("en")], [200, 200]);
        assert_eq!(ask("fr"), 503, "there is no answer to stand in");
    }
    assert_eq!(server.within(standing_in_cache::invalidate(1)), Invalidation::Done);
    assert_eq!([ask("de"), ask("en")], [503, 503]);
}

#[test]
fn another_node_stands_in_by_what_the_shared_tier_has() {
    let (redis, status) = (Redis::start(), Data::new(AtomicU16::new(200)));
    let node = || {
        let (tiers, app) = (Cachet::builder().redis(redis.url()).deadline(Duration::from_secs(5)), status.clone());
        Server::with(tiers, move |config: &mut ServiceConfig| {
            config.app_data(app.clone()).service(everywhere);
        })
    };
    let one = node();
    assert_eq!(speaks(&one, "/everywhere/1", "de").body, b"de");
    status.store(503, Ordering::SeqCst);
    eventually("its second is over by Redis's clock too", || {
        one.advance(Duration::from_secs(2));
        assert_eq!(speaks(&one, "/everywhere/1", "de").status, 200);
        one.stats("everywhere").stale > 0
    });
    let other = node();
    assert_eq!(speaks(&other, "/everywhere/1", "de").body, b"de");
    assert_eq!(speaks(&other, "/everywhere/1", "fr").status, 503);
    assert_eq!(one.within(everywhere_cache::invalidate(1)), Invalidation::Done);
    assert_eq!(speaks(&node(), "/everywhere/1", "de").status, 503);
}

#[test]
fn an_answer_that_varies_by_more_is_not_stored() {
    let server = Server::start(routes);
    for run in 1..=2 {
        let reply = speaks(&server, "/greeting/1", "la");
        assert_eq!(fields(&reply, &["vary", "age"]), [Some("accept-language, origin"), None]);
        assert_eq!(runs(&server, "greeting", 1), run);
    }
    assert_eq!(speaks(&server, "/greeting/1", "fr").header("cache-control"), Some("no-store"));
}

#[test]
fn nodes_share_variants_and_what_invalidates_them() {
    let redis = Redis::start();
    let [one, other] = [(); 2].map(|()| {
        let tiers = Cachet::builder().redis(redis.url()).deadline(Duration::from_secs(5));
        Server::with(tiers, |config: &mut ServiceConfig| {
            config.service(shared);
        })
    });
    for language in ["de", "en"] {
        let (first, second) = (speaks(&one, "/shared/7", language), speaks(&other, "/shared/7", language));
        assert_eq!((first.body.as_slice(), &second.body), (format!("7 in {language}").as_bytes(), &first.body));
        assert_eq!(fields(&first, &["etag", "vary"]), fields(&second, &["etag", "vary"]));
    }
    assert_eq!((runs(&one, "shared", 1), other.loads("shared")), (2, 0));

    assert_eq!(one.within(shared_cache::invalidate(7)), Invalidation::Done);
    eventually("the other node hears of it, and both variants went with the key", || {
        for language in ["de", "en"] {
            speaks(&other, "/shared/7", language);
        }
        other.loads("shared") == 3
    });
}

#[test]
fn a_request_that_says_who_asks_goes_past_a_cache_that_does_not_know() {
    let server = Server::start(routes);
    for user in ["a", "b"] {
        let reply = server.get_with("/page", "cookie", user);
        assert_eq!(reply.body, format!("for {user}").as_bytes());
        assert_eq!(fields(&reply, &["cache-control", "cdn-cache-control"]), [Some("no-store"), None]);
        let reason = "cachet; fwd=bypass; detail=\"the request says who asks, and the key does not\"";
        assert_eq!(reply.header("cache-status"), Some(reason));

        let reply = server.get_with("/mine", "authorization", user);
        assert_eq!(reply.body, format!("for {user}").as_bytes());
        assert_eq!(reply.header("cache-control"), Some("private, max-age=30"), "this client may keep it");
    }
    assert_eq!((server.loads("page"), server.loads("mine")), (0, 0));
    for _ in 0..2 {
        let reply = server.get("/page");
        assert_eq!((reply.body.as_slice(), reply.header("cache-status")), (&b"for "[..], None));
    }
    assert_eq!(server.loads("page"), 2, "without a name it is for everyone; one load is of what counts variants");
}

#[test]
fn who_asks_may_be_part_of_the_key() {
    let server = Server::start(routes);
    for user in ["a", "b", "a", "b"] {
        let reply = server.get_with("/account", "authorization", user);
        assert_eq!(reply.body, format!("for {user}").as_bytes());
        assert_eq!(fields(&reply, &["vary", "cache-control"]), [Some("authorization"), Some("private, max-age=30")]);
    }
    assert_eq!(runs(&server, "account", 1), 2);
}

#[test]
fn a_handler_that_sees_its_key_alone_is_cached_whoever_asks() {
    let server = Server::start(routes);
    for user in ["a", "b"] {
        assert_eq!(server.get_with("/plain/1", "cookie", user).body, b"1");
    }
    assert_eq!(server.loads("plain"), 1);
}
