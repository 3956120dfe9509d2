//! A cached value as JSON: its validators, its freshness, its content codings.

use std::sync::OnceLock;

use actix_web::{
    HttpRequest, HttpResponse, Responder,
    body::{BoxBody, MessageBody},
    http::header::{CONTENT_ENCODING, HeaderName, HeaderValue},
};
use bytes::Bytes;
use cachet_core::Cached;
use serde::Serialize;

use crate::{
    cache_control::CacheControl,
    coding::{Accepted, Coding, Encoded, is_worth_encoding},
    edge::EdgeTags,
    preconditions::Preconditions,
    respond::Head,
    validators::{Validators, Verdict},
};

/// Longer JSON is not encoded: it would keep the worker from other clients.
const MOST_ENCODED: usize = 1 << 20;

const APPLICATION_JSON: &str = "application/json";

/// A cached value as JSON, with everything that its entry knows: `ETag`, `Last-Modified`, `Cache-Control` and `Age`.
///
/// A client that has the representation gets a 304, for which nothing is serialised. Without a `max-age` of its own the
/// policy gets the entry's lifetime, and `Age` says how much of that has passed, so what the client has left is what
/// the entry has left.
///
/// # Content codings
///
/// JSON of 1024 bytes or more goes out in the coding that the client likes best, under a tag of its own, as [that of
/// handlers](crate#content-codings) does: encoded once, and kept beside the entry as long as that is in memory. An entry
/// that is in a shared tier alone, or was changed by [`Cached::map`], is encoded for each client that takes a coding. That
/// happens on the worker, so what is larger than 1 MiB goes out as it is; a cached handler encodes it elsewhere.
///
/// Parts are answered as [those of `Validated`](crate::Validated#ranges).
///
/// # Tags
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
    tags: Vec<String>,
}

impl<T: Serialize> CachedJson<T> {
    /// Wraps what a cached function's `fetch` gave. Until [`cache`](Self::cache) says something else the answer is
    /// `private`: only the handler knows whether the value is for everyone.
    pub fn new(entry: Cached<T>) -> Self {
        let head = Head::from(Validators::from(&entry)).age(entry.age());
        Self { entry, policy: CacheControl::private(), head, tags: Vec::new() }
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

    /// Tags that [`EdgeTags`] writes, such as those of the cached function's control `tags`. Default: none.
    ///
    /// ```
    /// # use actix_web::{Responder, web::Path};
    /// # use cachet_actix::{CacheControl, CachedJson};
    /// # use cachet_core::cached;
    /// #[cached(ttl = "1h", tags = ["square:{n}"])]
    /// async fn square(n: u64) -> u64 {
    ///     n * n
    /// }
    ///
    /// async fn show(n: Path<u64>) -> impl Responder {
    ///     CachedJson::new(square::fetch(*n).await).cache(CacheControl::public()).tags(square::tags(*n))
    /// }
    /// # let _ = show;
    /// ```
    #[must_use]
    pub fn tags(mut self, tags: impl IntoIterator<Item = impl Into<String>>) -> Self {
        self.tags.extend(tags.into_iter().map(Into::into));
        self
    }
}

impl<T: Serialize> Responder for CachedJson<T> {
    type Body = BoxBody;

    fn respond_to(mut self, request: &HttpRequest) -> HttpResponse {
        let tags = std::mem::take(&mut self.tags);
        let mut response = self.answer(request);
        if !response.status().is_client_error() && EdgeTags::are_wanted(request) {
            EdgeTags::mark(&mut response, tags);
        }
        response
    }
}

impl<T: Serialize> CachedJson<T> {
    fn answer(self, request: &HttpRequest) -> HttpResponse {
        let (preconditions, accepted) = (Preconditions::of(request), Accepted::of(request.headers()));
        let (alone, wanted) = (Forms::default(), accepted.best());
        let forms = self.entry.beside().unwrap_or(&alone);
        let head = self.head.cache(self.policy.or_max_age(self.entry.lifetime()));
        // Asked before the answer is made: a 304 needs none.
        let is_held = |head: &Head| head.verdict(&preconditions) == Verdict::NotModified;
        if preconditions.revalidates()
            && let Some(head) = forms.heads(&head, wanted).find(is_held)
        {
            return head.not_modified();
        }
        let (mut response, coding) = forms.response(self.entry.value(), wanted);
        if response.status().is_success() && accepted.any() {
            // What is not encoded says so by an empty list, as `identity` is no member (RFC 9110 §8.4): `Compress` would
            // make another body under the same strong tag.
            let name = coding.map_or("", Coding::name);
            response.headers_mut().insert(CONTENT_ENCODING, HeaderValue::from_static(name));
        }
        let head = if forms.may_be_encoded() { head.in_coding(coding) } else { head };
        head.complete(&preconditions, response)
    }
}

/// What is known of a value's JSON in this process, beside its entry.
#[derive(Debug, Default)]
struct Forms {
    /// Whether it is worth encoding; not known before it was written once.
    is_encodable: OnceLock<bool>,
    encoded: Encoded,
}

impl Forms {
    /// Whether the answer varies by what the client takes. A 304 for JSON that was not written yet says so as well, rather
    /// than to write it: a cache that keeps two answers where one would do is no mistake.
    fn may_be_encoded(&self) -> bool {
        self.is_encodable.get().copied().unwrap_or(!Coding::ALL.is_empty())
    }

    /// What the answer says in each coding in which the client may have it: the one that it would be given, then any other,
    /// since its cache finds the stored response by the tag of the 304 (RFC 9111 §4.3.4).
    fn heads(&self, head: &Head, wanted: Option<Coding>) -> impl Iterator<Item = Head> {
        let may_be_encoded = self.may_be_encoded();
        let codings = [wanted, None].into_iter().chain(Coding::ALL.iter().copied().map(Some));
        let coded = codings.take_while(move |_| may_be_encoded).map(|coding| head.clone().in_coding(coding));
        coded.chain((!may_be_encoded).then(|| head.clone()))
    }

    /// The value as JSON, in the coding if that is worth it; as it is, it is written anew for each answer.
    fn response<T: Serialize>(&self, value: &T, wanted: Option<Coding>) -> (HttpResponse, Option<Coding>) {
        if let Some((Some(body), coding)) = wanted.and_then(|coding| Some((self.encoded.known(coding)?, coding))) {
            return (json(body.clone()), Some(coding));
        }
        let written = HttpResponse::Ok().json(value);
        if !written.status().is_success() {
            return (written, None);
        }
        let (head, body) = written.into_parts();
        let body = body.try_into_bytes().expect("JSON is written into memory");
        let is_encodable = *self.is_encodable.get_or_init(|| is_worth_encoding_here(body.len()));
        let encoded =
            wanted.filter(|_| is_encodable).and_then(|coding| Some((self.encoded.of(coding, &body)?, coding)));
        match encoded {
            Some((encoded, coding)) => (json(encoded), Some(coding)),
            None => (head.set_body(BoxBody::new(body)), None),
        }
    }
}

fn json(body: Bytes) -> HttpResponse {
    HttpResponse::Ok().content_type(APPLICATION_JSON).body(body)
}

fn is_worth_encoding_here(bytes: usize) -> bool {
    !Coding::ALL.is_empty() && bytes <= MOST_ENCODED && is_worth_encoding(Some(APPLICATION_JSON), bytes)
}
