//! The flow of one request: what is stored of it, whether that may be used, who else is fetching it, the origin.

use std::{
    future::Future,
    pin::Pin,
    rc::Rc,
    sync::Arc,
    task::{Context, Poll},
};

use actix_web::{
    Error, HttpRequest, HttpResponse,
    body::{BoxBody, MessageBody},
    dev::{Payload, Service, ServiceRequest, ServiceResponse},
    http::{
        Method, StatusCode,
        header::{CONTENT_LOCATION, HeaderMap, LOCATION},
    },
    rt,
    test::TestRequest,
};
use cachet_core::{
    __private::{Write, runtime_in_front},
    Cachet,
};
use tokio::sync::Semaphore;

use super::{
    Configuration, ResponseCache,
    answer::answer,
    ask::Ask,
    collapse::{Landing, Leading, Part, board},
    key::{Key, name_host},
    policy::Use,
    resources::{Found, Glance, Resources, Seen},
    revalidate::ask_for_all,
    trip::{Trip, drain},
};
use crate::{cache_status::CacheStatus, edge::EdgeTags, validators::reads};

/// The most refreshes behind stale answers in the process; beyond it a stale answer is served without one.
static BEHIND: Semaphore = Semaphore::const_new(64);

pub(super) type Responding = Pin<Box<dyn Future<Output = Result<ServiceResponse<BoxBody>, Error>>>>;

/// A service with the cache in front of it.
pub(super) struct Flow<S> {
    service: S,
    cache: Cache,
}

/// The cache without the service's type.
#[derive(Clone)]
pub(super) struct Cache {
    runtime: Cachet,
    pub(super) configuration: Arc<Configuration>,
    pub(super) resources: Resources,
}

/// Who fetches an answer.
enum Turn {
    /// This request; for others as well, where there is a lead.
    Fetch(Option<Leading>),
    /// Another one did, and it is stored.
    Landed,
    /// Another one found the origin failing.
    Failed,
}

