//! A request's way to the origin and back: what becomes of the answer.

use std::{
    future::poll_fn,
    mem,
    pin::pin,
    time::{Duration, SystemTime},
};

use actix_web::{
    HttpResponse,
    body::{BodySize, BoxBody, MessageBody},
    dev::RequestHead,
    http::{
        Method, StatusCode,
        header::{CONTENT_LENGTH, DATE, ETAG, HeaderMap, LAST_MODIFIED, SET_COOKIE},
    },
};
use bytes::Bytes;

use super::{
    DoNotStore,
    answer::{answer, updated},
    ask::Ask,
    collapse::{Landing, Leading},
    flow::Cache,
    kept::{Kept, storable},
    policy::{Circumstances, Terms, date_field, judge},
    record::{Coming, Recording},
    resources::{Found, Opening, Seen},
    revalidate::{Named, ask_for_all, ask_for_news},
};
use crate::cache_status::CacheStatus;

/// The errors in whose place a stale answer may serve (RFC 5861 §4).
const ERRORS: [u16; 4] = [500, 502, 503, 504];

/// A request on its way to the origin.
pub(super) struct Trip {
    ask: Ask,
    pub(super) method: Method,
    /// The request's fields, before the cache's own conditions took the place of the client's.
    pub(super) headers: HeaderMap,
    seen: Seen,
    opening: Option<Opening>,
    lead: Option<Leading>,
    conditioned: bool,
    delay: Duration,
    status: CacheStatus,
}

impl Trip {
    pub(super) fn new(
        ask: Ask,
        request: &RequestHead,
        seen: Seen,
        opening: Option<Opening>,
        lead: Option<Leading>,
    ) -> Self {
        let reason = match (&seen.selected, seen.is_known()) {
            (Some(_), _) if ask.is_preconditioned() || ask.wishes.validated => "request",
            (Some(_), _) => "stale",
            (None, true) => "vary-miss",
            (None, false) => "uri-miss",
        };
        Self {
            ask,
            method: request.method.clone(),
            headers: request.headers.clone(),
            seen,
            opening,
            lead,
            conditioned: false,
            delay: Duration::ZERO,
            status: CacheStatus::forwarded(reason),
        }
    }

    /// Asks the origin only for what differs from what is stored.
    pub(super) fn condition(&mut self, request: &mut HeaderMap) {
        self.conditioned = self.ask.is_for_cache() && ask_for_news(request, &self.seen);
    }

    /// Whether an answer is a 304 that nothing can be made of, and the origin is to be asked again.
    pub(super) fn is_left_without(&self, response: &HttpResponse) -> bool {
        self.is_validated_by(response) && matches!(self.seen.named_by(response.headers().get(ETAG)), Named::Nothing)
    }

    /// Asks for the whole answer.
    pub(super) fn ask_again(&mut self, request: &mut HeaderMap) {
        request.clone_from(&self.headers);
        ask_for_all(request);
        self.conditioned = false;
        self.status.detail = Some("the origin's 304 names nothing that is stored");
    }

    fn is_validated_by(&self, response: &HttpResponse) -> bool {
        response.status() == StatusCode::NOT_MODIFIED && self.conditioned
    }

    pub(super) fn took(&mut self, delay: Duration) {
        self.delay = delay;
    }

    /// What the client gets for the origin's answer.
    pub(super) async fn answered(mut self, cache: &Cache, response: HttpResponse) -> HttpResponse {
        let status = response.status();
        if self.is_validated_by(&response) {
            match self.seen.named_by(response.headers().get(ETAG)) {
                Named::Found(found) => return self.validated(cache, found, &response).await,
                Named::Unnamed(found) => return self.unnamed(cache, &found, status),
                Named::Nothing => {}
            }
        }
        if ERRORS.contains(&status.as_u16())
            && let Some(stale) = self.instead_of_error(cache, Some(status))
        {
            return stale;
        }
        if self.method == Method::HEAD && status == StatusCode::OK {
            self.freshen(cache, response.headers()).await;
        }
        self.store(cache, response).await
    }

