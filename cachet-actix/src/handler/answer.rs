//! What a client is given: of a stored answer, and of one that is not stored.

use std::time::SystemTime;

use actix_web::{
    HttpRequest, HttpResponse,
    http::{
        StatusCode,
        header::{
            ACCEPT_ENCODING, CACHE_CONTROL, CONTENT_ENCODING, HeaderMap, HeaderName, HeaderValue, SET_COOKIE, VARY,
        },
    },
};
use cachet_core::Cached;

use super::http::Http;
use crate::{
    coding::{Accepted, Coding},
    preconditions::Preconditions,
    respond::Head,
    stored::{StoredResponse, named_by_vary},
    validators::Verdict,
};

/// `CDN-Cache-Control` (RFC 9213 §3.1).
const CDN_CACHE_CONTROL: HeaderName = HeaderName::from_static("cdn-cache-control");

/// `Cache-Status` (RFC 9211).
const CACHE_STATUS: HeaderName = HeaderName::from_static("cache-status");

/// The stored answer with what its entry knows, in the coding that the client likes best. What the handler said itself
/// comes first.
pub(super) async fn answer(
    preconditions: &Preconditions,
    request: &HttpRequest,
    http: &Http,
    entry: &Cached<StoredResponse>,
) -> HttpResponse {
    let accepted = Accepted::of(request.headers());
    let is_encodable = entry.is_encodable();
    let wanted = accepted.best().filter(|_| is_encodable);
    if let Some(coding) = held(preconditions, entry, wanted).next() {
        return head(request, http, entry, coding).complete_short(entry.to_short_response());
    }
    let (coding, mut response) = encoded(entry, wanted).await;
    if let Some(coding) = coding {
        response.headers_mut().insert(CONTENT_ENCODING, HeaderValue::from_static(coding.name()));
    } else if accepted.any() {
        stay_plain(entry, response.headers_mut());
    }
    if is_no_error(&response) { head(request, http, entry, coding).complete(preconditions, response) } else { response }
}

/// What an answer that is no error says to caches.
fn head(request: &HttpRequest, http: &Http, entry: &Cached<StoredResponse>, coding: Option<Coding>) -> Head {
    let own = entry.varies_by().iter().cloned();
    let fields = http.vary_names().chain(own).chain(entry.is_encodable().then_some(ACCEPT_ENCODING));
    let fields = fields.chain(http.misleading(request.headers()));
    let head = Head::from(entry.validators(coding, entry.modified())).age(entry.age()).vary_by(fields);
    if entry.says(&CACHE_CONTROL) {
        return head;
    }
    let head = head.cache_control(http.cache_control(entry));
    match http.cdn_cache_control().filter(|_| !entry.says(&CDN_CACHE_CONTROL)) {
        Some(targeted) => head.header(CDN_CACHE_CONTROL, targeted),
        None => head,
    }
}

/// Whether the answer has no body because the client has it.
pub(super) fn is_short(preconditions: &Preconditions, request: &HttpRequest, entry: &Cached<StoredResponse>) -> bool {
    let wanted = Accepted::of(request.headers()).best().filter(|_| entry.is_encodable());
    held(preconditions, entry, wanted).next().is_some()
}

/// The codings in which the client has the answer already.
fn held(
    preconditions: &Preconditions,
    entry: &Cached<StoredResponse>,
    wanted: Option<Coding>,
) -> impl Iterator<Item = Option<Coding>> {
    let now = SystemTime::now();
    let is_asked = preconditions.revalidates();
    candidates(entry, wanted).take_while(move |_| is_asked).filter(move |coding| {
        let validators = entry.validators(*coding, entry.modified());
        preconditions.verdict_on_answer(&validators, now) == Verdict::NotModified
    })
}

/// The codings in which the client may have the answer already: the one that it would be given, then any other, since its
/// cache finds the stored response by the tag of the 304 (RFC 9111 §4.3.4).
fn candidates(entry: &StoredResponse, wanted: Option<Coding>) -> impl Iterator<Item = Option<Coding>> {
    let (is_success, is_encodable) = (entry.is_success(), entry.is_encodable());
    let others = [None].into_iter().chain(Coding::ALL.iter().copied().map(Some)).filter(move |_| is_encodable);
    [wanted].into_iter().chain(others).filter(move |_| is_success)
}

/// The answer in a coding, or as it is where that is no smaller.
async fn encoded(entry: &Cached<StoredResponse>, wanted: Option<Coding>) -> (Option<Coding>, HttpResponse) {
    if let Some(coding) = wanted
        && let Some(body) = entry.encoded(coding).await
    {
        return (Some(coding), entry.to_response_with(body));
    }
    let is_error = entry.status().is_client_error() || entry.status().is_server_error();
    (None, if is_error { entry.to_response() } else { entry.to_response_with(entry.body()) })
}

/// Says that no coding is applied, where a middleware such as `Compress` would encode the body under the same strong tag:
/// it leaves alone what has the field. The list is empty, since `identity` is none of its members (RFC 9110 §8.4).
fn stay_plain(entry: &StoredResponse, headers: &mut HeaderMap) {
    let is_strong = entry.tag(None).is_some_and(|tag| !tag.is_weak());
    if is_strong && !headers.contains_key(CONTENT_ENCODING) && !entry.body().is_empty() {
        headers.insert(CONTENT_ENCODING, HeaderValue::from_static(""));
    }
}

fn is_no_error<B>(response: &HttpResponse<B>) -> bool {
    !response.status().is_client_error() && !response.status().is_server_error()
}

/// An answer that is not kept here. Where it says nothing itself, an error and what is for one client are kept nowhere,
/// and a success, such as a stream, has the handler's policy.
pub(super) fn unkept(http: &Http, response: HttpResponse) -> HttpResponse {
    let is_for_one = response.headers().contains_key(SET_COOKIE);
    let success = if is_for_one { no_store() } else { http.unaged() };
    with_policy(http, success, response)
}

/// An answer that may be for the one who asks: only that client may keep it, if the policy says so.
pub(super) fn personal(http: &Http, reason: &str, response: HttpResponse) -> HttpResponse {
    let is_for_one = response.headers().contains_key(SET_COOKIE) || !http.is_private();
    let success = if is_for_one { no_store() } else { http.unaged() };
    let mut response = with_policy(http, success, response);
    let status = HeaderValue::try_from(format!("cachet; fwd=bypass; detail=\"{reason}\""));
    response.headers_mut().append(CACHE_STATUS, status.expect("a reason is plain text"));
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
        let named: Vec<_> = named_by_vary(response.headers()).collect();
        for field in http.vary_names().filter(|field| !named.contains(field)) {
            response.headers_mut().append(VARY, HeaderValue::from(field));
        }
    }
    response
}

fn no_store() -> HeaderValue {
    HeaderValue::from_static("no-store")
}
