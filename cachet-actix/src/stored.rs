//! The cached response: what is kept of an answer, and of which.

mod fields;

use std::{
    sync::{Mutex, OnceLock, PoisonError},
    time::SystemTime,
};

use actix_web::{
    HttpResponse,
    body::{self, BodySize, BoxBody, MessageBody},
    http::{
        StatusCode,
        header::{
            ACCEPT_ENCODING, AGE, CONNECTION, CONTENT_ENCODING, CONTENT_LANGUAGE, CONTENT_LENGTH, CONTENT_TYPE, DATE,
            ETAG, HeaderMap, HeaderName, HeaderValue, SET_COOKIE, TE, TRAILER, TRANSFER_ENCODING, UPGRADE, VARY,
        },
    },
    web,
};
use bytes::Bytes;
use cachet_core::Validator;
use serde::{Deserialize, Serialize};

use self::fields::{Fields, Recipient};
use crate::{
    cache_control::forbids_keeping,
    coding::{Coding, Encoded},
    counted::Counted,
    handler::Tagging,
    validators::{EntityTag, Validators},
};

/// A body of known size that is not in memory yet is collected up to this many bytes; a larger one is passed on.
const MOST_COLLECTED_BYTES: u64 = 4 << 20;

/// A longer body is encoded on a thread that may take its time; a worker answers other clients meanwhile.
const MOST_ENCODED_INLINE: usize = 16 << 10;

/// So many variants of a resource are stored; further ones are answered only.
const MOST_VARIANTS: usize = 64;

/// The status of an index: no response has it.
const INDEX: u16 = 0;

/// Fields of one connection or one message, which the next answer has its own of (RFC 9111 §3.1).
const OF_MESSAGE: [HeaderName; 8] = [AGE, CONNECTION, CONTENT_LENGTH, DATE, TE, TRAILER, TRANSFER_ENCODING, UPGRADE];

/// Fields that say how the body's bytes are meant, so that the same bytes under others are another representation.
const OF_CONTENT: [HeaderName; 3] = [CONTENT_TYPE, CONTENT_ENCODING, CONTENT_LANGUAGE];

/// A finished answer: what `#[cached(http = "…")]` keeps.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(transparent)]
pub struct StoredResponse(Counted<Content>);

#[derive(Debug, Serialize, Deserialize)]
struct Content {
    status: u16,
    headers: Vec<(String, Vec<u8>)>,
    body: Bytes,
    /// What this process knows beside it.
    #[serde(skip)]
    local: Local,
}

/// What an encoded response begins with: status, fields, and the length of the body.
pub(crate) type Start = (u16, Vec<(String, Vec<u8>)>, u64);

