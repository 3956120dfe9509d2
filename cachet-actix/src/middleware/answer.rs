//! A client's answer from a stored one: its age, the client's preconditions, ranges (RFC 9111 §4.3.2).

use std::time::{Duration, SystemTime};

use actix_web::{
    HttpResponse,
    http::{
        Method, StatusCode,
        header::{
            AGE, CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_RANGE, CONTENT_TYPE, DATE, ETAG, HeaderMap, HeaderName,
            HeaderValue, LAST_MODIFIED,
        },
    },
};

use super::kept::Kept;
use crate::{
    preconditions::Preconditions,
    range::{Selection, cut},
    respond::shorten,
    validators::{Validators, Verdict, date},
};

/// Answers a GET or HEAD with what is stored, `age` after the origin made it.
pub(super) fn answer(method: &Method, request: &HeaderMap, kept: &Kept, age: Duration) -> HttpResponse {
    let (status, now) = (kept.status(), SystemTime::now());
    let mut head = HttpResponse::with_body(status, ());
    *head.headers_mut() = kept.headers();
    head.headers_mut().insert(AGE, HeaderValue::from(age.as_secs()));
    let (preconditions, own) = (Preconditions::read(method, request), Validators::new().overridden_by(head.headers()));
    if status.is_success() {
        let current = dated(own.clone(), head.headers());
        if let Verdict::NotModified = preconditions.verdict(&current, now) {
            return shorten(head);
        }
    }
    // The origin might have cut out a part as well: whether parts can be put together is for the client to see from the
    // validators.
    let asked = preconditions.range().filter(|_| status == StatusCode::OK);
    // What tells states apart by their dates is how old the state was when it was sent (RFC 9110 §8.8.2.2).
    let made = head.headers().get(DATE).and_then(date).unwrap_or(now);
    let selection = asked.map_or(Selection::Whole, |range| range.select(&own, kept.body.len() as u64, made));
    cut(head, kept.body.clone(), selection)
}

/// The validators of a stored answer. Without a date of modification, that of the answer itself has to do.
fn dated(own: Validators, headers: &HeaderMap) -> Validators {
    match headers.get(DATE).and_then(date).filter(|_| !headers.contains_key(LAST_MODIFIED)) {
        Some(made) => own.modified(made),
        None => own,
    }
}

/// Fields of a stored answer that a 304 does not change: they belong to the body (RFC 9111 §3.2).
const OF_BODY: [HeaderName; 4] = [CONTENT_LENGTH, CONTENT_RANGE, ETAG, CONTENT_ENCODING];

/// The stored fields, brought up to date by those of a 304.
pub(super) fn updated(kept: &Kept, fresh: &HeaderMap) -> HeaderMap {
    let mut headers = kept.headers();
    let is_update = |name: &HeaderName| {
        // An answer without a body has no type of its own, though libraries may write one.
        let says_nothing = *name == CONTENT_TYPE && fresh.get(name).is_some_and(HeaderValue::is_empty);
        !OF_BODY.contains(name) && name != "content-md5" && !says_nothing
    };
    for name in fresh.keys().filter(|name| is_update(name)) {
        headers.remove(name);
        for value in fresh.get_all(name) {
            headers.append(name.clone(), value.clone());
        }
    }
    headers
}
