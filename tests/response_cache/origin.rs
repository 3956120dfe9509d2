//! The handler behind the cache. What it answers is in the query: `status`, `body`, and any other name is a field.
//!
//! | name | meaning |
//! |---|---|
//! | `status` | 200 without it |
//! | `stream` | the body comes in so many chunks, without a length |
//! | `breaks` | the body ends with an error after its first chunk |
//! | `short` | the body announces more than it has |
//! | `versioned` | each answer has an entity tag of its own |
//! | `held` | the answer waits until the test lets it go; with `held=body` its body does |
//!
//! The body says how many answers there were before, and what the handler saw of the request.

use std::{
    io,
    sync::{
        Arc, Condvar, Mutex,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use actix_web::{
    HttpRequest, HttpResponse,
    body::{BodyStream, BoxBody, SizedStream},
    http::{
        Method, StatusCode,
        header::{HOST, HeaderMap, HeaderName, HeaderValue},
    },
    web::{Bytes, Data, Query},
};
use futures_util::{StreamExt, stream};
use tokio::sync::Semaphore;

/// What tests know and decide of the handler.
#[derive(Clone, Default)]
pub(crate) struct Origin(Arc<Inner>);

struct Inner {
    runs: AtomicU64,
    /// How many requests wait to be let go.
    waiting: (Mutex<u64>, Condvar),
    gate: Semaphore,
    broken: Mutex<bool>,
    ended_bodies: AtomicU64,
}

/// A streamed body, sent to its end or not.
struct Sending(Origin);

impl Drop for Sending {
    fn drop(&mut self) {
        self.0.0.ended_bodies.fetch_add(1, Ordering::SeqCst);
    }
}

impl Default for Inner {
    fn default() -> Self {
        let (runs, gate) = (AtomicU64::new(0), Semaphore::new(0));
        Self { runs, waiting: <_>::default(), gate, broken: Mutex::new(false), ended_bodies: AtomicU64::new(0) }
    }
}

impl Origin {
    /// Counts an answer, and says which one it is.
    pub(crate) fn run(&self) -> u64 {
        self.0.runs.fetch_add(1, Ordering::SeqCst) + 1
    }

    pub(crate) fn runs(&self) -> u64 {
        self.0.runs.load(Ordering::SeqCst)
    }

    /// How many streamed bodies are over.
    pub(crate) fn ended_bodies(&self) -> u64 {
        self.0.ended_bodies.load(Ordering::SeqCst)
    }

    /// Waits until so many requests are held.
    pub(crate) fn holds(&self, requests: u64) {
        let (waiting, changed) = &self.0.waiting;
        let waiting = waiting.lock().expect("no test panicked");
        let (_waiting, timed_out) = changed
            .wait_timeout_while(waiting, Duration::from_secs(20), |waiting| *waiting < requests)
            .expect("no test panicked");
        assert!(!timed_out.timed_out(), "{requests} requests are not held at once");
    }

    /// Lets so many requests go.
    pub(crate) fn release(&self, requests: usize) {
        self.0.gate.add_permits(requests);
    }

    /// From now on every answer is a 503.
    pub(crate) fn breaks(&self) {
        *self.0.broken.lock().expect("no test panicked") = true;
    }

    async fn hold(&self) {
        let (waiting, changed) = &self.0.waiting;
        *waiting.lock().expect("no test panicked") += 1;
        changed.notify_all();
        self.0.gate.acquire().await.expect("the gate stays").forget();
        *waiting.lock().expect("no test panicked") -= 1;
    }
}

pub(crate) async fn answer(
    request: HttpRequest,
    Query(told): Query<Vec<(String, String)>>,
    origin: Data<Origin>,
    body: Bytes,
) -> HttpResponse {
    let run = origin.run();
    let value = |name: &str| told.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str());
    let held = value("held");
    if held.is_some_and(|held| held != "body") {
        origin.hold().await;
    }
    if *origin.0.broken.lock().expect("no test panicked") {
        return HttpResponse::ServiceUnavailable().finish();
    }
    let status = value("status").map_or(StatusCode::OK, |code| code.parse().expect("tests ask for real ones"));
    let tag = value("etag").filter(|_| status == StatusCode::OK && *request.method() == Method::GET);
    let is_current = tag.is_some() && request.headers().get("if-none-match").and_then(|tags| tags.to_str().ok()) == tag;
    let mut response = if is_current {
        HttpResponse::NotModified().finish()
    } else {
        let text = saw(run, &request, &body);
        let body = match value("stream").map(|chunks| chunks.parse().expect("a number")) {
            Some(chunks) => streamed(text, chunks, value("breaks").is_some(), held.is_some(), origin.get_ref()),
            None if value("short").is_some() => {
                let some = stream::iter([Ok::<_, io::Error>(Bytes::from(text.clone()))]);
                BoxBody::new(SizedStream::new(text.len() as u64 + 10, some))
            }
            None => BoxBody::new(text),
        };
        HttpResponse::with_body(status, body)
    };
    if value("versioned").is_some() {
        write(response.headers_mut(), "etag", &format!("\"{run}\""));
    }
    let reserved = ["status", "versioned", "stream", "breaks", "short", "held", "q"];
    for (name, value) in told.iter().filter(|(name, _)| !reserved.contains(&name.as_str())) {
        write(response.headers_mut(), name, value);
    }
    response
}

/// A value that is none is left out, as a handler would that reflects what it is given.
fn write(headers: &mut HeaderMap, name: &str, value: &str) {
    if let (Ok(name), Ok(value)) = (HeaderName::try_from(name), HeaderValue::try_from(value)) {
        headers.append(name, value);
    }
}

fn saw(run: u64, request: &HttpRequest, body: &[u8]) -> String {
    let field = |name: &str| request.headers().get(name).map_or("-", |value| value.to_str().unwrap_or("?"));
    let seen = ["x-forwarded-host", "x-forwarded-proto", "x-original-url", "x-http-method-override", "accept-language"];
    let seen: Vec<_> = seen.iter().map(|name| format!("{name}={}", field(name))).collect();
    let (seen, body) = (seen.join(" "), String::from_utf8_lossy(body));
    let (method, uri, host) = (request.method(), request.uri(), field(HOST.as_str()));
    format!("run {run}: {method} {uri} host={host} scheme={} {seen} body={body}", request.connection_info().scheme())
}

fn streamed(text: String, chunks: usize, breaks: bool, held: bool, origin: &Origin) -> BoxBody {
    let (chunk, sending) = (Bytes::from(text), Arc::new(Sending(origin.clone())));
    let parts = stream::iter(0..chunks).then(move |number| {
        let (chunk, sending) = (chunk.clone(), Arc::clone(&sending));
        async move {
            if held && number > 0 {
                sending.0.hold().await;
            }
            if breaks && number > 0 { Err(io::Error::other("it breaks")) } else { Ok(chunk) }
        }
    });
    BoxBody::new(BodyStream::new(Box::pin(parts)))
}
