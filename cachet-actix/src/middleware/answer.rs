//! A client's answer from a stored one: its age, the client's preconditions, ranges (RFC 9111 §4.3.2).

use std::time::{Duration, SystemTime};

use actix_web::{
    HttpResponse,
    body::{self, BoxBody},
    http::{
        Method, StatusCode,
        header::{
            AGE, CONTENT_LENGTH, CONTENT_RANGE, CONTENT_TYPE, DATE, ETAG, HeaderMap, HeaderName, HeaderValue, IF_RANGE,
            LAST_MODIFIED, RANGE,
        },
    },
};
use bytes::Bytes;

use super::kept::Kept;
use crate::{
    preconditions::Preconditions,
    validators::{Validators, Verdict, date},
};

/// What describes a representation: a 304 has none of it (RFC 9110 §15.4.5).
const OF_REPRESENTATION: [&str; 6] =
    ["content-encoding", "content-language", "content-length", "content-range", "content-type", "content-disposition"];

/// Answers a GET or HEAD with what is stored, `age` after the origin made it.
pub(super) fn answer(method: &Method, request: &HeaderMap, kept: &Kept, age: Duration) -> HttpResponse {
    let (status, mut headers) = (kept.status(), kept.headers());
    headers.insert(AGE, HeaderValue::from(age.as_secs()));
    if status.is_success() {
        let current = validators(&headers);
        if let Verdict::NotModified = Preconditions::read(method, request).verdict(&current, SystemTime::now()) {
            return not_modified(headers);
        }
    }
    if *method == Method::GET && status == StatusCode::OK {
        match range(request, &headers, kept.body.len()) {
            Some(Ok((first, last))) => return partial(headers, &kept.body, first, last),
            Some(Err(Unsatisfiable)) => return unsatisfiable(kept.body.len()),
            None => {}
        }
    }
    build(status, headers, kept.body.clone())
}

fn build(status: StatusCode, headers: HeaderMap, body: Bytes) -> HttpResponse {
    let mut response = HttpResponse::with_body(status, BoxBody::new(body));
    *response.headers_mut() = headers;
    response
}

/// The validators of a stored answer. Without a date of modification, that of the answer itself has to do.
fn validators(headers: &HeaderMap) -> Validators {
    let validators = Validators::new().overridden_by(headers);
    match headers.get(DATE).and_then(date).filter(|_| !headers.contains_key(LAST_MODIFIED)) {
        Some(made) => validators.modified(made),
        None => validators,
    }
}

fn not_modified(mut headers: HeaderMap) -> HttpResponse {
    for name in OF_REPRESENTATION {
        headers.remove(name);
    }
    if headers.contains_key(ETAG) {
        headers.remove(LAST_MODIFIED);
    }
    let mut response = HttpResponse::with_body(StatusCode::NOT_MODIFIED, BoxBody::new(body::None::new()));
    *response.headers_mut() = headers;
    response
}

/// A range that begins behind the end.
#[derive(Debug, PartialEq, Eq)]
struct Unsatisfiable;

/// The one range that is asked for, as first and last byte. Several of them, another unit, and what is malformed are
/// answered with the whole (RFC 9110 §14.2).
fn range(request: &HeaderMap, stored: &HeaderMap, length: usize) -> Option<Result<(usize, usize), Unsatisfiable>> {
    let mut lines = request.get_all(RANGE);
    let line = lines.next().filter(|_| lines.len() == 0)?;
    let (unit, set) = line.to_str().ok()?.split_once('=')?;
    if !unit.trim().eq_ignore_ascii_case("bytes") || !holds(request.get(IF_RANGE), stored) {
        return None;
    }
    let (first, last) = set.trim().split_once('-')?;
    let end = length.checked_sub(1);
    match (position(first).ok()?, position(last).ok()?) {
        (None, None) => None,
        (None, Some(count)) => Some(match end {
            Some(end) if count > 0 => Ok((length.saturating_sub(count), end)),
            _ => Err(Unsatisfiable),
        }),
        (Some(first), Some(last)) if last < first => None,
        (Some(first), last) => Some(match end {
            Some(end) if first <= end => Ok((first, last.unwrap_or(end).min(end))),
            _ => Err(Unsatisfiable),
        }),
    }
}

