//! The cached response: what is kept of an answer, and of which.

use actix_web::{
    HttpResponse,
    body::{self, BodySize, BoxBody, MessageBody},
    http::{
        StatusCode,
        header::{
            AGE, CONNECTION, CONTENT_ENCODING, CONTENT_LANGUAGE, CONTENT_LENGTH, CONTENT_TYPE, DATE, ETAG, HeaderMap,
            HeaderName, HeaderValue, SET_COOKIE, TE, TRAILER, TRANSFER_ENCODING, UPGRADE, VARY,
        },
    },
};
use bytes::Bytes;
use cachet_core::Validator;
use serde::{Deserialize, Serialize};

use crate::{cache_control::forbids_keeping, validators::EntityTag};

/// A body of known size that is not in memory yet is collected up to this many bytes; a larger one is passed on.
const MOST_COLLECTED_BYTES: u64 = 4 << 20;

/// Fields of one connection or one message, which the next answer has its own of (RFC 9111 §3.1).
const OF_MESSAGE: [HeaderName; 8] = [AGE, CONNECTION, CONTENT_LENGTH, DATE, TE, TRAILER, TRANSFER_ENCODING, UPGRADE];

/// Fields that say how the body's bytes are meant, so that the same bytes under others are another representation.
const OF_CONTENT: [HeaderName; 3] = [CONTENT_TYPE, CONTENT_ENCODING, CONTENT_LANGUAGE];

/// A finished answer: what `#[cached(http = "…")]` keeps.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct StoredResponse {
    status: u16,
    headers: Vec<(String, Vec<u8>)>,
    body: Bytes,
}

/// What may be done with an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fate {
    /// It is stored.
    Kept,
    /// It is given to those who wait for it now, and not stored.
    Shared,
    /// It is its caller's alone.
    Own,
}

impl Fate {
    /// Decides on the final status and fields.
    ///
    /// Nothing that is for one client leaves its caller: `Set-Cookie`, a `Vary` on fields that are not in the key, a
    /// `Cache-Control` that forbids it, and statuses that answer the client rather than the resource, such as 401, 304
    /// or 206. What is cacheable by default is kept (RFC 9110 §15.1), except for errors. Other successes and redirections, a
    /// 404 and a 5xx are shared with those who wait, so that a rush on a missing id costs one load, and then forgotten.
    pub(crate) fn of<B>(response: &HttpResponse<B>) -> Self {
        let headers = response.headers();
        if headers.contains_key(SET_COOKIE) || headers.contains_key(VARY) || forbids_keeping(headers) {
            return Self::Own;
        }
        match response.status().as_u16() {
            200 | 203 | 204 | 301 | 308 | 410 => Self::Kept,
            206 | 304 => Self::Own,
            200..=399 | 404 | 500..=599 => Self::Shared,
            _ => Self::Own,
        }
    }
}

impl StoredResponse {
    /// Keeps an answer; one without an entity tag gets its content hash.
    pub(crate) fn new<B>(head: &HttpResponse<B>, body: Bytes) -> Self {
        let kept = head.headers().iter().filter(|(name, _)| !OF_MESSAGE.contains(name));
        let mut headers: Vec<_> =
            kept.map(|(name, value)| (name.as_str().to_owned(), value.as_bytes().to_vec())).collect();
        if !head.headers().contains_key(ETAG) && head.status().is_success() {
            let tag = EntityTag::from(content_hash(head.headers(), &body));
            headers.push((ETAG.as_str().to_owned(), tag.as_header_value().as_bytes().to_vec()));
        }
        Self { status: head.status().as_u16(), headers, body }
    }

    /// The answer again. What a shared tier gave is not trusted: an impossible status is a 500, an impossible field is
    /// left out.
    pub(crate) fn to_response(&self) -> HttpResponse {
        let status = StatusCode::from_u16(self.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let mut response = HttpResponse::with_body(status, BoxBody::new(self.body.clone()));
        for (name, value) in &self.headers {
            if let (Ok(name), Ok(value)) = (HeaderName::from_bytes(name.as_bytes()), HeaderValue::from_bytes(value)) {
                response.headers_mut().append(name, value);
            }
        }
        response
    }
}

/// The hash of the bytes and of how they are meant.
fn content_hash(headers: &HeaderMap, body: &[u8]) -> Validator {
    let mut content = Validator::of_bytes(body).to_string().into_bytes();
    for name in OF_CONTENT {
        // A line break cannot be in a value, so no two sets of fields read the same.
        content.push(b'\n');
        content.extend(headers.get(name).map(HeaderValue::as_bytes).unwrap_or_default());
    }
    Validator::of_bytes(&content)
}

/// Collects a body whose size is known; gives it back if it is not, or is too large.
pub(crate) async fn collect(body: BoxBody) -> Result<Collected, BoxBody> {
    match (body.size(), body.try_into_bytes()) {
        (_, Ok(bytes)) => Ok(Collected::Whole(bytes)),
        (BodySize::Sized(size), Err(body)) if size <= MOST_COLLECTED_BYTES => match body::to_bytes(body).await {
            Ok(bytes) if bytes.len() as u64 == size => Ok(Collected::Whole(bytes)),
            // It ended early or late, or failed: its size was a lie, and nobody may take a part for the whole.
            Ok(_) | Err(_) => Ok(Collected::Broken),
        },
        (_, Err(body)) => Err(body),
    }
}

/// A body that was read to its end.
pub(crate) enum Collected {
    Whole(Bytes),
    Broken,
}

#[cfg(test)]
mod tests {
    use actix_web::http::header::{CACHE_CONTROL, LOCATION};

