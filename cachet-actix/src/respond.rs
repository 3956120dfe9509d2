//! Answers with validators and freshness, and their short forms: 304, 412 and 206.

use std::time::{Duration, SystemTime};

use actix_web::{
    HttpRequest, HttpResponse, Responder, ResponseError,
    body::{self, BoxBody},
    http::{
        StatusCode,
        header::{
            ACCEPT_ENCODING, ACCEPT_RANGES, AGE, CACHE_CONTROL, CONTENT_DISPOSITION, CONTENT_ENCODING,
            CONTENT_LANGUAGE, CONTENT_LENGTH, CONTENT_RANGE, CONTENT_TYPE, DATE, ETAG, HeaderMap, HeaderName,
            HeaderValue, LAST_MODIFIED, TRANSFER_ENCODING, VARY,
        },
    },
};

use crate::{
    cache_control::CacheControl,
    coding::Coding,
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

/// Whether a field goes into the 304 of an answer, which has an entity tag or not: `Last-Modified` goes where there is one
/// (RFC 9110 §15.4.5). `Age` stays: the client's cache would take the entry for new without it.
pub(crate) fn goes_with_short(name: &HeaderName, has_tag: bool) -> bool {
    !OF_REPRESENTATION.contains(name) && (!has_tag || *name != LAST_MODIFIED)
}

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

    pub(crate) fn vary(self, field: HeaderName) -> Self {
        self.vary_by([field])
    }

    pub(crate) fn vary_by(mut self, fields: impl IntoIterator<Item = HeaderName>) -> Self {
        for field in fields {
            if !self.vary.contains(&field) {
                self.vary.push(field);
            }
        }
        self
    }

    /// The same of the content in one of its codings, by which it varies.
    pub(crate) fn in_coding(mut self, coding: Option<Coding>) -> Self {
        self.validators = self.validators.in_coding(coding);
        self.vary(ACCEPT_ENCODING)
    }

    /// What the request's preconditions make of it.
    pub(crate) fn verdict(&self, preconditions: &Preconditions) -> Verdict {
        preconditions.verdict_on_answer(&self.validators, SystemTime::now())
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
        self.write_caching(response.headers_mut(), now);
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

    /// Completes a 304 that has none of the fields of a representation.
    pub(crate) fn complete_short(&self, mut response: HttpResponse) -> HttpResponse {
        let now = SystemTime::now();
        self.write_caching(response.headers_mut(), now);
        self.validators.write_one(response.headers_mut(), now);
        response
    }

    /// The 304 in place of a 200 that is not made at all.
    pub(crate) fn not_modified(&self) -> HttpResponse {
        let (now, mut response) = (SystemTime::now(), HttpResponse::new(StatusCode::OK));
        self.write_caching(response.headers_mut(), now);
        self.validators.write(response.headers_mut(), now);
        shorten(response)
    }

    /// What is reused keeps the `Date` of its making, which `Age` tells as well: recipients take the larger of both ages
    /// (RFC 9111 §4.2.3), and a later date looks as if somebody had changed it. In the first second the server's own says
    /// the same.
    fn write_caching(&self, headers: &mut HeaderMap, now: SystemTime) {
        if let Some(policy) = &self.cache_control {
            headers.insert(CACHE_CONTROL, policy.clone());
        }
        if let Some(age) = self.age {
            headers.insert(AGE, seconds(age));
            if let Some(made) = self.validators.made(age, now).filter(|_| age.as_secs() > 0) {
                headers.insert(DATE, made);
            }
        }
        for field in &self.vary {
            headers.append(VARY, HeaderValue::from(field.clone()));
        }
        for (name, value) in &self.more {
            headers.append(name.clone(), value.clone());
        }
    }
}

/// A span as a field's value. It takes one allocation, where `HeaderValue::from` takes two.
pub(crate) fn seconds(span: Duration) -> HeaderValue {
    let mut buffer = itoa::Buffer::new();
    HeaderValue::from_str(buffer.format(span.as_secs())).expect("digits")
}

impl From<Validators> for Head {
    fn from(validators: Validators) -> Self {
        Self { validators, ..Self::default() }
    }
}

/// Makes a 304 of a 200. The server adds `Date`.
pub(crate) fn shorten<B>(response: HttpResponse<B>) -> HttpResponse {
    let (mut head, _) = response.into_parts();
    *head.status_mut() = StatusCode::NOT_MODIFIED;
    let has_tag = head.headers().contains_key(ETAG);
    head.headers_mut().retain(|name, _| goes_with_short(name, has_tag));
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
