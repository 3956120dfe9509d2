//! The middleware that writes an answer's tags.

use std::{
    borrow::Cow,
    future::{Future, Ready, ready},
    pin::Pin,
    sync::Once,
    task::{Context, Poll},
};

use actix_web::{
    Error, HttpMessage, HttpRequest, HttpResponse,
    dev::{Service, ServiceRequest, ServiceResponse, Transform},
    http::header::{CACHE_CONTROL, HeaderMap, HeaderName},
};

use super::field::{TagField, escape};
use crate::cache_control::for_its_client;

/// Writes the tags of answers into the field that a cache in front goes by.
///
/// Those are the `tags` of [cached handlers](crate#cached-handlers) and of a [`ResponseCache`](crate::ResponseCache), to
/// GET and HEAD, on their 304s too; [`mark`](Self::mark) adds those of other answers. Without this middleware no tag
/// leaves the service.
///
/// ```
/// use actix_web::{App, Responder, get, test, web::Path};
/// use cachet_actix::EdgeTags;
/// use cachet_core::cached;
///
/// #[get("/posts/{id}")]
/// #[cached(ttl = 60, tags = ["posts", "post:{id}"], http = "public, max-age=30")]
/// async fn post(id: Path<u64>) -> impl Responder {
///     format!("post {id}")
/// }
///
/// # #[actix_web::main] async fn main() {
/// let app = test::init_service(App::new().service(post).wrap(EdgeTags::surrogate_key())).await;
/// let answer = test::TestRequest::get().uri("/posts/7").send_request(&app).await;
/// assert_eq!(answer.headers().get("surrogate-key").unwrap(), "posts post:7");
/// # }
/// ```
///
/// Where an [`Edge`](super::Edge) follows the runtime there are three more: for the entry, or at a `ResponseCache` the
/// URI, and for the function and the namespace. They show nothing of what they stand for.
///
/// # How many
///
/// A line has at most 4096 bytes, since Varnish takes 8 KiB; more tags are more lines. `Surrogate-Key` is one line, since
/// Fastly heeds one. [Fastly] reads 16 KB of a field, [Cloudflare] as much and no more than 1000 tags, [Varnish] 32 KiB of
/// fields in all. An answer with more than 16 000 bytes, or 1000 in `Cache-Tag`, could not be purged by all of its tags. So
/// it goes out without any, and as `private`: clients keep it as they were told, and no cache in front does. The first
/// such answer is logged. A tag is written as by [`escape`](Self::escape).
///
/// [Fastly]: https://www.fastly.com/documentation/reference/http/http-headers/Surrogate-Key/
/// [Cloudflare]: https://developers.cloudflare.com/cache/how-to/purge-cache/purge-by-tags/
/// [Varnish]: https://varnish-cache.org/docs/trunk/reference/varnishd.html#http-resp-size
///
/// # Beside a `ResponseCache`
///
/// Around a `ResponseCache` it writes that cache's own tags. Those of handlers behind one are stored with the answer if
/// they are in the fields already: wrap the handlers too, inside. Clients see the field unless the edge takes it out, as
/// Fastly and Cloudflare do; at Varnish `unset resp.http.xkey` in `vcl_deliver` does it.
#[derive(Clone, Debug)]
pub struct EdgeTags(Vec<TagField>);

/// What caches in front heed before `Cache-Control`.
const FOR_SHARED_CACHES: [HeaderName; 3] = [
    HeaderName::from_static("cdn-cache-control"),
    HeaderName::from_static("cloudflare-cdn-cache-control"),
    HeaderName::from_static("surrogate-control"),
];

/// That there was an answer with too many.
static TOO_MANY: Once = Once::new();

/// A request whose answer's tags go out.
struct Wanted;

/// The tags of an answer, among its extensions.
struct Tags(Vec<String>);

impl EdgeTags {
    /// `Surrogate-Key`, separated by spaces: Fastly, and others.
    pub fn surrogate_key() -> Self {
        Self(vec![TagField::SurrogateKey])
    }

    /// `Cache-Tag`, separated by commas: Cloudflare, which takes upper and lower case for the same, and others.
    pub fn cache_tag() -> Self {
        Self(vec![TagField::CacheTag])
    }

    /// `xkey`, separated by spaces: Varnish with its module of that name.
    pub fn xkey() -> Self {
        Self(vec![TagField::Xkey])
    }

