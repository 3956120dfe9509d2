//! What `#[cached(http = "…")]` on a handler expands into.

mod http;
mod variants;

use std::{
    any::Any,
    cell::Cell,
    convert::Infallible,
    future::{Future, Ready, ready},
    rc::Rc,
    time::SystemTime,
};

use actix_web::{
    FromRequest, HttpRequest, HttpResponse, Responder,
    body::BoxBody,
    dev::Payload,
    error::ErrorInternalServerError,
    http::{
        Method, StatusCode,
        header::{
            ACCEPT_ENCODING, CACHE_CONTROL, CONTENT_ENCODING, HeaderMap, HeaderName, HeaderValue, SET_COOKIE, VARY,
        },
    },
    rt,
};
use cachet_core::{
    __private::{Function, Keyed, Probed, RESULT, Shape, SharedError, fetch_response},
    Cached,
};

pub use self::http::{Http, tag_by};
pub(crate) use self::http::Tagging;
use self::variants::variant;
use crate::{
    coding::{Accepted, Coding},
    preconditions::Preconditions,
    respond::Head,
    stored::{Collected, Fate, StoredResponse, collect, vary_members},
    validators::{Validators, Verdict, reads},
};

/// `CDN-Cache-Control` (RFC 9213 §3.1).
const CDN_CACHE_CONTROL: HeaderName = HeaderName::from_static("cdn-cache-control");

/// `Cache-Status` (RFC 9211).
const CACHE_STATUS: HeaderName = HeaderName::from_static("cache-status");

/// The request, as the expansion's first argument: it takes nothing of the payload.
pub struct Incoming(HttpRequest);

impl FromRequest for Incoming {
    type Error = Infallible;
    type Future = Ready<Result<Self, Infallible>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        ready(Ok(Self(request.clone())))
    }
}

/// What a cached handler's loader gives.
pub type Handled = Result<StoredResponse, Unstored>;

/// An answer that is not kept.
#[derive(Clone, Debug)]
pub struct Unstored {
    /// What those who waited for it have as well; `None` where it is its caller's alone, as one for one client, or a stream.
    shared: Option<StoredResponse>,
    /// Whether the handler failed, so that a stale answer is better than this one.
    failed: bool,
}

/// What the runtime is told of a handler's answers. The followers of a flight are given those that are not kept and
/// that are not their caller's own; a stored response has its entity tag among its headers.
pub fn probed() -> Probed<Shape<RESULT>> {
    let share = |unstored: &dyn Any| {
        let is_shared = unstored.downcast_ref().is_some_and(|unstored: &Unstored| unstored.shared.is_some());
        SharedError::share::<Unstored>(unstored).filter(|_| is_shared)
    };
    Probed { shape: Shape, share: Some(share), validate: None }
}

/// Whether an answer that is not kept says something that no stale one may hide: that there is nothing, say, or who may
/// see it. What is left is a handler that failed (RFC 5861 §4).
pub fn is_final(unstored: &dyn Any) -> bool {
    unstored.downcast_ref().is_none_or(|unstored: &Unstored| !unstored.failed)
}

/// Answers a request from the cache of the handler `F`, or by it.
///
/// Methods that do more than read go to the handler, past the cache: their action is what the client wants. So does what
/// may be for the one who asks alone, and what has too many variants.
pub async fn respond<F, L, Fut>(
    incoming: Incoming,
    http: &'static Http,
    function: F,
    call: Keyed,
    load: L,
) -> HttpResponse
where
    F: Function<Returns = Handled, Shape = Shape<{ RESULT }>>,
    L: FnOnce() -> Fut + 'static,
    Fut: Future + 'static,
    Fut::Output: Responder,
{
    let Incoming(request) = incoming;
    if !reads(request.method()) {
        return run(&request, load).await;
    }
    if http.may_be_personal(&request) {
        return personal(http, run(&request, load).await);
    }
    let call = if http.varies() { variant(&function, http, &request, call).await } else { Some(call) };
    let Some(call) = call else { return unkept(http, run(&request, load).await) };
    // The answer of the handler's run for this very request, if it ran and the answer is not kept.
    let (mut own, mut load) = (None::<Left>, Some(load));
    let (found, behind) = fetch_response(&function, call, || {
        let (left, load) = (own.insert(Left::default()), load.take().expect("a loader is made once"));
        loaded(request.clone(), http, load, Rc::clone(left))
    })
    .await;
    if let Some(refresh) = behind {
        rt::spawn(refresh);
    }
    match (found, own.and_then(|left| left.take())) {
        // It is left of a release in which the handler had variants, and of no use to this one.
        (Ok(index), _) if index.is_index() => match load {
            Some(load) => unkept(http, run(&request, load).await),
            None => unkept(http, HttpResponse::from_error(ErrorInternalServerError("an entry without a response"))),
        },
        (Ok(entry), _) => answer(&request, http, &entry).await,
        (Err(unstored), own) => {
            let answer = own.or_else(|| unstored.shared.as_ref().map(StoredResponse::to_response));
            unkept(http, answer.expect("who has no answer of its own is given a shared one"))
        }
    }
}

