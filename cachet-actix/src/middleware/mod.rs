//! `ResponseCache`: a shared cache (RFC 9111) in front of handlers that nobody annotated.

mod answer;
mod ask;
mod collapse;
mod directives;
mod flow;
mod kept;
mod key;
mod policy;
mod record;
mod resources;
mod revalidate;
mod trip;
mod vary;

use std::{
    fmt,
    future::{Ready, ready},
    rc::Rc,
    sync::Arc,
    time::Duration,
};

use actix_web::{
    Error,
    body::{BoxBody, MessageBody},
    dev::{RequestHead, Service, ServiceRequest, ServiceResponse, Transform},
    http::header::{HeaderMap, HeaderName, HeaderValue},
};
use cachet_core::Cachet;

use self::{flow::Flow, policy::Rules};
use crate::edge::EdgeTags;

/// A shared response cache (RFC 9111) as a middleware, in the tiers of a [`Cachet`].
///
/// It stores what the answers of the handlers behind it say may be stored. A handler that says nothing is not cached,
/// but for the guess that [`heuristics`](Self::heuristics) makes.
///
/// ```no_run
/// use actix_web::{App, HttpResponse, HttpServer, get};
/// use cachet_actix::{CacheControl, ResponseCache};
/// use cachet_core::Cachet;
///
/// #[get("/news")]
/// async fn news() -> HttpResponse {
///     HttpResponse::Ok()
///         .insert_header(("cache-control", "public, max-age=30, stale-while-revalidate=60"))
///         .body("…")
/// }
///
/// # #[actix_web::main] async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let cachet = Cachet::builder().namespace("shop").build()?.install()?;
/// let responses = ResponseCache::new(&cachet).max_bytes(256 << 20);
/// HttpServer::new(move || App::new().wrap(responses.clone()).service(news)).bind("127.0.0.1:8080")?.run().await?;
/// # Ok(())
/// # }
/// ```
///
/// # What is stored, and for how long
///
/// | | |
/// |---|---|
/// | methods | answers to GET; they answer HEAD and a single range as well (RFC 9110 §14.2) |
/// | never | `no-store`, `private`, `Set-Cookie`, a partial or broken body, one beyond [`max_entry_bytes`](Self::max_entry_bytes), an unknown status with `must-understand`, [`DoNotStore`] |
/// | statuses | 200, 203, 204, 301, 308, 404, 410; others with a lifetime or `public` |
/// | `Authorization` | only with `public`, `s-maxage` or `must-revalidate` (RFC 9111 §3.5); so is who gets a stored answer |
/// | `Cookie` | goes past the cache, unless [`cookies`](Self::cookies) makes it a credential like that |
/// | fresh for | `s-maxage`, else `max-age`, else `Expires`, else a guess (RFC 9111 §4.2); [`targets`](Self::targets) come first |
/// | stale for | `stale-while-revalidate` and `stale-if-error` (RFC 5861), never under `no-cache`, `must-revalidate`, `proxy-revalidate`, `s-maxage` |
/// | kept for | that, and another day where there is a validator to ask the handler with |
/// | told apart by | `Vary` (RFC 9111 §4.1), at most [`max_variants`](Self::max_variants) an URI and 16 fields an answer; `Vary: *` only to be validated |
///
/// # Who waits, and who is told
///
/// One request of those that want the same answer asks the handler, in the process; the others wait for it, at most 10 s.
/// When the answer turns out not to be stored they ask by themselves, all at once, and for 10 s nobody waits for it.
/// Requests with credentials wait for nobody. What is stale is validated with its validators and the strong entity tags of
/// the URI's other answers, as far as their coding is one for the request; where the handler's 304 names nothing of it,
/// the handler is asked again, for all. A client's own `If-None-Match`, `If-Modified-Since` and `Range` are held against
/// what is stored, and reach the handler only where nothing is; `If-Match` and `If-Unmodified-Since` always do.
///
/// A body is sent on as it comes, and stored before its end is sent. It is gathered as fast as it comes: a client that
/// reads slowly holds nobody up, and up to [`max_entry_bytes`](Self::max_entry_bytes) wait for it. One that goes away
/// takes the body with it. The time that a body takes counts as its age. Beside a Redis an answer is stored if it is
/// whole within twelve times [`Builder::lease`](cachet_core::Builder::lease).
///
/// A method that is not GET, HEAD, OPTIONS or TRACE and that succeeds invalidates its URI, and those of the same origin in
/// `Location` and `Content-Location` (RFC 9111 §4.4), with all variants. So does one whose answer is lost, or an error of
/// the server's other than 501, for its URI: it may have happened. A fence keeps out what was fetched before it.
/// [`tags`](Self::tags) do the same for [`Cachet::invalidate_tag`].
///
/// A HEAD that goes to the handler freshens what is stored, or does away with it where the two differ (§4.3.5).
///
/// `Cache-Status` (RFC 9211) says what became of each request, with the reason why an answer was not stored. Of a streamed
/// body it says `stored` before it is: one that breaks off or is invalidated on its way is not.
/// [`Cachet::stats`] counts under the name `responses`, where a hit is two look-ups: the URI's, and the answer's.
///
/// # What a client cannot do
///
/// The key is the URI in one spelling: the host in lower case without the scheme's own port, percent-encodings of
/// unreserved characters undone. The handler sees that spelling, and not the fields that others have poisoned caches
/// with: `Forwarded`, `X-Forwarded-*`, `X-Original-URL`, `X-HTTP-Method-Override` and their like, unless
/// [`keyed_by`](Self::keyed_by) declares them; nor those with an underscore in their name, which gateways take for
/// others. (A GET or HEAD that goes past the cache keeps them, and so does any other method.) A target is given without
/// scheme and authority: the latter counts before the `Host` field (RFC 9112 §3.2.2), and the former is the connection's.
/// Fields that `Connection` lists are removed (RFC 9110 §7.6.1).
///
/// A request with a body, over HTTP/2 one that has not ended, with dot segments in its path, with another scheme than
/// `http` or `https`, without a host, with a malformed one or with two goes past the cache; one of `actix_web::test` has a
/// host when it is given a `Host`. A request's `Cache-Control` is ignored unless
/// [`honour_request_directives`](Self::honour_request_directives) is set.
///
/// # What it costs
///
/// An answer from memory takes about what a handler of fixed bytes does, a sixth more instructions, whatever stands behind
/// it; a 304 takes as much (`cargo bench --bench http`). What varies is a hash more.
///
/// # Where it stands
///
/// It decides on the fields that it sees: a middleware that sets cookies belongs between it and the handler, so that its
/// answers are not stored. Around `Compress` it stores each coding by its `Vary`. It does not belong inside of `Compress`,
/// which encodes a whole answer and no part of it, under one tag: a client would put together what does not fit.
///
/// Members of `Accept-Encoding` and `Accept-Language` are the same in any order. A handler that takes the first one, whatever
/// the weights say, lets the first client decide for those that list the same.
///
/// Clones share everything, and so do all
/// response caches of one runtime, whose memory is bounded by [`max_bytes`](Self::max_bytes).
///
/// An answer that is served stale while it is refreshed goes out under a copy of the request: what outer middleware put
/// into the request's extensions is with the refresh.
#[derive(Clone)]
pub struct ResponseCache {
    runtime: Cachet,
    configuration: Arc<Configuration>,
}