/// What is no position.
struct Malformed;

/// A position of a range; `None` for one that is left out.
fn position(text: &str) -> Result<Option<usize>, Malformed> {
    match text {
        "" => Ok(None),
        text if text.bytes().all(|byte| byte.is_ascii_digit()) => Ok(Some(text.parse().unwrap_or(usize::MAX))),
        _ => Err(Malformed),
    }
}

/// `If-Range`: the same strong tag, or exactly the same date.
fn holds(condition: Option<&HeaderValue>, stored: &HeaderMap) -> bool {
    condition.is_none_or(|condition| {
        let is_tag = condition.as_bytes().starts_with(b"\"");
        stored.get(if is_tag { ETAG } else { LAST_MODIFIED }) == Some(condition)
    })
}

fn partial(mut headers: HeaderMap, body: &Bytes, first: usize, last: usize) -> HttpResponse {
    let text = format!("bytes {first}-{last}/{}", body.len());
    headers.insert(CONTENT_RANGE, HeaderValue::try_from(text).expect("digits are a field value"));
    headers.remove(CONTENT_LENGTH);
    build(StatusCode::PARTIAL_CONTENT, headers, body.slice(first..=last))
}

fn unsatisfiable(length: usize) -> HttpResponse {
    let text = format!("bytes */{length}");
    let mut response = HttpResponse::with_body(StatusCode::RANGE_NOT_SATISFIABLE, BoxBody::new(Bytes::new()));
    response.headers_mut().insert(CONTENT_RANGE, HeaderValue::try_from(text).expect("digits are a field value"));
    response
}

/// Fields of a stored answer that a 304 does not change: they belong to the body (RFC 9111 §3.2).
const OF_BODY: [HeaderName; 4] = [CONTENT_LENGTH, CONTENT_RANGE, ETAG, actix_web::http::header::CONTENT_ENCODING];

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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_range_is_cut_out_and_anything_else_is_answered_with_the_whole() {
        for (line, expected) in [
            ("bytes=0-1", Some(Ok((0, 1)))),
            ("bytes=8-", Some(Ok((8, 9)))),
            ("bytes=-3", Some(Ok((7, 9)))),
            ("bytes=-30", Some(Ok((0, 9)))),
            ("Bytes=5-99999999999999999999999", Some(Ok((5, 9)))),
            ("bytes=10-", Some(Err(Unsatisfiable))),
            ("bytes=-0", Some(Err(Unsatisfiable))),
            ("bytes=3-2", None),
            ("bytes=0-1,3-4", None),
            ("bytes=a-", None),
            ("bytes=+1-2", None),
            ("bytes=-", None),
            ("lines=0-1", None),
        ] {
            let mut request = HeaderMap::new();
            request.insert(RANGE, HeaderValue::from_static(line));
            assert_eq!(range(&request, &HeaderMap::new(), 10), expected, "{line}");
        }
    }

    #[test]
    fn a_range_is_cut_out_of_the_state_that_the_client_has_and_of_no_other() {
        let mut stored = HeaderMap::new();
        stored.insert(ETAG, HeaderValue::from_static("\"a\""));
        stored.insert(LAST_MODIFIED, HeaderValue::from_static("Sun, 06 Nov 1994 08:49:37 GMT"));
        for (condition, expected) in [
            ("\"a\"", true),
            ("\"b\"", false),
            ("W/\"a\"", false),
            ("Sun, 06 Nov 1994 08:49:37 GMT", true),
            ("Sun, 06 Nov 1994 08:49:38 GMT", false),
        ] {
            assert_eq!(holds(Some(&HeaderValue::from_static(condition)), &stored), expected, "{condition}");
        }
        assert!(holds(None, &stored));
    }
}
