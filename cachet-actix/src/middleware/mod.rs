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
mod trip;
mod vary;

use std::{
    fmt,
    future::{Ready, ready},
    rc::Rc,
    sync::Arc,
};

use actix_web::{
    Error,
    body::{BoxBody, MessageBody},
    dev::{RequestHead, Service, ServiceRequest, ServiceResponse, Transform},
    http::header::{HeaderMap, HeaderName, HeaderValue},
};
use cachet_core::Cachet;

use self::{flow::Flow, policy::Rules};

/// A shared response cache as a middleware.
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
            rules: Rules { targets: Vec::new(), heuristics: true, honours: false },
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

    /// Tags of the answers to a request, for [`Cachet::invalidate_tag`]. Default: none.
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
        Box::pin(Rc::clone(&self.0).respond(request))
    }
}