/// Keeps an answer out of every [`ResponseCache`], whatever its fields say, where it is put into the answer's extensions.
///
/// It is for handlers that know something of an answer that its fields do not tell, such as a proxy that cannot tell
/// whether the body it is given is whole.
///
/// ```
/// use actix_web::HttpResponse;
/// use cachet_actix::DoNotStore;
///
/// let mut response = HttpResponse::Ok().insert_header(("cache-control", "max-age=60")).finish();
/// response.extensions_mut().insert(DoNotStore);
/// ```
#[derive(Clone, Copy, Debug)]
pub struct DoNotStore;

/// What tags a request's answers carry.
type Tags = Arc<dyn Fn(&RequestHead) -> Vec<String> + Send + Sync>;

#[derive(Clone)]
struct Configuration {
    name: String,
    rules: Rules,
    declared: Vec<HeaderName>,
    cookies: bool,
    debug: bool,
    x_cache: bool,
    tags: Option<Tags>,
    max_bytes: u64,
    max_entry_bytes: usize,
    max_variants: usize,
}

impl ResponseCache {
    /// A cache in the tiers of a runtime, with the defaults.
    pub fn new(runtime: &Cachet) -> Self {
        let configuration = Configuration {
            name: "cachet".to_owned(),
            rules: Rules { targets: Vec::new(), heuristics: true, honours: false, stale_if_error: Duration::ZERO },
            declared: Vec::new(),
            cookies: false,
            debug: false,
            x_cache: false,
            tags: None,
            max_bytes: 64 << 20,
            max_entry_bytes: 1 << 20,
            max_variants: 32,
        };
        Self { runtime: runtime.clone(), configuration: Arc::new(configuration) }
    }

    fn with(mut self, set: impl FnOnce(&mut Configuration)) -> Self {
        set(Arc::make_mut(&mut self.configuration));
        self
    }

    /// Fields of a request that its answer depends on without saying so in `Vary`: they join the key, and the handler
    /// sees them. Default: none.
    #[must_use]
    pub fn keyed_by(self, fields: impl IntoIterator<Item = HeaderName>) -> Self {
        self.with(|configuration| configuration.declared.extend(fields))
    }

    /// Lets requests with a cookie have, and leave, answers that say `public`, `s-maxage` or `must-revalidate`. Default:
    /// they go past the cache.
    #[must_use]
    pub fn cookies(self) -> Self {
        self.with(|configuration| configuration.cookies = true)
    }

    /// Does what a request's `Cache-Control` asks for (RFC 9111 §5.2.1). Default: it is ignored, so that no client can
    /// force work.
    #[must_use]
    pub fn honour_request_directives(self) -> Self {
        self.with(|configuration| configuration.rules.honours = true)
    }

