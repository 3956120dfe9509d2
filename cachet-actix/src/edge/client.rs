//! Exchanges with an edge.

use std::io;

use bytes::Bytes;
use http::{HeaderName, HeaderValue, Method, Request, Uri, header::HOST, request};
use http_body_util::{BodyExt, Full, Limited};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::{
    client::legacy::{Client, connect::HttpConnector},
    rt::TokioExecutor,
};

use super::PurgeError;

/// More of an answer is not read.
const MOST_ANSWER_BYTES: usize = 64 << 10;

/// A client for HTTP, and for HTTPS with the certificates that the system trusts.
#[derive(Clone, Debug)]
pub(super) struct EdgeClient(Client<HttpsConnector<HttpConnector>, Full<Bytes>>);

impl EdgeClient {
    pub(super) fn new() -> Result<Self, PurgeError> {
        let connector = HttpsConnectorBuilder::new()
            .with_provider_and_native_roots(rustls::crypto::ring::default_provider())
            .map_err(|error: io::Error| PurgeError::Exchange(error.into()))?
            .https_or_http()
            .enable_http1()
            .build();
        Ok(Self(Client::builder(TokioExecutor::new()).build(connector)))
    }

    /// Sends a request and gives the answer's status and body.
    pub(super) async fn exchange(&self, request: Request<Full<Bytes>>) -> Result<(u16, Bytes), PurgeError> {
        let response = self.0.request(request).await.map_err(|error| PurgeError::Exchange(error.into()))?;
        let status = response.status().as_u16();
        let body = Limited::new(response.into_body(), MOST_ANSWER_BYTES).collect().await;
        Ok((status, body.map_err(PurgeError::Exchange)?.to_bytes()))
    }

    /// The same for an answer that says all with its status.
    pub(super) async fn accepted(&self, request: Request<Full<Bytes>>) -> Result<(), PurgeError> {
        match self.exchange(request).await? {
            (200..=299, _) => Ok(()),
            (status, _) => Err(PurgeError::Refused { status }),
        }
    }
}

/// An absolute URL.
pub(super) fn address(text: &str) -> Result<Uri, PurgeError> {
    let uri: Uri = text.parse().map_err(|_| PurgeError::Address)?;
    let is_served = matches!(uri.scheme_str(), Some("http" | "https")) && uri.host().is_some();
    is_served.then_some(uri).ok_or(PurgeError::Address)
}

/// A target at an address, whose own path is left out.
pub(super) fn target(address: &Uri, target: &str) -> Result<Uri, PurgeError> {
    let mut parts = address.clone().into_parts();
    parts.path_and_query = Some(target.parse().map_err(|_| PurgeError::Address)?);
    Uri::from_parts(parts).map_err(|_| PurgeError::Address)
}

/// The value of a field that is nobody else's to see.
pub(super) fn secret(what: &'static str, text: &str) -> Result<HeaderValue, PurgeError> {
    let mut value = HeaderValue::from_str(text).map_err(|_| PurgeError::Characters(what))?;
    value.set_sensitive(true);
    Ok(value)
}

/// A `PURGE` with the fields that say that it may.
pub(super) fn purge(uri: Uri, fields: &[(HeaderName, HeaderValue)]) -> request::Builder {
    let method = Method::from_bytes(b"PURGE").expect("a token");
    fields.iter().fold(Request::builder().method(method).uri(uri), |purge, (name, value)| purge.header(name, value))
}

pub(super) fn for_host(purge: request::Builder, uri: &Uri) -> request::Builder {
    match uri.authority() {
        Some(authority) => purge.header(HOST, authority.as_str()),
        None => purge,
    }
}

/// A field that every purge has.
pub(super) fn field(name: &str, value: &str) -> Result<(HeaderName, HeaderValue), PurgeError> {
    let name = name.parse().map_err(|_| PurgeError::Characters("field's name"))?;
    Ok((name, secret("field", value)?))
}

/// Completes a request.
pub(super) fn with_body(request: request::Builder, body: impl Into<Bytes>) -> Result<Request<Full<Bytes>>, PurgeError> {
    request.body(Full::new(body.into())).map_err(|error| PurgeError::Exchange(error.into()))
}

/// What stands for itself in a path.
pub(super) fn segment<'a>(what: &'static str, text: &'a str) -> Result<&'a str, PurgeError> {
    let is_plain = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte));
    is_plain.then_some(text).ok_or(PurgeError::Characters(what))
}
