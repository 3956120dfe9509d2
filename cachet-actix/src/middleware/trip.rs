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
    record::Recording,
    resources::{Opening, Seen},
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
        self.conditioned = self.ask.condition(request, &self.seen);
    }

    pub(super) fn took(&mut self, delay: Duration) {
        self.delay = delay;
    }

    /// What the client gets for the origin's answer.
    pub(super) async fn answered(mut self, cache: &Cache, response: HttpResponse) -> HttpResponse {
        let status = response.status();
        if status == StatusCode::NOT_MODIFIED && self.conditioned {
            return self.validated(cache, &response).await;
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
    async fn validated(mut self, cache: &Cache, response: &HttpResponse) -> HttpResponse {
        self.status.forwarded_status = Some(response.status().as_u16());
        let Some(found) = self.seen.named_by(response.headers().get(ETAG)) else {
            return self.contradicted(cache);
        };
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
            self.status.stored = true;
            self.status.ttl = Some(kept.terms.ttl(Duration::ZERO));
            let replaced = self.seen.selected.as_ref().map(|selected| selected.id).filter(|id| *id == found.id);
            cache.resources.keep(&self.ask.key, opening, kept, &self.headers, replaced).await;
            if let Some(lead) = self.lead.take() {
                lead.land(Landing::Stored);
            }
        }
        self.tell(cache, &mut response);
        response
    }

    /// A 304 about something that nobody asked about.
    fn contradicted(mut self, cache: &Cache) -> HttpResponse {
        self.status.detail = Some("the origin's 304 names nothing that is stored");
        let mut response = HttpResponse::new(StatusCode::BAD_GATEWAY);
        self.tell(cache, &mut response);
        response
    }

    /// Stores an answer while it is sent, if it may be stored.
    async fn store(mut self, cache: &Cache, mut response: HttpResponse) -> HttpResponse {
        let has_date = response.headers().contains_key(DATE);
        let most_bytes = cache.configuration.max_entry_bytes;
        let is_too_large = matches!(response.body().size(), BodySize::Sized(size) if size > most_bytes as u64);
        let is_marked = response.extensions().contains::<DoNotStore>();
        let judged = match self.judge(cache, response.status(), response.headers(), has_date) {
            Ok(_) if is_too_large => Err("too large"),
            Ok(_) if is_marked => Err("marked"),
            judged => judged,
        };
        let refused = match judged {
            Ok((headers, terms)) if self.opening.is_some() && self.ask.stores() => {
                self.status.stored = true;
                self.status.ttl = Some(terms.ttl(Duration::ZERO));
                self.tell(cache, &mut response);
                return self.record(cache, response, headers, terms).await;
            }
            judged => judged.err(),
        };
        self.pass_on(cache, response, refused).await
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
            self.status.detail = refused;
            // What the origin answers now is newer than what is stored, and may not be. What it answers to one client's
            // credentials says nothing about that.
            if status.is_success()
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

    async fn record(self, cache: &Cache, response: HttpResponse, headers: HeaderMap, terms: Terms) -> HttpResponse {
        let (head, body) = response.into_parts();
        let (status, most_bytes) = (head.status(), cache.configuration.max_entry_bytes);
        let Self { ask, headers: request, opening, lead, seen, .. } = self;
        let (Some(opening), resources) = (opening, cache.resources.clone()) else { return head.set_body(body) };
        let replaced = seen.selected.map(|found| found.id);
        let keep = async move |body: Bytes| {
            let kept = Kept::new(status, &headers, body, terms);
            resources.keep(&ask.key, opening, kept, &request, replaced).await;
            if let Some(lead) = lead {
                lead.land(Landing::Stored);
            }
        };
        // Nobody asks for the chunks of a body that has none.
        let empty = body.size().is_eof().then(Bytes::new);
        match empty.map_or_else(|| body.try_into_bytes(), Ok) {
            Ok(bytes) => {
                if bytes.len() <= most_bytes {
                    keep(bytes.clone()).await;
                }
                head.set_body(BoxBody::new(bytes))
            }
            Err(body) => {
                let recording = Recording::new(body, most_bytes, Box::new(move |body| Box::pin(keep(body))));
                head.set_body(BoxBody::new(recording))
            }
        }
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
