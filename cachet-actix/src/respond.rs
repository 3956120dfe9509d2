//! Answers with validators and freshness, and their short forms: 304, 412 and 206.

use std::time::{Duration, SystemTime};

use actix_web::{
    HttpRequest, HttpResponse, Responder, ResponseError,
    body::{self, BoxBody},
    http::{
        StatusCode,
        header::{
            ACCEPT_RANGES, AGE, CACHE_CONTROL, CONTENT_DISPOSITION, CONTENT_ENCODING, CONTENT_LANGUAGE, CONTENT_LENGTH,
            CONTENT_RANGE, CONTENT_TYPE, ETAG, HeaderMap, HeaderName, HeaderValue, LAST_MODIFIED, TRANSFER_ENCODING,
            VARY,
        },
    },
};
use cachet_core::Cached;
use serde::Serialize;

use crate::{
    cache_control::CacheControl,
    error::PreconditionError,
    preconditions::Preconditions,
    range,
    validators::{Validators, Verdict},
};

/// What describes a representation and not only the state of the resource: a 304 has none of it (RFC 9110 §15.4.5).
const OF_REPRESENTATION: [HeaderName; 12] = [
    ACCEPT_RANGES,
    CONTENT_DISPOSITION,
    CONTENT_ENCODING,
    CONTENT_LANGUAGE,
    CONTENT_LENGTH,
    CONTENT_RANGE,
    CONTENT_TYPE,
    TRANSFER_ENCODING,
    // RFC 9530 and its forerunners.
    HeaderName::from_static("content-digest"),
    HeaderName::from_static("repr-digest"),
    HeaderName::from_static("digest"),
    HeaderName::from_static("content-md5"),
];

/// What an answer says to caches.
#[derive(Clone, Debug, Default)]
pub(crate) struct Head {
    validators: Validators,
    cache_control: Option<HeaderValue>,
    age: Option<Duration>,
    vary: Vec<HeaderName>,
    more: Vec<(HeaderName, HeaderValue)>,
}

impl Head {
    pub(crate) fn cache(mut self, policy: CacheControl) -> Self {
        self.cache_control = policy.into_header_value();
        self
    }

    pub(crate) fn cache_control(mut self, value: HeaderValue) -> Self {
        self.cache_control = Some(value);
        self
    }

    pub(crate) fn age(mut self, age: Duration) -> Self {
        self.age = Some(age);
        self
    }

    pub(crate) fn vary(mut self, field: HeaderName) -> Self {
        if !self.vary.contains(&field) {
            self.vary.push(field);
        }
        self
    }

    pub(crate) fn header(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.more.push((name, value));
        self
    }

    /// Completes an answer and holds the request's preconditions against it, unless it is an error: then they are
    /// ignored (RFC 9110 §13.2.1), and what was said about caching was not said of it.
    pub(crate) fn complete(&self, preconditions: &Preconditions, mut response: HttpResponse) -> HttpResponse {
        let (now, status) = (SystemTime::now(), response.status());
        if status.is_client_error() || status.is_server_error() {
            return response;
        }
        self.write_caching(response.headers_mut());
        if !status.is_success() {
            return response;
        }
        self.validators.write(response.headers_mut(), now);
        match preconditions.verdict_on_answer(&self.validators, now) {
            Verdict::Perform => range::apply(preconditions, &self.validators, response, now),
            Verdict::NotModified => shorten(response),
            Verdict::Failed => PreconditionError::Failed.error_response(),
        }
    }

    /// The 304 in place of a 200 that is not made at all.
    pub(crate) fn not_modified(&self) -> HttpResponse {
        let mut response = HttpResponse::new(StatusCode::OK);
        self.write_caching(response.headers_mut());
        self.validators.write(response.headers_mut(), SystemTime::now());
        shorten(response)
    }

    fn write_caching(&self, headers: &mut HeaderMap) {
        if let Some(policy) = &self.cache_control {
            headers.insert(CACHE_CONTROL, policy.clone());
        }
        if let Some(age) = self.age {
            headers.insert(AGE, HeaderValue::from(age.as_secs()));
        }
        for field in &self.vary {
            headers.append(VARY, HeaderValue::from(field.clone()));
        }
        for (name, value) in &self.more {
            headers.append(name.clone(), value.clone());
        }
    }
}

impl From<Validators> for Head {
    fn from(validators: Validators) -> Self {
        Self { validators, ..Self::default() }
    }
}

/// Makes a 304 of a 200. `Age` stays: the client's cache would take the entry for new without it. `Last-Modified` goes
/// where there is an entity tag (RFC 9110 §15.4.5). The server adds `Date`.
pub(crate) fn shorten<B>(response: HttpResponse<B>) -> HttpResponse {
    let (mut head, _) = response.into_parts();
    *head.status_mut() = StatusCode::NOT_MODIFIED;
    let headers = head.headers_mut();
    for name in &OF_REPRESENTATION {
        headers.remove(name);
    }
    if headers.contains_key(ETAG) {
        headers.remove(LAST_MODIFIED);
    }
    head.set_body(BoxBody::new(body::None::new()))
}

