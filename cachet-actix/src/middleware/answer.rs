//! A client's answer from a stored one: its age, the client's preconditions, ranges (RFC 9111 §4.3.2).

use std::time::{Duration, SystemTime};

use actix_web::{
    HttpResponse,
    body::{self, BoxBody},
    http::{
        Method, StatusCode,
        header::{
            AGE, CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_RANGE, CONTENT_TYPE, ETAG, HeaderMap, HeaderName,
            HeaderValue,
        },
    },
};

use super::kept::Kept;
use crate::{
    preconditions::Preconditions,
    range::{Selection, cut},
    respond::seconds,
    validators::Verdict,
};

/// Answers a GET or HEAD with what is stored, `age` after the origin made it.
pub(super) fn answer(method: &Method, request: &HeaderMap, kept: &Kept, age: Duration) -> HttpResponse {
    let (status, now, preconditions) = (kept.status(), SystemTime::now(), Preconditions::read(method, request));
    let age = seconds(age);
    if status.is_success() && preconditions.verdict(kept.dated(), now) == Verdict::NotModified {
        let mut short = HttpResponse::with_body(StatusCode::NOT_MODIFIED, BoxBody::new(body::None::new()));
        kept.write_short(short.headers_mut());
        short.headers_mut().insert(AGE, age);
        return short;
    }
    let mut head = HttpResponse::with_body(status, ());
    kept.write(head.headers_mut());
    head.headers_mut().insert(AGE, age);
    // The origin might have cut out a part as well: whether parts can be put together is for the client to see from the
    // validators.
    let asked = preconditions.range().filter(|_| status == StatusCode::OK);
    let length = kept.body.len() as u64;
    // What tells states apart by their dates is how old the state was when it was sent (RFC 9110 §8.8.2.2).
    let made = kept.made().unwrap_or(now);
    let selection = asked.map_or(Selection::Whole, |range| range.select(kept.validators(), length, made));
    cut(head, kept.body.clone(), selection)
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
