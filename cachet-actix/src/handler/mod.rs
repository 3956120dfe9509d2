//! What `#[cached(http = "…")]` on a handler expands into.

mod answer;
mod http;
mod sought;
mod start;
mod variants;

use std::{
    any::Any,
    cell::Cell,
    convert::Infallible,
    future::{Future, Ready, ready},
    rc::Rc,
};

use actix_web::{
    FromRequest, HttpRequest, HttpResponse, Responder, body::BoxBody, dev::Payload, error::ErrorInternalServerError,
    http::Method, rt,
};
use cachet_core::__private::{Function, Keyed, Probed, RESULT, Shape, SharedError, fetch_response, in_front};

pub(crate) use self::http::Tagging;
pub use self::http::{Http, tag_by};
use self::{
    answer::{answer, personal, unkept},
    sought::Sought,
    start::known_to_client,
    variants::variant,
};
use crate::{
    edge::EdgeTags,
    preconditions::Preconditions,
    stored::{Collected, Fate, StoredResponse, collect},
    validators::reads,
};

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

impl Unstored {
    /// The answer of one who has none of its own.
    fn answer(&self) -> HttpResponse {
        let shared = self.shared.as_ref().map(StoredResponse::to_response);
        shared.expect("who has no answer of its own is given a shared one")
    }
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
///
/// What memory has is found before the future is made, so that it holds no more than the answer needs: actix-web allocates
/// one for each request.
pub fn respond<F, L, Fut>(
    incoming: Incoming,
    http: &'static Http,
    function: F,
    call: Keyed,
    load: L,
) -> impl Future<Output = HttpResponse>
where
    F: Function<Returns = Handled, Shape = Shape<{ RESULT }>>,
    L: FnOnce() -> Fut + 'static,
    Fut: Future + 'static,
    Fut::Output: Responder,
{
    let Incoming(request) = incoming;
    let mut tags = Vec::new();
    if reads(request.method()) && EdgeTags::are_wanted(&request) {
        tags.extend_from_slice(call.tags());
        tags.extend(in_front(&function, &call));
    }
    let sought = Sought::of(&request, http, &function, call);
    let mut found = match sought.at_hand(&function) {
        Some(found) => Ok(found),
        None => Err(Box::pin(far(request.clone(), http, function, sought, load))),
    };
    async move {
        let mut response = match &mut found {
            Ok(Ok(entry)) => answer(&Preconditions::of(&request), &request, http, entry).await,
            Ok(Err(unstored)) => unkept(http, unstored.answer()),
            Err(far) => far.await,
        };
        EdgeTags::mark(&mut response, tags);
        response
    }
}

/// Answers what memory alone does not.
async fn far<F, L, Fut>(request: HttpRequest, http: &'static Http, function: F, sought: Sought, load: L) -> HttpResponse
where
    F: Function<Returns = Handled, Shape = Shape<{ RESULT }>>,
    L: FnOnce() -> Fut + 'static,
    Fut: Future + 'static,
    Fut::Output: Responder,
{
    let call = match sought {
        Sought::Entry(call) => call,
        Sought::Unknown(_) if !reads(request.method()) => return run(&request, load).await,
        Sought::Unknown(call) => {
            if let Some(reason) = http.may_be_personal(&request) {
                return personal(http, reason, run(&request, load).await);
            }
            let Some(call) = variant(&function, http, &request, call).await else {
                return unkept(http, run(&request, load).await);
            };
            call
        }
    };
    let preconditions = Preconditions::of(&request);
    if let Some(entry) = known_to_client(&function, &preconditions, &request, &call).await {
        return answer(&preconditions, &request, http, &entry).await;
    }
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
        (Ok(entry), _) => answer(&preconditions, &request, http, &entry).await,
        (Err(unstored), own) => unkept(http, own.unwrap_or_else(|| unstored.answer())),
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
async fn keep(request: &HttpRequest, http: &Http, response: HttpResponse, own: &Cell<Option<HttpResponse>>) -> Handled {
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