/// Where a loader leaves an answer that is not kept.
type Left = Rc<Cell<Option<HttpResponse>>>;

/// The answer of the handler itself.
async fn run<Fut: Future<Output: Responder>>(request: &HttpRequest, load: impl FnOnce() -> Fut) -> HttpResponse {
    load().await.respond_to(request).map_into_boxed_body()
}

/// The loader of a request's entry. It may go on when the request is answered, with a stale one.
async fn loaded<Fut: Future<Output: Responder>>(
    request: HttpRequest,
    http: &'static Http,
    load: impl FnOnce() -> Fut,
    left: Left,
) -> Handled {
    let response = run(&request, load).await;
    keep(&request, http, response, &left).await
}

/// Parts what is kept from what is not, and leaves the latter in `own`.
async fn keep(
    request: &HttpRequest,
    http: &Http,
    response: HttpResponse,
    own: &Cell<Option<HttpResponse>>,
) -> Handled {
    let fate = Fate::of(&response, http.vary_fields());
    let (head, body) = response.into_parts();
    let body = match fate {
        Fate::Own => Err(body),
        Fate::Kept | Fate::Shared => collect(body).await,
    };
    let (unkept, shared) = match (body, fate) {
        // A responder may leave the body out for a HEAD; what is kept is for GET as well.
        (Ok(Collected::Whole(body)), _) if body.is_empty() && request.method() == Method::HEAD => {
            (head.set_body(BoxBody::new(body)), None)
        }
        (Ok(Collected::Whole(body)), Fate::Kept) => return Ok(StoredResponse::new(&head, body, http.tagging())),
        (Ok(Collected::Whole(body)), _) => {
            let shared = StoredResponse::new(&head, body.clone(), http.tagging());
            (head.set_body(BoxBody::new(body)), Some(shared))
        }
        (Ok(Collected::Broken), _) => {
            let broken = ErrorInternalServerError("the body does not have the size that it announced");
            (HttpResponse::from_error(broken), None)
        }
        (Err(body), _) => (head.set_body(body), None),
    };
    let failed = unkept.status().is_server_error();
    own.set(Some(unkept));
    Err(Unstored { shared, failed })
}

/// The stored answer with what its entry knows, in the coding that the client likes best. What the handler said itself
/// comes first.
async fn answer(request: &HttpRequest, http: &Http, entry: &Cached<StoredResponse>) -> HttpResponse {
    let (preconditions, accepted) = (Preconditions::of(request), Accepted::of(request.headers()));
    let is_encodable = entry.is_encodable();
    let wanted = accepted.best().filter(|_| is_encodable);
    let (coding, mut response) = match held(&preconditions, entry, wanted) {
        // A client that has it needs no body.
        Some(coding) => (coding, entry.to_response_with(bytes::Bytes::new())),
        None => encoded(entry, wanted).await,
    };
    if let Some(coding) = coding {
        response.headers_mut().insert(CONTENT_ENCODING, HeaderValue::from_static(coding.name()));
    } else if accepted.any() {
        stay_plain(entry, response.headers_mut());
    }
    let mut head = Head::from(validators(entry, coding)).age(entry.age());
    for field in vary(http, response.headers(), is_encodable) {
        head = head.vary(field);
    }
    response.headers_mut().remove(VARY);
    let head = match response.headers().get(CACHE_CONTROL) {
        Some(own) => head.cache_control(own.clone()),
        None => {
            let targeted = http.cdn_cache_control().filter(|_| !response.headers().contains_key(CDN_CACHE_CONTROL));
            if let Some(targeted) = targeted.filter(|_| is_no_error(&response)) {
                response.headers_mut().insert(CDN_CACHE_CONTROL, targeted);
            }
            head.cache_control(http.cache_control(entry))
        }
    };
    head.complete(&preconditions, response)
}