    /// `Cache-Groups`, a structured list of strings (RFC 9875 §2).
    pub fn cache_groups() -> Self {
        Self(vec![TagField::CacheGroups])
    }

    /// Both fields.
    #[must_use]
    pub fn and(mut self, other: &Self) -> Self {
        self.0.extend(&other.0);
        self
    }

    /// Adds tags to an answer that goes out through this middleware: those of the cached functions that it is made of.
    ///
    /// ```
    /// use actix_web::HttpResponse;
    /// use cachet_actix::EdgeTags;
    ///
    /// let mut response = HttpResponse::Ok().body("two brands");
    /// EdgeTags::mark(&mut response, ["brand:acme", "brand:other"]);
    /// ```
    pub fn mark<B>(response: &mut HttpResponse<B>, tags: impl IntoIterator<Item = impl Into<String>>) {
        let mut tags = tags.into_iter().map(Into::into).peekable();
        if tags.peek().is_none() {
            return;
        }
        let mut extensions = response.extensions_mut();
        match extensions.get_mut::<Tags>() {
            Some(Tags(known)) => known.extend(tags),
            None => drop(extensions.insert(Tags(tags.collect()))),
        }
    }

    /// A tag as an edge knows it: what is no visible ASCII character, and `%`, `,`, `"` and `\`, is percent-encoded, and
    /// a tag that is empty or longer than 1024 bytes then goes by its hash. Purgers write it the same way.
    ///
    /// ```
    /// use cachet_actix::EdgeTags;
    ///
    /// assert_eq!(EdgeTags::escape("product:7"), "product:7");
    /// assert_eq!(EdgeTags::escape("brand:acme, inc"), "brand:acme%2C%20inc");
    /// ```
    pub fn escape(tag: &str) -> Cow<'_, str> {
        escape(tag)
    }

    pub(crate) fn are_wanted(request: &HttpRequest) -> bool {
        request.extensions().contains::<Wanted>()
    }

    fn write<B>(&self, response: &mut HttpResponse<B>) {
        let Some(Tags(tags)) = response.extensions_mut().remove::<Tags>() else { return };
        let headers = response.headers_mut();
        let lines: Option<Vec<_>> = self.0.iter().map(|field| field.values(headers, &tags)).collect();
        let Some(lines) = lines else { return self.keep_out(headers, tags.len()) };
        for (field, lines) in self.0.iter().zip(lines) {
            headers.remove(field.name());
            for line in lines {
                headers.append(field.name(), line);
            }
        }
    }

    /// What no edge could forget again, none may have.
    fn keep_out(&self, headers: &mut HeaderMap, tags: usize) {
        TOO_MANY.call_once(|| {
            tracing::warn!(tags, "an answer has more tags than a cache in front reads: it is for its client alone");
        });
        for name in self.0.iter().map(|field| field.name()).chain(FOR_SHARED_CACHES) {
            headers.remove(name);
        }
        let policy = for_its_client(headers);
        headers.insert(CACHE_CONTROL, policy);
    }
}

impl<S, B> Transform<S, ServiceRequest> for EdgeTags
where
    S: Service<ServiceRequest, Response = ServiceResponse<B>, Error = Error>,
    S::Future: 'static,
{
    type Response = ServiceResponse<B>;
    type Error = Error;
    type Transform = EdgeTagsService<S>;
    type InitError = ();
    type Future = Ready<Result<EdgeTagsService<S>, ()>>;

    fn new_transform(&self, service: S) -> Self::Future {
        ready(Ok(EdgeTagsService { service, fields: self.clone() }))
    }
}

/// A service behind [`EdgeTags`].
#[derive(Debug)]
pub struct EdgeTagsService<S> {
    service: S,
    fields: EdgeTags,
}

impl<S, B> Service<ServiceRequest> for EdgeTagsService<S>
where
    S: Service<ServiceRequest, Response = ServiceResponse<B>, Error = Error>,
    S::Future: 'static,
{
    type Response = ServiceResponse<B>;
    type Error = Error;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, Error>>>>;

    fn poll_ready(&self, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        self.service.poll_ready(cx)
    }

    fn call(&self, request: ServiceRequest) -> Self::Future {
        request.extensions_mut().insert(Wanted);
        let (fields, answering) = (self.fields.clone(), self.service.call(request));
        Box::pin(async move {
            let mut response = answering.await?;
            fields.write(response.response_mut());
            Ok(response)
        })
    }
}