/// What is made from a stored response in this process, once for all who hold it.
#[derive(Debug, Default)]
struct Local {
    fields: OnceLock<Fields>,
    /// The body's length, where the body was left in the shared tier.
    length: Option<usize>,
    encoded: Encoded,
    /// Of an index: which variants there are.
    variants: Mutex<Vec<Validator>>,
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
    /// Decides on the final status and fields; the key knows the request's fields `keyed`.
    ///
    /// Nothing that is for one client leaves its caller: `Set-Cookie`, a `Vary` on fields that are not in the key, a
    /// `Cache-Control` that forbids it, and statuses that answer the client rather than the resource, such as 401, 304
    /// or 206. What is cacheable by default is kept (RFC 9110 §15.1), except for errors. Other successes and redirections, a
    /// 404 and a 5xx are shared with those who wait, so that a rush on a missing id costs one load, and then forgotten.
    pub(crate) fn of<B>(response: &HttpResponse<B>, keyed: &[&str]) -> Self {
        let headers = response.headers();
        if headers.contains_key(SET_COOKIE) || !varies_within(headers, keyed) || forbids_keeping(headers) {
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

/// Whether an answer depends on no more than what the key knows. One that is not encoded yet may say that it varies by
/// the codings that the client takes: that is seen to here.
fn varies_within(headers: &HeaderMap, keyed: &[&str]) -> bool {
    let is_plain = !headers.contains_key(CONTENT_ENCODING);
    vary_members(headers).all(|member| {
        let is = |name: &str| member.is_some_and(|member| member.eq_ignore_ascii_case(name));
        keyed.iter().any(|name| is(name)) || (is_plain && is(ACCEPT_ENCODING.as_str()))
    })
}

/// The members of `Vary`; `None` for a line that is no text.
fn vary_members(headers: &HeaderMap) -> impl Iterator<Item = Option<&str>> {
    let lines = headers.get_all(VARY).map(|line| line.to_str().ok());
    lines.flat_map(|line| {
        let none = line.is_none().then_some(None);
        line.unwrap_or_default().split(',').map(str::trim).filter(|member| !member.is_empty()).map(Some).chain(none)
    })
}

/// The members of `Vary` that are field names.
pub(crate) fn named_by_vary(headers: &HeaderMap) -> impl Iterator<Item = HeaderName> {
    vary_members(headers).filter_map(|member| HeaderName::from_bytes(member?.as_bytes()).ok())
}

impl StoredResponse {
    /// Keeps an answer; one without an entity tag gets one.
    pub(crate) fn new<B>(head: &HttpResponse<B>, body: Bytes, tagging: Tagging) -> Self {
        let kept = head.headers().iter().filter(|(name, _)| !OF_MESSAGE.contains(name));
        let mut headers: Vec<_> =
            kept.map(|(name, value)| (name.as_str().to_owned(), value.as_bytes().to_vec())).collect();
        if !head.headers().contains_key(ETAG) && head.status().is_success() {
            let tag = tagging.tag(|| content_hash(head.headers(), &body), &body);
            headers.push((ETAG.as_str().to_owned(), tag.as_header_value().as_bytes().to_vec()));
        }
        Self::with(head.status().as_u16(), headers, body, Local::default())
    }

    /// An index with the name of the one that it replaces, or else with a name of its own.
    pub(crate) fn index_after(replaced: Option<&Self>) -> Self {
        let name = replaced.filter(|replaced| replaced.is_index()).map(Self::body);
        let name = name.unwrap_or_else(|| fastrand::u128(..).to_le_bytes().to_vec().into());
        Self::with(INDEX, Vec::new(), name, Local::default())
    }

    /// Takes what a stored response begins with, for an answer that has no body.
    pub(crate) fn without_body((status, headers, length): Start) -> Self {
        let local = Local { length: usize::try_from(length).ok(), ..Local::default() };
        Self::with(status, headers, Bytes::new(), local)
    }

    fn with(status: u16, headers: Vec<(String, Vec<u8>)>, body: Bytes, local: Local) -> Self {
        Self(Counted::from(Content { status, headers, body, local }))
    }

    pub(crate) fn is_index(&self) -> bool {
        self.0.status == INDEX
    }

    /// The name of the index, if the variant may be stored under it. What stood there before a handler had variants is
    /// as good a name.
    pub(crate) fn admits(&self, variant: Validator) -> Option<Validator> {
        let mut variants = self.0.local.variants.lock().unwrap_or_else(PoisonError::into_inner);
        let is_known = variants.contains(&variant);
        if !is_known && variants.len() < MOST_VARIANTS {
            variants.push(variant);
        }
        let is_admitted = variants.contains(&variant);
        is_admitted.then(|| Validator::of_bytes(&self.0.body))
    }

    /// The answer again. What a shared tier gave is not trusted: an impossible status is a 500.
    pub(crate) fn to_response(&self) -> HttpResponse {
        let mut response = HttpResponse::with_body(self.status(), BoxBody::new(self.body()));
        self.fields().write(response.headers_mut());
        response
    }

    /// The same with this body in place of its own, and without `Vary` and what is among the [`validators`](Self::validators)
    /// of a success: those are told anew.
    pub(crate) fn to_response_with(&self, body: Bytes) -> HttpResponse {
        let mut response = HttpResponse::with_body(self.status(), BoxBody::new(body));
        self.fields().write_to(Recipient::Anybody, response.headers_mut());
        response
    }

    /// The same for a client that has the body: a 304, with no more fields than one may have.
    pub(crate) fn to_short_response(&self) -> HttpResponse {
        let mut response = HttpResponse::with_body(StatusCode::NOT_MODIFIED, BoxBody::new(body::None::new()));
        self.fields().write_to(Recipient::Holder, response.headers_mut());
        response
    }

    pub(crate) fn status(&self) -> StatusCode {
        StatusCode::from_u16(self.0.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
    }

    /// Whether the handler's answer has a field of that name.
    pub(crate) fn says(&self, name: &HeaderName) -> bool {
        self.fields().has(name)
    }

    /// The fields that the handler's answer varies by, as it says itself.
    pub(crate) fn varies_by(&self) -> &[HeaderName] {
        self.fields().vary()
    }

    pub(crate) fn body(&self) -> Bytes {
        self.0.body.clone()
    }

    pub(crate) fn is_success(&self) -> bool {
        (200..300).contains(&self.0.status)
    }

    /// Whether the body goes out in the coding that a client likes best.
    pub(crate) fn is_encodable(&self) -> bool {
        self.fields().is_encodable()
    }

    /// The encoded body, which is made when the first client asks for it; `None` where it is no smaller.
    pub(crate) async fn encoded(&self, coding: Coding) -> Option<Bytes> {
        if let Some(encoded) = self.0.local.encoded.known(coding) {
            return encoded.clone();
        }
        let stored = self.clone();
        let encode = move || stored.0.local.encoded.of(coding, &stored.0.body);
        if self.0.body.len() <= MOST_ENCODED_INLINE { encode() } else { web::block(encode).await.ok().flatten() }
    }

    /// The entity tag of the body in a coding.
    pub(crate) fn tag(&self, coding: Option<Coding>) -> Option<&EntityTag> {
        self.fields().tag(coding)
    }

    /// The validators of the body in a coding: the handler's own, or those of the load.
    pub(crate) fn validators(&self, coding: Option<Coding>, loaded: SystemTime) -> Validators {
        self.fields().validators(coding, loaded)
    }

    fn fields(&self) -> &Fields {
        let length = self.0.local.length.unwrap_or(self.0.body.len());
        self.0.local.fields.get_or_init(|| Fields::read(self.is_success(), &self.0.headers, length))
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
        Fate::of(&response, &["x-tier"])
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

    #[test]
    fn an_answer_may_vary_by_what_the_key_knows() {
        for (fields, expected) in [
            (&[(VARY, "X-Tier")][..], Fate::Kept),
            (&[(VARY, ", x-tier ,Accept-Encoding")], Fate::Kept),
            (&[(VARY, "x-tier, origin")], Fate::Own),
            (&[(VARY, "x-tier"), (VARY, "origin")], Fate::Own),
            (&[(VARY, "*")], Fate::Own),
            (&[(VARY, "accept-encoding"), (CONTENT_ENCODING, "gzip")], Fate::Own),
        ] {
            assert_eq!(fate(200, fields), expected, "{fields:?}");
        }
    }

    #[test]
    fn an_index_admits_a_bounded_number_of_variants() {
        let index = StoredResponse::index_after(None);
        let variant = |number: usize| Validator::of_bytes(&number.to_le_bytes());
        let name = index.admits(variant(0));
        assert!(name.is_some());
        for number in 0..MOST_VARIANTS {
            assert_eq!(index.clone().admits(variant(number)), name);
        }
        assert_eq!(index.admits(variant(MOST_VARIANTS)), None);
        assert_eq!(index.admits(variant(1)), name, "it is one of those that are there");
        assert_ne!(StoredResponse::index_after(None).admits(variant(0)), name);
        let next = StoredResponse::index_after(Some(&index));
        assert_eq!(next.admits(variant(MOST_VARIANTS)), name, "its variants are counted anew");
        let response = StoredResponse::new(&HttpResponse::Ok().finish(), "a".into(), Tagging::Strong);
        assert_ne!(StoredResponse::index_after(Some(&response)).admits(variant(0)), response.admits(variant(0)));
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
        let again = StoredResponse::new(&head, body, Tagging::Strong).to_response();

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
            StoredResponse::new(&head, body.into(), Tagging::Strong).to_response().headers().get(ETAG).cloned()
        };
        assert!(tag("text/plain", "a").is_some());
        assert_eq!(tag("text/plain", "a"), tag("text/plain", "a"));
        assert_ne!(tag("text/plain", "a"), tag("text/plain", "b"));
        assert_ne!(tag("text/plain", "a"), tag("text/html", "a"));
    }

    #[test]
    fn an_answer_that_somebody_forged_does_no_harm() {
        let fields = vec![("x y".into(), b"1".into()), ("x".into(), b"1\r\nset-cookie: a".into())];
        let forged = StoredResponse::with(7, fields, Bytes::new(), Local::default());
        let response = forged.to_response();
        assert_eq!(response.status(), 500);
        assert!(response.headers().is_empty());
    }
}