    /// A HEAD tells whether what is stored still holds, as far as its fields do (RFC 9111 §4.3.5).
    async fn freshen(&mut self, cache: &Cache, fresh: &HeaderMap) {
        let Some((found, opening)) = self.seen.selected.take().zip(self.opening.take()) else { return };
        let judged = if is_about(fresh, &found.kept) {
            self.judge(cache, found.kept.status(), &updated(&found.kept, fresh), fresh.contains_key(DATE)).ok()
        } else {
            None
        };
        match judged {
            Some((headers, terms)) => {
                let kept = Kept::new(found.kept.status(), &headers, found.kept.body.clone(), terms);
                cache.resources.keep(&self.ask.key, opening, kept, &self.headers, Some(found.id)).await;
            }
            None => cache.resources.forget(&self.ask.key, self.ask.tags(), found.id).await,
        }
    }

    /// The stale answer that serves in place of an error, if one may.
    pub(super) fn instead_of_error(&mut self, cache: &Cache, status: Option<StatusCode>) -> Option<HttpResponse> {
        let found = self.seen.selected.clone()?;
        self.ask.may_have_after_error(&found).then(|| {
            self.status.forwarded_status = status.map(|status| status.as_u16());
            self.status.ttl = Some(found.kept.terms.ttl(found.resident));
            let mut response = answer(&self.method, &self.headers, &found.kept, found.kept.terms.age(found.resident));
            self.tell(cache, &mut response);
            if let Some(lead) = self.lead.take() {
                lead.land(Landing::Failed);
            }
            response
        })
    }

    /// The origin says that what is stored still holds (RFC 9111 §4.3.4).
    async fn validated(mut self, cache: &Cache, found: Found, response: &HttpResponse) -> HttpResponse {
        self.status.forwarded_status = Some(response.status().as_u16());
        let headers = updated(&found.kept, response.headers());
        let judged = self.judge(cache, found.kept.status(), &headers, response.headers().contains_key(DATE));
        let (headers, terms) = match judged {
            Ok((headers, terms)) => (headers, Some(terms)),
            Err(reason) => {
                self.status.detail = Some(reason);
                // A cookie is for this client, and takes nothing from what is stored.
                if !headers.contains_key(SET_COOKIE) {
                    cache.resources.forget(&self.ask.key, self.ask.tags(), found.id).await;
                }
                (storable(&headers), None)
            }
        };
        let kept = Kept::new(found.kept.status(), &headers, found.kept.body.clone(), terms.unwrap_or_default());
        let age = kept.terms.age(Duration::ZERO);
        let mut response = answer(&self.method, &self.headers, &kept, age);
        if terms.is_some()
            && let Some(opening) = self.opening.take()
        {
            self.status.ttl = Some(kept.terms.ttl(Duration::ZERO));
            let replaced = self.seen.selected.as_ref().map(|selected| selected.id).filter(|id| *id == found.id);
            self.status.stored = cache.resources.keep(&self.ask.key, opening, kept, &self.headers, replaced).await;
            if let Some(lead) = self.lead.take().filter(|_| self.status.stored) {
                lead.land(Landing::Stored);
            }
        }
        self.tell(cache, &mut response);
        response
    }

    /// The origin says so, and calls it by another name.
    fn unnamed(mut self, cache: &Cache, found: &Found, status: StatusCode) -> HttpResponse {
        self.status.forwarded_status = Some(status.as_u16());
        self.status.ttl = Some(found.kept.terms.ttl(found.resident));
        self.status.detail = Some("the origin's 304 has another tag");
        let mut response = answer(&self.method, &self.headers, &found.kept, found.kept.terms.age(found.resident));
        self.tell(cache, &mut response);
        response
    }

    /// Stores an answer while it is sent, if it may be stored.
    async fn store(mut self, cache: &Cache, response: HttpResponse) -> HttpResponse {
        let has_date = response.headers().contains_key(DATE);
        let most_bytes = cache.configuration.max_entry_bytes;
        let is_too_large = matches!(response.body().size(), BodySize::Sized(size) if size > most_bytes as u64);
        let is_marked = response.extensions().contains::<DoNotStore>();
        let judged = match self.judge(cache, response.status(), response.headers(), has_date) {
            Ok(_) if is_too_large => Err("too large"),
            Ok(_) if is_marked => Err("marked"),
            judged => judged,
        };
        match (judged, self.opening.take().filter(|_| self.ask.stores())) {
            (Ok((headers, terms)), Some(opening)) => self.record(cache, response, headers, terms, opening).await,
            (judged, opening) => {
                if judged.is_ok() && opening.is_none() && self.ask.stores() {
                    self.status.detail = Some("a change is under way");
                }
                self.pass_on(cache, response, judged.err()).await
            }
        }
    }