/// The coding in which the client has the answer already: the one that it would be given, or any other, since its cache
/// finds the stored response by the tag of the 304 (RFC 9111 §4.3.4).
fn held(
    preconditions: &Preconditions,
    entry: &Cached<StoredResponse>,
    wanted: Option<Coding>,
) -> Option<Option<Coding>> {
    let now = SystemTime::now();
    let others = [None].into_iter().chain(Coding::ALL.iter().copied().map(Some)).filter(|_| entry.is_encodable());
    let mut candidates = [wanted].into_iter().chain(others).filter(|_| entry.is_success());
    candidates.find(|&coding| preconditions.verdict_on_answer(&validators(entry, coding), now) == Verdict::NotModified)
}

/// The answer in a coding, or as it is where that is no smaller.
async fn encoded(entry: &Cached<StoredResponse>, wanted: Option<Coding>) -> (Option<Coding>, HttpResponse) {
    if let Some(coding) = wanted
        && let Some(body) = entry.encoded(coding).await
    {
        return (Some(coding), entry.to_response_with(body));
    }
    (None, entry.to_response())
}

/// Says that the body is not encoded, where a middleware such as `Compress` would encode it under the same strong tag.
/// That the field should be left out (RFC 9110 §8.4) weighs less than two representations that no tag tells apart.
fn stay_plain(entry: &StoredResponse, headers: &mut HeaderMap) {
    let is_strong = entry.tag(None).is_some_and(|tag| !tag.is_weak());
    if is_strong && !headers.contains_key(CONTENT_ENCODING) && !entry.body().is_empty() {
        headers.insert(CONTENT_ENCODING, HeaderValue::from_static("identity"));
    }
}

fn validators(entry: &Cached<StoredResponse>, coding: Option<Coding>) -> Validators {
    Validators::new().modified(entry.modified()).overridden_by(&entry.value().validators(coding))
}

/// The request's fields that an answer depends on: those of the key, those that the handler named itself, and the codings.
fn vary(http: &Http, headers: &HeaderMap, is_encodable: bool) -> Vec<HeaderName> {
    let own = vary_members(headers).filter_map(|member| HeaderName::from_bytes(member?.as_bytes()).ok());
    http.vary_names().chain(own).chain(is_encodable.then_some(ACCEPT_ENCODING)).collect()
}

fn is_no_error<B>(response: &HttpResponse<B>) -> bool {
    !response.status().is_client_error() && !response.status().is_server_error()
}

/// An answer that is not kept here. Where it says nothing itself, an error and what is for one client are kept nowhere,
/// and a success, such as a stream, has the handler's policy.
fn unkept(http: &Http, response: HttpResponse) -> HttpResponse {
    let is_for_one = response.headers().contains_key(SET_COOKIE);
    let success = if is_for_one { no_store() } else { http.unaged() };
    with_policy(http, success, response)
}

/// An answer that may be for the one who asks: only that client may keep it, if the policy says so.
fn personal(http: &Http, response: HttpResponse) -> HttpResponse {
    let is_for_one = response.headers().contains_key(SET_COOKIE) || !http.is_private();
    let success = if is_for_one { no_store() } else { http.unaged() };
    let mut response = with_policy(http, success, response);
    let reason = "cachet; fwd=bypass; detail=\"the request says who asks, and the key does not\"";
    response.headers_mut().append(CACHE_STATUS, HeaderValue::from_static(reason));
    response
}

/// Completes an answer that is not kept, unless it has a `Cache-Control` of its own.
fn with_policy(http: &Http, success: HeaderValue, mut response: HttpResponse) -> HttpResponse {
    let is_success = response.status().is_success() || response.status() == StatusCode::NOT_MODIFIED;
    let policy = match is_no_error(&response) {
        false => Some(no_store()),
        true if is_success || response.headers().contains_key(SET_COOKIE) => Some(success),
        true => None,
    };
    if let Some(policy) = policy.filter(|_| !response.headers().contains_key(CACHE_CONTROL)) {
        response.headers_mut().insert(CACHE_CONTROL, policy);
    }
    if is_success {
        let named: Vec<_> = vary(&Http::new(""), response.headers(), false);
        for field in http.vary_names().filter(|field| !named.contains(field)) {
            response.headers_mut().append(VARY, HeaderValue::from(field));
        }
    }
    response
}

fn no_store() -> HeaderValue {
    HeaderValue::from_static("no-store")
}