impl<S, B> Flow<S>
where
    S: Service<ServiceRequest, Response = ServiceResponse<B>, Error = Error> + 'static,
    B: MessageBody + 'static,
{
    pub(super) fn new(service: S, cache: &ResponseCache) -> Self {
        let configuration = Arc::clone(&cache.configuration);
        let resources = Resources::open(&cache.runtime, configuration.max_bytes, configuration.max_variants);
        Self { service, cache: Cache { runtime: cache.runtime.clone(), configuration, resources } }
    }

    pub(super) fn poll_ready(&self, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        self.service.poll_ready(cx)
    }

    /// The tags of the request's answers, if they are to go out.
    pub(super) fn edge_tags(&self, request: &ServiceRequest) -> Vec<String> {
        if !reads(request.method()) || !EdgeTags::are_wanted(request.request()) {
            return Vec::new();
        }
        let mut tags = self.cache.configuration.tags.as_ref().map(|tags| tags(request.head())).unwrap_or_default();
        if let Some(name) = runtime_in_front(&self.cache.runtime) {
            tags.extend(Key::of_change(request).map(|key| key.tag()));
            tags.push(name);
        }
        tags
    }

    pub(super) async fn respond(
        self: Rc<Self>,
        mut request: ServiceRequest,
    ) -> Result<ServiceResponse<BoxBody>, Error> {
        name_host(&mut request);
        match *request.method() {
            Method::GET | Method::HEAD => {}
            Method::OPTIONS | Method::TRACE | Method::CONNECT => return self.pass(request, "method", None).await,
            _ => return Box::pin(self.change(request)).await,
        }
        let ask = match Ask::of(&mut request, &self.cache.configuration) {
            Ok(ask) => ask,
            Err(reason) => return self.pass(request, "bypass", Some(reason)).await,
        };
        ask.impose(&mut request, &self.cache.configuration);

        let glance = self.cache.resources.glance(&ask, request.headers());
        match &glance.selected {
            Some(found) if ask.is_content_with(found) => Ok(self.cache.hit(request, &ask, found, false)),
            // Each request has its future made, and that of a hit is small.
            _ => Box::pin(self.far(request, ask, glance)).await,
        }
    }

    /// Answers what memory alone does not.
    async fn far(
        self: Rc<Self>,
        request: ServiceRequest,
        ask: Ask,
        glance: Glance,
    ) -> Result<ServiceResponse<BoxBody>, Error> {
        let mut seen = self.cache.resources.complete(glance, &ask, request.headers()).await;
        let mut collapsed = false;
        loop {
            match seen.selected.clone().map(|found| (ask.usage(&found), found)) {
                Some((Use::Fresh, found)) => return Ok(self.cache.hit(request, &ask, &found, collapsed)),
                Some((Use::Behind, found)) => return Ok(self.hit_and_refresh(request, ask, seen, &found)),
                Some((Use::Validated, _)) | None => {}
            }
            if ask.wishes.only_if_cached {
                return Ok(self.cache.nothing_stored(request, &ask));
            }
            match self.cache.turn(&ask, &seen, request.headers(), collapsed).await {
                Turn::Fetch(Some(lead)) if seen.is_outdated() => {
                    seen = self.cache.resources.look(&ask, request.headers()).await;
                    if let Some(found) = seen.selected.as_ref().filter(|found| ask.is_content_with(found)) {
                        lead.land(Landing::Stored);
                        return Ok(self.cache.hit(request, &ask, found, collapsed));
                    }
                    return self.fetch(request, ask, seen, Some(lead)).await;
                }
                Turn::Fetch(lead) => return self.fetch(request, ask, seen, lead).await,
                Turn::Landed => seen = self.cache.resources.look(&ask, request.headers()).await,
                Turn::Failed => match seen.selected.take().filter(|found| ask.may_have_after_error(found)) {
                    Some(found) => return Ok(self.cache.hit(request, &ask, &found, true)),
                    None => return self.fetch(request, ask, seen, None).await,
                },
            }
            collapsed = true;
        }
    }

    /// Asks the origin, and stores what it answers as far as that may be stored.
    async fn fetch(
        &self,
        request: ServiceRequest,
        ask: Ask,
        seen: Seen,
        lead: Option<Leading>,
    ) -> Result<ServiceResponse<BoxBody>, Error> {
        let uri = request.uri().to_string();
        let opening = if ask.stores() || ask.updates(&seen) {
            self.cache.resources.begin(&ask.key, ask.tags()).await
        } else {
            None
        };
        let mut trip = Trip::new(ask, request.head(), seen, opening, lead);
        let outcome = self.ask_origin(request, &mut trip).await;
        match outcome {
            Ok(response) => {
                let (request, response) = response.into_parts();
                let response = trip.answered(&self.cache, response).await;
                Ok(ServiceResponse::new(request, response))
            }
            Err(error) => {
                let response = trip.instead_of_error(&self.cache, None).ok_or(error)?;
                Ok(ServiceResponse::new(stand_in(&trip.method, &uri, &trip.headers), response))
            }
        }
    }

    /// Asks the origin, and a second time where its 304 is of no use.
    async fn ask_origin(
        &self,
        mut request: ServiceRequest,
        trip: &mut Trip,
    ) -> Result<ServiceResponse<BoxBody>, Error> {
        let (uri, path) = (request.uri().clone(), request.match_info().clone());
        trip.condition(request.headers_mut());
        let clock = &self.cache.resources;
        let mut began = clock.now();
        let mut response = self.service.call(request).await?.map_into_boxed_body();
        if trip.is_left_without(response.response()) {
            // The request comes back with the answer, marked by those who routed it; a handler that kept a copy of it for
            // a task of its own has the exchange end here, as actix-web does.
            let (request, _) = response.into_parts();
            let mut request = ServiceRequest::from_parts(request, Payload::None);
            request.head_mut().uri = uri;
            *request.match_info_mut() = path;
            trip.ask_again(request.headers_mut());
            began = clock.now();
            response = self.service.call(request).await?.map_into_boxed_body();
        }
        trip.took(clock.now().saturating_sub(began));
        Ok(response)
    }

    /// Answers with what is stale, and has the request itself bring a newer one. What goes to the client is answered
    /// under a request that looks the same, since a handler's request belongs to one call.
    fn hit_and_refresh(
        self: Rc<Self>,
        mut request: ServiceRequest,
        ask: Ask,
        seen: Seen,
        found: &Found,
    ) -> ServiceResponse {
        let stand_in = stand_in(request.method(), &request.uri().to_string(), request.headers());
        let response = self.cache.answer_hit(&ask, request.method(), request.headers(), found, false);
        let flight = format!("{}\nbehind", flight(&ask, &seen, request.headers()));
        if let Ok(permit) = BEHIND.try_acquire()
            && let Part::Lead(lead) = board(self.cache.resources.identity(), flight)
            && !seen.is_outdated()
        {
            // What this client has, or wants a part of, is answered; the refresh is for all.
            ask_for_all(request.headers_mut());
            rt::spawn(async move {
                if let Ok(response) = self.fetch(request, ask, seen, Some(lead)).await {
                    drain(response.into_body()).await;
                }
                drop(permit);
            });
        }
        ServiceResponse::new(stand_in, response)
    }

    /// Sends a request past the cache.
    async fn pass(
        &self,
        request: ServiceRequest,
        forwarded: &'static str,
        detail: Option<&'static str>,
    ) -> Result<ServiceResponse<BoxBody>, Error> {
        let mut response = self.service.call(request).await?.map_into_boxed_body();
        let status = CacheStatus { detail, ..CacheStatus::forwarded(forwarded) };
        self.cache.tell(&status, None, response.headers_mut());
        Ok(response)
    }

    /// A method that changes something: what is stored of its URI is fenced before, and gone after it succeeded
    /// (RFC 9111 §4.4). A fetch that began before cannot bring the old answer back. So it is after an error of the
    /// server's, which may hide that the origin did what it was asked.
    async fn change(&self, request: ServiceRequest) -> Result<ServiceResponse<BoxBody>, Error> {
        let key = Key::of_change(&request);
        let writing = match &key {
            Some(key) => Some(self.cache.runtime.scope(Write::new().tag(key.tag()).begin()).await),
            None => None,
        };
        // A writer that fails or is cancelled may have changed something: the guard invalidates.
        let response = self.pass(request, "method", None).await?;
        let Some((key, writing)) = key.zip(writing) else { return Ok(response) };
        match response.status() {
            status if status.is_client_error() || status == StatusCode::NOT_IMPLEMENTED => writing.abandon().await,
            status if status.is_server_error() => writing.commit().await,
            _ => {
                writing.commit().await;
                self.invalidate_named_by(response.headers(), &key).await;
            }
        }
        Ok(response)
    }

    async fn invalidate_named_by(&self, headers: &HeaderMap, key: &Key) {
        for name in [LOCATION, CONTENT_LOCATION] {
            for reference in headers.get_all(name) {
                if let Some(referred) = key.refer(reference) {
                    self.cache.runtime.invalidate_tag(referred.tag()).await;
                }
            }
        }
    }
}