    /// Fields that say for this cache what `Cache-Control` says for others, such as `cdn-cache-control`; the first that
    /// is there and valid applies (RFC 9213). Default: none.
    #[must_use]
    pub fn targets(self, fields: impl IntoIterator<Item = HeaderName>) -> Self {
        self.with(|configuration| configuration.rules.targets.extend(fields))
    }

    /// Whether an answer that has a `Last-Modified` and no lifetime is fresh for a tenth of its age, a day at most
    /// (RFC 9111 §4.2.2). Default: it is.
    #[must_use]
    pub fn heuristics(self, guess: bool) -> Self {
        self.with(|configuration| configuration.rules.heuristics = guess)
    }

    /// For how long a stale answer serves where the handler fails, if it has no `stale-if-error` of its own and nothing
    /// in it forbids that (RFC 9111 §4.2.4). Default zero: it serves only where it says so.
    #[must_use]
    pub fn stale_if_error(self, window: Duration) -> Self {
        self.with(|configuration| configuration.rules.stale_if_error = window)
    }

    /// Tags of the answers to a request, for [`Cachet::invalidate_tag`] and [`EdgeTags`]. Default: none.
    #[must_use]
    pub fn tags(self, tags: impl Fn(&RequestHead) -> Vec<String> + Send + Sync + 'static) -> Self {
        self.with(|configuration| configuration.tags = Some(Arc::new(tags)))
    }

    /// What this cache is called in `Cache-Status`: a token. Default: `cachet`.
    #[must_use]
    pub fn name(self, name: impl Into<String>) -> Self {
        self.with(|configuration| configuration.name = name.into())
    }

    /// Shows the key in `Cache-Status`. Default: not, since a key may hold what is not for everybody.
    #[must_use]
    pub fn debug(self) -> Self {
        self.with(|configuration| configuration.debug = true)
    }

    /// Adds `X-Cache: HIT` or `MISS`. Default: not.
    #[must_use]
    pub fn x_cache(self) -> Self {
        self.with(|configuration| configuration.x_cache = true)
    }

    /// The bound of the memory tier for all response caches of the runtime; the first that is used sets it. Default
    /// 64 MiB.
    #[must_use]
    pub fn max_bytes(self, bytes: u64) -> Self {
        self.with(|configuration| configuration.max_bytes = bytes)
    }

    /// The largest body that is stored; a larger one is passed on. Default 1 MiB.
    #[must_use]
    pub fn max_entry_bytes(self, bytes: usize) -> Self {
        self.with(|configuration| configuration.max_entry_bytes = bytes)
    }

    /// The most answers to one URI, told apart by `Vary`; the oldest give way. Default 32.
    #[must_use]
    pub fn max_variants(self, variants: usize) -> Self {
        self.with(|configuration| configuration.max_variants = variants)
    }
}

fn write_x_cache(hit: bool, headers: &mut HeaderMap) {
    let value = HeaderValue::from_static(if hit { "HIT" } else { "MISS" });
    headers.insert(HeaderName::from_static("x-cache"), value);
}

impl fmt::Debug for ResponseCache {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ResponseCache").field("name", &self.configuration.name).finish_non_exhaustive()
    }
}

impl<S, B> Transform<S, ServiceRequest> for ResponseCache
where
    S: Service<ServiceRequest, Response = ServiceResponse<B>, Error = Error> + 'static,
    B: MessageBody + 'static,
{
    type Response = ServiceResponse<BoxBody>;
    type Error = Error;
    type Transform = CachedService<S>;
    type InitError = ();
    type Future = Ready<Result<CachedService<S>, ()>>;

    fn new_transform(&self, service: S) -> Self::Future {
        ready(Ok(CachedService(Rc::new(Flow::new(service, self)))))
    }
}

/// A service behind a [`ResponseCache`].
pub struct CachedService<S>(Rc<Flow<S>>);

impl<S> fmt::Debug for CachedService<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CachedService").finish_non_exhaustive()
    }
}

impl<S, B> Service<ServiceRequest> for CachedService<S>
where
    S: Service<ServiceRequest, Response = ServiceResponse<B>, Error = Error> + 'static,
    B: MessageBody + 'static,
{
    type Response = ServiceResponse<BoxBody>;
    type Error = Error;
    type Future = flow::Responding;

    fn poll_ready(&self, cx: &mut std::task::Context<'_>) -> std::task::Poll<Result<(), Error>> {
        self.0.poll_ready(cx)
    }

    fn call(&self, request: ServiceRequest) -> Self::Future {
        let (flow, tags) = (Rc::clone(&self.0), self.0.edge_tags(&request));
        Box::pin(async move {
            let mut response = flow.respond(request).await?;
            EdgeTags::mark(response.response_mut(), tags);
            Ok(response)
        })
    }
}

/// Fields of a test's message.
#[cfg(test)]
fn headers(lines: &[(&'static str, &'static str)]) -> actix_web::http::header::HeaderMap {
    use actix_web::http::header::{HeaderMap, HeaderName, HeaderValue};

    let mut headers = HeaderMap::new();
    for (name, value) in lines {
        headers.append(HeaderName::from_static(name), HeaderValue::from_static(value));
    }
    headers
}