/// Any responder's answer, with validators.
///
/// `ETag` and `Last-Modified` go onto a successful answer, and the preconditions of a GET or HEAD are held against them:
/// a client that has the representation gets a 304. The inner answer is made even then; a handler that wants to skip
/// that work asks [`Preconditions::check`] before it.
///
/// # Ranges
///
/// A GET of a part gets it (RFC 9110 §14.2) where the answer is a 200 with a body in memory and a strong tag: as a 206,
/// or as a 416 where there is no such part. `If-Range` is heeded. Several ranges that do not join to one get the whole,
/// and so does a client that accepts content codings unless the answer names its own: a `Compress` middleware may stand
/// between, and parts of what it encodes are other octets than parts of the body.
///
/// ```
/// use actix_web::{Responder, http::header, web::Json};
/// use cachet_actix::{CacheControl, Validated, Validators};
///
/// async fn greeting() -> impl Responder {
///     Validated::new(Json("good day"), Validators::etag("v1"))
///         .cache(CacheControl::public().max_age(3600))
///         .vary(header::ACCEPT_LANGUAGE)
/// }
/// # let _ = greeting;
/// ```
#[derive(Clone, Debug)]
pub struct Validated<R> {
    inner: R,
    head: Head,
}

impl<R: Responder> Validated<R> {
    /// Gives the answer its validators.
    pub fn new(inner: R, validators: impl Into<Validators>) -> Self {
        Self { inner, head: Head::from(validators.into()) }
    }

    /// Sets the `Cache-Control` of an answer that is no error.
    #[must_use]
    pub fn cache(mut self, policy: CacheControl) -> Self {
        self.head = self.head.cache(policy);
        self
    }

    /// Names a request field that the answer depends on, in `Vary`.
    #[must_use]
    pub fn vary(mut self, field: HeaderName) -> Self {
        self.head = self.head.vary(field);
        self
    }
}

impl<R: Responder> Responder for Validated<R> {
    type Body = BoxBody;

    fn respond_to(self, request: &HttpRequest) -> HttpResponse {
        let response = self.inner.respond_to(request).map_into_boxed_body();
        self.head.complete(&Preconditions::of(request), response)
    }
}

/// A cached value as JSON, with everything that its entry knows: `ETag`, `Last-Modified`, `Cache-Control` and `Age`.
///
/// A client that has the representation gets a 304, for which nothing is serialised. Without a `max-age` of its own the
/// policy gets the entry's lifetime, and `Age` says how much of that has passed, so what the client has left is what
/// the entry has left.
///
/// Parts of it are answered as [those of `Validated`](Validated#ranges).
///
/// The tag is the entry's content hash, a strong one; a value that was changed by [`Cached::map`] has the hash of what
/// it was made of, so a change of the mapping alone does not show in it.
///
/// ```
/// use actix_web::{Responder, web::Path};
/// use cachet_actix::{CacheControl, CachedJson};
/// use cachet_core::cached;
///
/// #[cached(ttl = "1h")]
/// async fn square(n: u64) -> u64 {
///     n * n
/// }
///
/// async fn show(n: Path<u64>) -> impl Responder {
///     CachedJson::new(square::fetch(*n).await).cache(CacheControl::public())
/// }
/// # let _ = show;
/// ```
#[derive(Clone, Debug)]
pub struct CachedJson<T> {
    entry: Cached<T>,
    policy: CacheControl,
    head: Head,
}

impl<T: Serialize> CachedJson<T> {
    /// Wraps what a cached function's `fetch` gave. Until [`cache`](Self::cache) says something else the answer is
    /// `private`: only the handler knows whether the value is for everyone.
    pub fn new(entry: Cached<T>) -> Self {
        let head = Head::from(Validators::from(&entry)).age(entry.age());
        Self { entry, policy: CacheControl::private(), head }
    }

    /// Sets the `Cache-Control`.
    #[must_use]
    pub fn cache(mut self, policy: CacheControl) -> Self {
        self.policy = policy;
        self
    }

    /// Names a request field that the answer depends on, in `Vary`.
    #[must_use]
    pub fn vary(mut self, field: HeaderName) -> Self {
        self.head = self.head.vary(field);
        self
    }
}

impl<T: Serialize> Responder for CachedJson<T> {
    type Body = BoxBody;

    fn respond_to(self, request: &HttpRequest) -> HttpResponse {
        let preconditions = Preconditions::of(request);
        let head = self.head.cache(self.policy.or_max_age(self.entry.lifetime()));
        // Asked before the answer is made: a 304 needs none.
        match preconditions.verdict_on_answer(&head.validators, SystemTime::now()) {
            Verdict::NotModified => head.not_modified(),
            Verdict::Failed => PreconditionError::Failed.error_response(),
            Verdict::Perform => head.complete(&preconditions, HttpResponse::Ok().json(self.entry.value())),
        }
    }
}
