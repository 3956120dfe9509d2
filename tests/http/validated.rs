//! `Preconditions` and `Validated`: validators without a response cache.

use std::{
    sync::atomic::{AtomicUsize, Ordering},
    time::{Duration, SystemTime},
};

use actix_web::{
    HttpResponse, Responder, ResponseError, get,
    http::header::{ACCEPT_LANGUAGE, CONTENT_LANGUAGE, CONTENT_LOCATION, HeaderValue},
    web::{Json, Path, ServiceConfig},
};
use cachet_actix::{CacheControl, EntityTag, PreconditionError, Preconditions, Validated, Validators};

use crate::{fields, server::Server};

/// Sun, 06 Nov 1994 08:49:37 GMT
const MODIFIED: Duration = Duration::from_secs(784_111_777);

fn current() -> Validators {
    Validators::etag("v7").modified(SystemTime::UNIX_EPOCH + MODIFIED)
}

fn policy() -> CacheControl {
    CacheControl::private().max_age(30)
}

#[derive(Debug, thiserror::Error)]
enum AppError {
    #[error("nothing there")]
    NotFound,
    #[error(transparent)]
    Precondition(#[from] PreconditionError),
}

impl ResponseError for AppError {
    fn error_response(&self) -> HttpResponse {
        match self {
            Self::NotFound => HttpResponse::NotFound().json(self.to_string()),
            Self::Precondition(stop) => stop.error_response(),
        }
    }
}

static WORKED: AtomicUsize = AtomicUsize::new(0);

#[get("/checked/{id}")]
async fn checked(pre: Preconditions, id: Path<u64>) -> Result<impl Responder, AppError> {
    if *id == 0 {
        return Err(AppError::NotFound);
    }
    let (here, language) = (HeaderValue::from_static("/checked.en"), HeaderValue::from_static("en"));
    let like_the_200 = |stop: PreconditionError| {
        let stop = stop.cache(policy()).vary(ACCEPT_LANGUAGE).header(CONTENT_LOCATION, here);
        stop.header(CONTENT_LANGUAGE, language)
    };
    pre.check(&current()).map_err(like_the_200)?;
    WORKED.fetch_add(1, Ordering::Relaxed);
    Ok(Validated::new(Json("what took long"), current()).cache(policy()).vary(ACCEPT_LANGUAGE))
}

#[get("/unchecked/{id}")]
async fn unchecked(id: Path<u64>) -> impl Responder {
    let found = (*id != 0).then_some(Json("found"));
    Validated::new(found, EntityTag::weak("v7")).cache(policy())
}

#[get("/questioned")]
async fn questioned(pre: Preconditions) -> Result<impl Responder, actix_web::Error> {
    pre.check(&Validators::new().modified(SystemTime::UNIX_EPOCH + MODIFIED))?;
    Ok("good day")
}

/// An answer with every field that a 304 keeps, and with some that it does not.
#[get("/described")]
async fn described() -> impl Responder {
    let full = HttpResponse::Ok()
        .insert_header(("content-location", "/described.txt"))
        .insert_header(("expires", "Sun, 06 Nov 2044 08:49:37 GMT"))
        .insert_header(("content-language", "en"))
        .insert_header(("repr-digest", "sha-256=:AAAA:"))
        .insert_header(("last-modified", "Sun, 06 Nov 2044 08:49:37 GMT"))
        .body("good day");
    Validated::new(full, Validators::etag("v7")).cache(policy()).vary(ACCEPT_LANGUAGE)
}

fn routes(config: &mut ServiceConfig) {
    config.service(checked).service(unchecked).service(questioned).service(described);
}

#[test]
fn a_checked_handler_skips_its_work_for_a_client_that_is_up_to_date() {
    let server = Server::start(routes);
    let full = server.get("/checked/1");
    let said = ["etag", "last-modified", "cache-control", "vary"];
    let date = Some("Sun, 06 Nov 1994 08:49:37 GMT");
    assert_eq!(fields(&full, &said), [Some("\"v7\""), date, Some("private, max-age=30"), Some("accept-language")]);
    let worked = WORKED.load(Ordering::Relaxed);

    let short = server.get_with("/checked/1", "if-none-match", "W/\"v7\"");
    assert_eq!((short.status, short.body.len()), (304, 0));
    assert_eq!(fields(&short, &said), [Some("\"v7\""), None, Some("private, max-age=30"), Some("accept-language")]);
    assert_eq!(fields(&short, &["content-location", "content-language"]), [Some("/checked.en"), None]);
    assert_eq!(server.get_with("/checked/1", "if-match", "\"v6\"").status, 412);
    assert_eq!(WORKED.load(Ordering::Relaxed), worked);
}

#[test]
fn the_old_forms_of_a_date_are_understood() {
    let server = Server::start(routes);
    for (date, status) in [
        ("Sun, 06 Nov 1994 08:49:37 GMT", 304),
        ("Sunday, 06-Nov-94 08:49:37 GMT", 304),
        ("Sun Nov  6 08:49:37 1994", 304),
        ("Sun, 06 Nov 1994 08:49:36 GMT", 200),
        ("Sun, 06 Nov 1994 08:49:37", 200),
    ] {
        assert_eq!(server.get_with("/checked/1", "if-modified-since", date).status, status, "{date}");
    }
}

#[test]
fn a_304_without_a_tag_carries_the_date() {
    let server = Server::start(routes);
    let date = "Sun, 06 Nov 1994 08:49:37 GMT";
    let short = server.get_with("/questioned", "if-modified-since", date);
    assert_eq!((short.status, short.header("last-modified")), (304, Some(date)));
}

#[test]
fn a_304_has_the_fields_of_section_15_4_5_and_nothing_else_of_the_representation() {
    let server = Server::start(routes);
    let full = server.get("/described");
    assert_eq!(full.header("last-modified"), None, "it would be later than the answer's own date");
    let short = server.get_with("/described", "if-none-match", "\"v7\"");
    assert_eq!(short.status, 304);
    let mut names: Vec<_> = short.headers.iter().map(|(name, _)| name.as_str()).collect();
    names.sort_unstable();
    let kept = ["cache-control", "connection", "content-location", "date", "etag", "expires", "vary"];
    assert_eq!(names, kept);
    let same = ["cache-control", "content-location", "etag", "expires", "vary"];
    assert_eq!(fields(&short, &same), fields(&full, &same));
}

#[test]
fn an_unchecked_handler_gets_its_304_from_the_finished_answer() {
    let server = Server::start(routes);
    assert_eq!(server.get("/unchecked/1").header("etag"), Some("W/\"v7\""));
    let short = server.get_with("/unchecked/1", "if-none-match", "\"v7\"");
    assert_eq!((short.status, short.body.len(), short.header("content-type")), (304, 0, None));
    assert_eq!(short.header("cache-control"), Some("private, max-age=30"));
    assert_eq!(server.get_with("/unchecked/1", "if-match", "W/\"v7\"").status, 412, "a weak tag matches nothing");
}

#[test]
fn an_error_has_no_validators_and_ignores_preconditions() {
    let server = Server::start(routes);
    for target in ["/checked/0", "/unchecked/0"] {
        for name in ["if-none-match", "if-match"] {
            let reply = server.get_with(target, name, "\"v7\"");
            assert_eq!(reply.status, 404, "{target} {name}");
            assert_eq!(fields(&reply, &["etag", "last-modified", "cache-control"]), [None; 3]);
        }
    }
}