    use super::*;

    fn fate(status: u16, fields: &[(HeaderName, &'static str)]) -> Fate {
        let mut response = HttpResponse::new(StatusCode::from_u16(status).expect("a status"));
        for (name, value) in fields {
            response.headers_mut().append(name.clone(), HeaderValue::from_static(value));
        }
        Fate::of(&response)
    }

    #[test]
    fn only_what_is_cacheable_by_default_and_no_error_is_kept() {
        for status in [200, 203, 204, 301, 308, 410] {
            assert_eq!(fate(status, &[]), Fate::Kept, "{status}");
        }
        for status in [201, 202, 302, 303, 307, 404, 500, 502, 503, 504] {
            assert_eq!(fate(status, &[]), Fate::Shared, "{status}");
        }
        for status in [101, 206, 304, 400, 401, 403, 405, 407, 409, 412, 416, 428, 429] {
            assert_eq!(fate(status, &[]), Fate::Own, "{status}");
        }
    }

    #[test]
    fn what_is_for_one_client_is_its_callers_alone() {
        for status in [200, 404, 500] {
            for (name, value) in [
                (SET_COOKIE, "session=1"),
                (VARY, "accept-language"),
                (CACHE_CONTROL, "private"),
                (CACHE_CONTROL, "no-store"),
            ] {
                assert_eq!(fate(status, &[(name.clone(), value)]), Fate::Own, "{status} {name}");
            }
        }
        assert_eq!(fate(200, &[(CACHE_CONTROL, "public, max-age=5")]), Fate::Kept);
    }

    #[actix_web::test]
    async fn an_answer_comes_back_as_it_was() {
        let mut response = HttpResponse::MovedPermanently()
            .insert_header((LOCATION, "/new"))
            .append_header(("link", "</a>"))
            .append_header(("link", "</b>"))
            .insert_header((CONNECTION, "close"))
            .body("moved");
        response
            .headers_mut()
            .append(HeaderName::from_static("x-bytes"), HeaderValue::from_bytes(b"\xFF").expect("bytes"));
        let (head, body) = response.into_parts();
        let Ok(Collected::Whole(body)) = collect(body).await else { panic!("the body is in memory") };
        let again = StoredResponse::new(&head, body).to_response();

        assert_eq!(again.status(), 301);
        assert_eq!(again.headers().get(LOCATION).expect("it was there"), "/new");
        assert_eq!(again.headers().get_all("link").count(), 2);
        assert_eq!(again.headers().get("x-bytes").expect("it was there").as_bytes(), b"\xFF");
        assert!(!again.headers().contains_key(CONNECTION), "it was of the other connection");
        assert!(!again.headers().contains_key(ETAG), "a redirection selects no representation");
        assert_eq!(body::to_bytes(again.into_body()).await.expect("it is in memory"), "moved");
    }

    #[test]
    fn the_tag_changes_with_the_bytes_and_with_what_they_mean() {
        let tag = |kind: &'static str, body: &'static str| {
            let head = HttpResponse::Ok().content_type(kind).finish();
            StoredResponse::new(&head, body.into()).to_response().headers().get(ETAG).cloned()
        };
        assert!(tag("text/plain", "a").is_some());
        assert_eq!(tag("text/plain", "a"), tag("text/plain", "a"));
        assert_ne!(tag("text/plain", "a"), tag("text/plain", "b"));
        assert_ne!(tag("text/plain", "a"), tag("text/html", "a"));
    }

    #[test]
    fn an_answer_that_somebody_forged_does_no_harm() {
        let forged = StoredResponse {
            status: 7,
            headers: vec![("x y".into(), b"1".into()), ("x".into(), b"1\r\nset-cookie: a".into())],
            body: Bytes::new(),
        };
        let response = forged.to_response();
        assert_eq!(response.status(), 500);
        assert!(response.headers().is_empty());
    }
}
