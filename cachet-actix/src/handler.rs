//! What `#[cached(http = "…")]` on a handler expands into.

use std::{
    any::Any,
    cell::Cell,
    convert::Infallible,
    future::{Future, Ready, ready},
};

use actix_web::{
    FromRequest, HttpRequest, HttpResponse, Responder,
    body::BoxBody,
    dev::Payload,
    error::ErrorInternalServerError,
    http::{
        Method, StatusCode,
        header::{CACHE_CONTROL, HeaderValue, SET_COOKIE},
    },
};
use cachet_core::{
    __private::{Function, Keyed, Probed, RESULT, Shape, SharedError, fetch_response},
    Cached,
};

use crate::{
    preconditions::Preconditions,
    respond::Head,
    stored::{Collected, Fate, StoredResponse, collect},
    validators::{Validators, reads},
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

/// The `http` option: `Cache-Control` directives, checked and normalised by the macro.
pub struct Http {
    directives: &'static str,
    /// Whether `max-age` is left to the entry.
    takes_lifetime: bool,
}

impl Http {
    /// Takes directives in lower case, separated by a comma and a space.
    pub const fn new(directives: &'static str) -> Self {
        let takes_lifetime =
            !lists(directives, "max-age") && !lists(directives, "no-store") && !lists(directives, "no-cache");
        Self { directives, takes_lifetime }
    }

    fn cache_control(&self, entry: &Cached<StoredResponse>) -> HeaderValue {
        if self.takes_lifetime {
            let text = format!("{}, max-age={}", self.directives, entry.lifetime().as_secs());
            HeaderValue::try_from(text).expect("the macro refuses what no field may hold")
        } else {
            self.unaged()
        }
    }

    fn unaged(&self) -> HeaderValue {
        HeaderValue::from_static(self.directives)
    }
}

/// Whether a directive is listed without being limited to some fields. Only field names are ever in quotes, and they
/// hold no `=`.
const fn lists(directives: &str, name: &str) -> bool {
    let (text, name) = (directives.as_bytes(), name.as_bytes());
    let (mut at, mut matched, mut quoted) = (0, 0, false);
    while at < text.len() {
        let byte = text[at];
        let starts = at == 0 || matched > 0 || (text[at - 1] == b' ' && !quoted);
        matched = if starts && matched < name.len() && byte == name[matched] { matched + 1 } else { 0 };
        quoted ^= byte == b'"';
        at += 1;
        if matched == name.len() {
            let limited = at + 1 < text.len() && text[at] == b'=' && text[at + 1] == b'"';
            let ends = at == text.len() || text[at] == b',' || text[at] == b'=';
            if ends && !limited {
                return true;
            }
            matched = 0;
        }
    }
    false
}

/// What a cached handler's loader gives.
pub type Handled = Result<StoredResponse, Unstored>;

/// An answer that is not kept.
#[derive(Clone, Debug)]
pub enum Unstored {
    /// Those who waited for it have it as well.
    Shared(StoredResponse),
    /// Only its own caller has it: it is for one client, or a stream.
    Own,
}

/// What the runtime is told of a handler's answers. The followers of a flight are given those that are not kept and
/// that are not their caller's own; a stored response has its entity tag among its headers.
pub fn probed() -> Probed<Shape<RESULT>> {
    let share = |unstored: &dyn Any| {
        let is_shared = matches!(unstored.downcast_ref(), Some(Unstored::Shared(_)));
        SharedError::share::<Unstored>(unstored).filter(|_| is_shared)
    };
    Probed { shape: Shape, share: Some(share), validate: None }
}

/// Answers a request from the cache of the handler `F`, or by it.
///
/// Methods that do more than read go to the handler, past the cache: their action is what the client wants.
pub async fn respond<F, L, Fut>(
    incoming: Incoming,
    http: &'static Http,
    function: F,
    call: Keyed,
    load: L,
) -> HttpResponse
where
    F: Function<Returns = Handled, Shape = Shape<{ RESULT }>>,
    L: FnOnce() -> Fut,
    Fut: Future,
    Fut::Output: Responder,
{
    let Incoming(request) = incoming;
    if !reads(request.method()) {
        return load().await.respond_to(&request).map_into_boxed_body();
    }
    // The answer of the handler's run for this very request, if it ran and the answer is not kept.
    let own = Cell::new(None);
    let loaded = async { keep(&request, load().await.respond_to(&request).map_into_boxed_body(), &own).await };
    match (fetch_response(&function, call, loaded).await, own.take()) {
        (Ok(entry), _) => answer(&request, http, &entry),
        (Err(_), Some(own)) => unkept(http, own),
        (Err(Unstored::Shared(shared)), None) => unkept(http, shared.to_response()),
        (Err(Unstored::Own), None) => unreachable!("only the caller whose handler ran is told so"),
    }
}

/// Parts what is kept from what is not, and leaves the latter in `own`.
async fn keep(request: &HttpRequest, response: HttpResponse, own: &Cell<Option<HttpResponse>>) -> Handled {
    let fate = Fate::of(&response);
    let (head, body) = response.into_parts();
    let body = match fate {
        Fate::Own => Err(body),
        Fate::Kept | Fate::Shared => collect(body).await,
    };
    let (unkept, outcome) = match (body, fate) {
        // A responder may leave the body out for a HEAD; what is kept is for GET as well.
        (Ok(Collected::Whole(body)), _) if body.is_empty() && request.method() == Method::HEAD => {
            (head.set_body(BoxBody::new(body)), Unstored::Own)
        }
        (Ok(Collected::Whole(body)), Fate::Kept) => return Ok(StoredResponse::new(&head, body)),
        (Ok(Collected::Whole(body)), _) => {
            let shared = StoredResponse::new(&head, body.clone());
            (head.set_body(BoxBody::new(body)), Unstored::Shared(shared))
        }
        (Ok(Collected::Broken), _) => {
            let broken = ErrorInternalServerError("the body does not have the size that it announced");
            (HttpResponse::from_error(broken), Unstored::Own)
        }
        (Err(body), _) => (head.set_body(body), Unstored::Own),
    };
    own.set(Some(unkept));
    Err(outcome)
}

/// The stored answer with what its entry knows. What the handler said itself comes first.
fn answer(request: &HttpRequest, http: &Http, entry: &Cached<StoredResponse>) -> HttpResponse {
    let response = entry.to_response();
    let validators = Validators::new().modified(entry.modified()).overridden_by(response.headers());
    let policy = match response.headers().get(CACHE_CONTROL) {
        Some(own) => own.clone(),
        None => http.cache_control(entry),
    };
    let head = Head::from(validators).cache_control(policy).age(entry.age());
    head.complete(&Preconditions::of(request), response)
}

/// An answer that is not kept here. Where it says nothing itself, an error and what is for one client are kept nowhere,
/// and a success, such as a stream, has the handler's policy.
fn unkept(http: &Http, mut response: HttpResponse) -> HttpResponse {
    let status = response.status();
    let failed = status.is_client_error() || status.is_server_error();
    let policy = if failed || response.headers().contains_key(SET_COOKIE) {
        Some(HeaderValue::from_static("no-store"))
    } else if status.is_success() || status == StatusCode::NOT_MODIFIED {
        Some(http.unaged())
    } else {
        None
    };
    if let Some(policy) = policy.filter(|_| !response.headers().contains_key(CACHE_CONTROL)) {
        response.headers_mut().insert(CACHE_CONTROL, policy);
    }
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_lifetime_is_left_to_the_entry_unless_the_directives_settle_it() {
        for (directives, takes_lifetime) in [
            ("public", true),
            ("public, s-maxage=5", true),
            ("private=\"max-age\", public", true),
            ("public, no-cache=\"x-a, max-age, no-store\"", true),
            ("public, max-age=5", false),
            ("max-age=0, public", false),
            ("no-store", false),
            ("private, no-cache", false),
        ] {
            assert_eq!(Http::new(directives).takes_lifetime, takes_lifetime, "{directives}");
        }
    }
}
