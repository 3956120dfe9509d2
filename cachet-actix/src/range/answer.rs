//! The answers to a range: 206 and 416.

use std::{ops::Range, time::SystemTime};

use actix_web::{
    HttpResponse,
    body::{BodySize, BoxBody, MessageBody},
    http::{
        StatusCode,
        header::{ACCEPT_RANGES, CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_RANGE, HeaderValue},
    },
};
use bytes::Bytes;

use super::Selection;
use crate::{preconditions::Preconditions, validators::Validators};

/// Makes of a 200 the part that the request asks for. An answer of another kind, a body that is not in memory, and one
/// without a strong tag, whose parts could not be put together safely, stay as they are; the others say that they have
/// parts.
pub(crate) fn apply(
    preconditions: &Preconditions,
    current: &Validators,
    response: HttpResponse,
    now: SystemTime,
) -> HttpResponse {
    let has_parts = response.status() == StatusCode::OK
        && preconditions.reads()
        && current.tag().is_some_and(|tag| !tag.is_weak())
        && matches!(response.body().size(), BodySize::Sized(_));
    if !has_parts {
        return response;
    }
    let (mut head, body) = response.into_parts();
    let body = match body.try_into_bytes() {
        Ok(body) => body,
        Err(stream) => return head.set_body(stream),
    };
    head.headers_mut().insert(ACCEPT_RANGES, HeaderValue::from_static("bytes"));
    let is_settled = |accepts_codings: bool| !accepts_codings || head.headers().contains_key(CONTENT_ENCODING);
    let asked = preconditions.range().filter(|range| is_settled(range.accepts_codings()));
    let selection = asked.map_or(Selection::Whole, |range| range.select(current, body.len() as u64, now));
    cut(head, body, selection)
}

/// An answer with what of its body is sent.
pub(crate) fn cut(head: HttpResponse<()>, body: Bytes, selection: Selection) -> HttpResponse {
    match selection {
        Selection::Whole => head.set_body(BoxBody::new(body)),
        Selection::Part(part) => partial(head, &body, part),
        Selection::NotSatisfiable => not_satisfiable(body.len() as u64),
    }
}

/// RFC 9110 §15.3.7.1.
fn partial(mut head: HttpResponse<()>, body: &Bytes, part: Range<u64>) -> HttpResponse {
    let range = format!("bytes {}-{}/{}", part.start, part.end - 1, body.len());
    *head.status_mut() = StatusCode::PARTIAL_CONTENT;
    head.headers_mut().remove(CONTENT_LENGTH);
    head.headers_mut().insert(CONTENT_RANGE, HeaderValue::try_from(range).expect("digits and signs"));
    let within = |position: u64| usize::try_from(position).expect("a position in a body that is in memory");
    head.set_body(BoxBody::new(body.slice(within(part.start)..within(part.end))))
}

/// RFC 9110 §15.5.17.
fn not_satisfiable(length: u64) -> HttpResponse {
    HttpResponse::RangeNotSatisfiable()
        .insert_header((ACCEPT_RANGES, "bytes"))
        .insert_header((CONTENT_RANGE, format!("bytes */{length}")))
        .finish()
}