impl Cache {
    /// Waits for a request that fetches the same, if there is one and this one did not wait before.
    async fn turn(&self, ask: &Ask, seen: &Seen, request: &HeaderMap, waited: bool) -> Turn {
        if waited || !ask.follows() {
            return Turn::Fetch(None);
        }
        match board(self.resources.identity(), flight(ask, seen, request)) {
            Part::Lead(lead) => Turn::Fetch(Some(lead).filter(|_| ask.leads(seen))),
            Part::Alone => Turn::Fetch(None),
            Part::Follow(following) => match following.landed().await {
                Some(Landing::Stored) => Turn::Landed,
                Some(Landing::Failed) => Turn::Failed,
                None => Turn::Fetch(None),
            },
        }
    }

    fn hit(&self, request: ServiceRequest, ask: &Ask, found: &Found, collapsed: bool) -> ServiceResponse {
        let response = self.answer_hit(ask, request.method(), request.headers(), found, collapsed);
        request.into_response(response)
    }

    fn answer_hit(
        &self,
        ask: &Ask,
        method: &Method,
        request: &HeaderMap,
        found: &Found,
        collapsed: bool,
    ) -> HttpResponse {
        let terms = &found.kept.terms;
        let mut response = answer(method, request, &found.kept, terms.age(found.resident));
        let ttl = Some(terms.ttl(found.resident));
        let status = CacheStatus { hit: true, ttl, collapsed, ..CacheStatus::default() };
        self.tell(&status, Some(&ask.key), response.headers_mut());
        response
    }

    /// RFC 9111 §5.2.1.7.
    fn nothing_stored(&self, request: ServiceRequest, ask: &Ask) -> ServiceResponse {
        let mut response = HttpResponse::new(StatusCode::GATEWAY_TIMEOUT);
        let status = CacheStatus { detail: Some("only-if-cached"), ..CacheStatus::default() };
        self.tell(&status, Some(&ask.key), response.headers_mut());
        request.into_response(response)
    }

    /// Writes what became of a request into its answer.
    pub(super) fn tell(&self, status: &CacheStatus, key: Option<&Key>, headers: &mut HeaderMap) {
        let key = key.filter(|_| self.configuration.debug).map(Key::uri);
        CacheStatus { key, ..status.clone() }.append(&self.configuration.name, headers);
        if self.configuration.x_cache {
            super::write_x_cache(status.hit, headers);
        }
    }
}

/// What requests for the same answer have in common, as far as that is known.
fn flight(ask: &Ask, seen: &Seen, request: &HeaderMap) -> String {
    ask.key.flight(&seen.selecting(request))
}

/// A request like the one that is in use elsewhere.
fn stand_in(method: &Method, uri: &str, headers: &HeaderMap) -> HttpRequest {
    let like = TestRequest::with_uri(uri).method(method.clone());
    headers.iter().fold(like, TestRequest::append_header).to_http_request()
}
