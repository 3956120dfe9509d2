//! `stale-while-revalidate` and `stale-if-error` of cached handlers: the string speaks to this cache as well.

use std::{
    sync::atomic::{AtomicU16, AtomicU64, Ordering},
    time::Duration,
};

use actix_web::{
    HttpResponse, get,
    http::StatusCode,
    web::{Data, Path, ServiceConfig},
};
use cachet_core::{Cachet, cached};
use tokio::sync::Semaphore;

use crate::{
    fields,
    server::Server,
    support::{Redis, eventually},
};

/// What the handlers answer with.
type Status = Data<AtomicU16>;

fn answer(status: &Status) -> HttpResponse {
    let status = StatusCode::from_u16(status.load(Ordering::SeqCst)).expect("the tests ask for real ones");
    HttpResponse::build(status).body(status.as_str().to_owned())
}

#[get("/said/{id}")]
#[cached(ttl = 60, http = "public, max-age=30, stale-if-error=600")]
async fn said(_id: Path<u64>, status: Data<AtomicU16>) -> HttpResponse {
    answer(&status)
}

#[get("/given/{id}")]
#[cached(ttl = 60, http = "public, stale-if-error=5", stale_if_error = "10m")]
async fn given(_id: Path<u64>, status: Data<AtomicU16>) -> HttpResponse {
    answer(&status)
}

#[get("/unsaid/{id}")]
#[cached(ttl = 60, http = "public")]
async fn unsaid(_id: Path<u64>, status: Data<AtomicU16>) -> HttpResponse {
    answer(&status)
}

/// Counts its runs, each of which waits for the gate.
#[get("/counted/{id}")]
#[cached(ttl = 60, http = "public, max-age=30, stale-while-revalidate=600")]
async fn counted(_id: Path<u64>, runs: Data<AtomicU64>, gate: Data<Semaphore>) -> String {
    gate.acquire().await.expect("nobody closes the gate").forget();
    (runs.fetch_add(1, Ordering::SeqCst) + 1).to_string()
}

#[get("/everywhere/{id}")]
#[cached(ttl = 1, tier = "redis", http = "public", stale = "1h")]
async fn everywhere(_id: Path<u64>, runs: Data<AtomicU64>) -> String {
    (runs.fetch_add(1, Ordering::SeqCst) + 1).to_string()
}

#[test]
fn a_stale_answer_is_given_at_once_while_the_handler_runs_behind_it() {
    let (runs, gate) = (Data::new(AtomicU64::new(0)), Data::new(Semaphore::new(1)));
    let (app, gated) = (runs.clone(), gate.clone());
    let server = Server::start(move |config: &mut ServiceConfig| {
        config.app_data(app.clone()).app_data(gated.clone()).service(counted);
    });
    assert_eq!(server.get("/counted/1").body, b"1");
    server.advance(Duration::from_secs(100));
    for _ in 0..5 {
        let stale = server.get("/counted/1");
        assert_eq!((stale.body.as_slice(), stale.header("age")), (&b"1"[..], Some("100")));
    }
    eventually("one refresh waits at the gate", || server.stats("counted").refreshes == 1);
    gate.add_permits(1);
    eventually("it replaces the answer", || server.get("/counted/1").body == b"2");
    assert_eq!(server.get("/counted/1").header("age"), Some("0"));
    assert_eq!((runs.load(Ordering::SeqCst), server.stats("counted").refreshes), (2, 1));

    server.advance(Duration::from_secs(700));
    gate.add_permits(1);
    assert_eq!(server.get("/counted/1").body, b"3", "that one is too old");
}

#[test]
fn a_stale_answer_of_the_shared_tier_is_refreshed_too() {
    let redis = Redis::start();
    let runs = Data::new(AtomicU64::new(0));
    let app = runs.clone();
    let tiers = Cachet::builder().redis(redis.url()).deadline(Duration::from_secs(5));
    let server = Server::with(tiers, move |config: &mut ServiceConfig| {
        config.app_data(app.clone()).service(everywhere);
    });
    assert_eq!(server.get("/everywhere/1").body, b"1");
    eventually("its second is over by Redis's clock", || server.get("/everywhere/1").body != b"1");
    let stats = server.stats("everywhere");
    assert!(stats.stale >= 1 && stats.refreshes >= 1, "it was served stale first: {stats:?}");
}

fn start() -> (Server, Status) {
    let status = Data::new(AtomicU16::new(200));
    let app = status.clone();
    let server = Server::start(move |config: &mut ServiceConfig| {
        config.app_data(app.clone()).service(said).service(given).service(unsaid).service(refreshed);
    });
    (server, status)
}

#[test]
fn a_handler_that_fails_is_stood_in_for_by_its_last_answer() {
    let (server, status) = start();
    for target in ["/said/1", "/given/1"] {
        status.store(200, Ordering::SeqCst);
        let fresh = server.get(target);
        server.advance(Duration::from_secs(100));
        for code in [500, 503] {
            status.store(code, Ordering::SeqCst);
            let stale = server.get(target);
            assert_eq!((stale.status, &stale.body), (200, &fresh.body), "{target} {code}");
            let same = ["etag", "cache-control"];
            assert_eq!(fields(&stale, &same), fields(&fresh, &same));
            assert_eq!(stale.header("age"), Some("100"), "the client is told how old it is");
            let tag = fresh.header("etag").expect("a kept answer has a tag");
            assert_eq!(server.get_with(target, "if-none-match", tag).status, 304);
        }
        server.advance(Duration::from_secs(700));
        assert_eq!(server.get(target).status, 503, "{target}: it is too old");
    }
}

#[test]
fn what_is_gone_is_not_hidden_by_what_it_was() {
    let (server, status) = start();
    for code in [404, 401, 302] {
        status.store(200, Ordering::SeqCst);
        server.get("/said/2");
        server.advance(Duration::from_secs(100));
        status.store(code, Ordering::SeqCst);
        assert_eq!(server.get("/said/2").status, code);
        assert_eq!(server.get("/said/2").status, code, "the source is not left alone for that");
        status.store(503, Ordering::SeqCst);
        assert_eq!(server.get("/said/2").status, 503, "nor does a failure bring it back");
    }
}

/// A refresh that finds nothing.
#[get("/refreshed/{id}")]
#[cached(ttl = 60, http = "public, stale-while-revalidate=600")]
async fn refreshed(_id: Path<u64>, status: Data<AtomicU16>) -> HttpResponse {
    answer(&status)
}

#[test]
fn a_refresh_that_finds_nothing_ends_what_was_stale() {
    let (server, status) = start();
    server.get("/refreshed/1");
    server.advance(Duration::from_secs(100));
    status.store(404, Ordering::SeqCst);
    assert_eq!(server.get("/refreshed/1").status, 200, "the refresh runs behind this one");
    eventually("the refresh is over", || server.get("/refreshed/1").status == 404);
    status.store(503, Ordering::SeqCst);
    assert_eq!(server.get("/refreshed/1").status, 503);
}

#[test]
fn without_a_word_a_failure_is_passed_on() {
    let (server, status) = start();
    server.get("/unsaid/1");
    server.advance(Duration::from_secs(100));
    status.store(503, Ordering::SeqCst);
    let failed = server.get("/unsaid/1");
    assert_eq!((failed.status, failed.header("cache-control")), (503, Some("no-store")));
}
