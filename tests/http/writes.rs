//! Preconditions on writes.

use std::sync::atomic::{AtomicU64, Ordering};

use actix_web::{
    HttpResponse, post, put,
    web::{Data, Path, ServiceConfig},
};
use cachet_actix::{PreconditionError, Preconditions, Validators};

use crate::{server::Server, support::Reply};

/// The version of the one document; zero while there is none.
type Document = Data<AtomicU64>;

fn validators(version: u64) -> Validators {
    if version == 0 { Validators::absent() } else { Validators::etag(version) }
}

#[put("/strict/{version}")]
async fn strict(pre: Preconditions, next: Path<u64>, document: Document) -> Result<HttpResponse, PreconditionError> {
    pre.require_match(&validators(document.load(Ordering::SeqCst)))?;
    document.store(*next, Ordering::SeqCst);
    Ok(HttpResponse::NoContent().finish())
}

#[put("/lenient/{version}")]
async fn lenient(pre: Preconditions, next: Path<u64>, document: Document) -> Result<HttpResponse, PreconditionError> {
    pre.check(&validators(document.load(Ordering::SeqCst)))?;
    document.store(*next, Ordering::SeqCst);
    Ok(HttpResponse::NoContent().finish())
}

#[post("/answered")]
async fn answered(document: Document) -> cachet_actix::Validated<&'static str> {
    document.fetch_add(1, Ordering::SeqCst);
    cachet_actix::Validated::new("done", Validators::etag("new"))
}

/// A server whose document is at a version, and the document.
fn start(version: u64) -> (Server, Document) {
    let document = Data::new(AtomicU64::new(version));
    let app = document.clone();
    let server = Server::start(move |config: &mut ServiceConfig| {
        config.app_data(app.clone()).service(strict).service(lenient).service(answered);
    });
    (server, document)
}

fn put_with(server: &Server, target: &str, name: &str, value: &str) -> Reply {
    server.request("PUT", target).header(name, value).send()
}

#[test]
fn a_blind_write_is_a_428_where_a_match_is_required() {
    let (server, document) = start(1);
    let reply = server.request("PUT", "/strict/2").send();
    assert_eq!(reply.status, 428);
    assert!(reply.json()["error"].as_str().is_some_and(|text| text.contains("If-Match")));
    assert_eq!(document.load(Ordering::SeqCst), 1);
}

#[test]
fn a_write_that_means_another_state_is_a_412_and_does_nothing() {
    let (server, document) = start(1);
    for value in ["\"0\"", "W/\"1\"", "1", ""] {
        let reply = put_with(&server, "/strict/2", "if-match", value);
        assert_eq!(reply.status, 412, "{value}");
        assert!(reply.json()["error"].is_string());
    }
    assert_eq!(document.load(Ordering::SeqCst), 1);
    for value in ["\"0\", \"1\"", "*"] {
        document.store(1, Ordering::SeqCst);
        assert_eq!(put_with(&server, "/strict/2", "if-match", value).status, 204, "{value}");
        assert_eq!(document.load(Ordering::SeqCst), 2);
    }
}

#[test]
fn of_two_writers_with_one_state_only_the_first_wins() {
    let (server, document) = start(1);
    let replies = [2, 3].map(|next| put_with(&server, &format!("/strict/{next}"), "if-match", "\"1\"").status);
    assert_eq!(replies, [204, 412]);
    assert_eq!(document.load(Ordering::SeqCst), 2);
}

#[test]
fn a_client_can_ask_to_create_and_never_to_overwrite() {
    let (server, document) = start(0);
    let replies = [1, 2].map(|next| put_with(&server, &format!("/lenient/{next}"), "if-none-match", "*").status);
    assert_eq!(replies, [204, 412]);
    assert_eq!(document.load(Ordering::SeqCst), 1);
}

#[test]
fn nothing_matches_what_is_not_there() {
    let (server, document) = start(0);
    assert_eq!(put_with(&server, "/lenient/1", "if-match", "*").status, 412);
    assert_eq!(document.load(Ordering::SeqCst), 0);
}

#[test]
fn a_write_that_was_performed_is_never_answered_with_412() {
    let (server, document) = start(0);
    let reply = server.request("POST", "/answered").header("if-match", "\"old\"").send();
    assert_eq!((reply.status, reply.header("etag")), (200, Some("\"new\"")));
    assert_eq!(document.load(Ordering::SeqCst), 1);
}