    /// Passes on what is not stored.
    async fn pass_on(
        mut self,
        cache: &Cache,
        mut response: HttpResponse,
        refused: Option<&'static str>,
    ) -> HttpResponse {
        let status = response.status();
        if self.ask.stores() {
            self.status.detail = refused.or(self.status.detail);
            // What the origin answers now is newer than what is stored, and may not be. What it answers to one client's
            // credentials says nothing about that, and neither does a part.
            if status.is_success()
                && status != StatusCode::PARTIAL_CONTENT
                && !self.ask.personal
                && let Some(found) = self.seen.selected.take()
            {
                cache.resources.forget(&self.ask.key, self.ask.tags(), found.id).await;
            }
        }
        // An origin in trouble says nothing about the next answer.
        if let Some(lead) = self.lead.take().filter(|_| refused.is_some() && !status.is_server_error()) {
            lead.part();
        }
        self.tell(cache, &mut response);
        response
    }

    async fn record(
        mut self,
        cache: &Cache,
        response: HttpResponse,
        headers: HeaderMap,
        terms: Terms,
        opening: Opening,
    ) -> HttpResponse {
        let (head, body) = response.into_parts();
        let resources = cache.resources.clone();
        self.status.ttl = Some(terms.ttl(Duration::ZERO));
        let coming = Coming {
            status: head.status(),
            headers,
            terms,
            came: resources.now(),
            key: self.ask.key.clone(),
            request: mem::take(&mut self.headers),
            opening,
            replaced: self.seen.selected.as_ref().map(|found| found.id),
            lead: self.lead.take(),
        };
        // Nobody asks for the chunks of a body that has none.
        let empty = body.size().is_eof().then(Bytes::new);
        let body = match empty.map_or_else(|| body.try_into_bytes(), Ok) {
            Ok(bytes) => {
                self.status.stored = coming.store(&resources, bytes.clone()).await;
                BoxBody::new(bytes)
            }
            Err(body) => {
                // It is going to be, unless the body breaks off or somebody invalidates it: the fields go out before.
                self.status.stored = true;
                let sink = async move |body| {
                    coming.store(&resources, body).await;
                };
                BoxBody::new(Recording::start(body, cache.configuration.max_entry_bytes, sink))
            }
        };
        let mut response = head.set_body(body);
        self.tell(cache, &mut response);
        response
    }

    /// What is stored of the fields, and for how long.
    fn judge(
        &self,
        cache: &Cache,
        status: StatusCode,
        headers: &HeaderMap,
        has_date: bool,
    ) -> Result<(HeaderMap, Terms), &'static str> {
        let (now, mut headers) = (SystemTime::now(), headers.clone());
        if !has_date {
            headers.insert(DATE, date_field(now));
        }
        let circumstances =
            Circumstances { personal: self.ask.personal, no_store: self.ask.wishes.no_store, now, delay: self.delay };
        let terms = judge(&cache.configuration.rules, status, &headers, circumstances)?;
        Ok((storable(&headers), terms))
    }

    fn tell(&self, cache: &Cache, response: &mut HttpResponse) {
        cache.tell(&self.status, Some(&self.ask.key), response.headers_mut());
    }
}

/// Whether a HEAD's fields are of the same state as what is stored: a validator says so, and nothing says otherwise.
fn is_about(fresh: &HeaderMap, kept: &Kept) -> bool {
    let stored = kept.headers();
    let has_length = fresh.get(CONTENT_LENGTH).is_none_or(|length| *length == kept.body.len().to_string());
    let validators = [ETAG, LAST_MODIFIED].map(|name| (fresh.get(&name), stored.get(&name)));
    let told = || validators.iter().filter(|(fresh, _)| fresh.is_some());
    has_length && told().count() > 0 && told().all(|(fresh, stored)| fresh == stored)
}

/// Reads a body to its end, for the sake of what is done with it on the way.
pub(super) async fn drain(body: BoxBody) {
    let mut body = pin!(body);
    while let Some(Ok(chunk)) = poll_fn(|cx| body.as_mut().poll_next(cx)).await {
        mem::drop(chunk);
    }
}
