//! One exchange with the origin.

use std::{error, io, time::Duration};

use actix_web::{
    HttpRequest, HttpResponse,
    body::{BodyStream, BoxBody, MessageBody, None as Nothing, SizedStream},
    http::{Method, StatusCode, header},
    rt,
    web::{Bytes, Data, Payload},
};
use cachet_actix::DoNotStore;
use futures_util::{StreamExt, stream};
use http_body_util::{BodyExt, Empty, StreamBody, combinators::UnsyncBoxBody};
use hyper::body::{Frame, Incoming};
use hyper_util::{
    client::legacy::{Client, connect::HttpConnector},
    rt::TokioExecutor,
};
use thiserror::Error;
use tokio::sync::mpsc;

use crate::fields::{to_client, to_origin};

/// How long a connection to the origin is kept for the next request: less than origins commonly wait for one, since a
/// request that meets their end cannot be sent again.
const IDLE: Duration = Duration::from_secs(2);

/// How many chunks of a request's body are on their way at a time.
const CHUNKS: usize = 4;

/// Why an answer is none.
#[derive(Debug, Error)]
#[error("the answer is refused: {0}")]
struct Refused(&'static str);

type RequestBody = UnsyncBoxBody<Bytes, io::Error>;

/// The origin, with the connections to it.
pub(crate) struct Upstream {
    client: Client<HttpConnector, RequestBody>,
    origin: http::Uri,
}

impl Upstream {
    pub(crate) fn new(origin: http::Uri) -> Self {
        Self { client: Client::builder(TokioExecutor::new()).pool_idle_timeout(IDLE).build_http(), origin }
    }

    /// The request's target at the origin.
    fn uri(&self, request: &HttpRequest) -> Result<http::Uri, http::Error> {
        let target = request.uri().path_and_query().map_or("/", |target| target.as_str());
        let mut parts = self.origin.clone().into_parts();
        let before = parts.path_and_query.as_ref().map_or("", |path| path.path().trim_end_matches('/'));
        parts.path_and_query = Some(format!("{before}{target}").parse().map_err(http::Error::from)?);
        Ok(http::Uri::from_parts(parts)?)
    }

    fn request(&self, request: &HttpRequest, body: Payload) -> Result<http::Request<RequestBody>, http::Error> {
        let has_body =
            [header::CONTENT_LENGTH, header::TRANSFER_ENCODING].iter().any(|name| request.headers().contains_key(name));
        let body = if has_body { streamed(body) } else { Empty::new().map_err(|never| match never {}).boxed_unsync() };
        let mut passed =
            http::Request::builder().method(request.method().as_str()).uri(self.uri(request)?).body(body)?;
        *passed.headers_mut() = to_origin(request.headers());
        Ok(passed)
    }
}

/// Where the body of an answer ends (RFC 9112 §6.3).
enum Framing {
    Chunked,
    Length(u64),
    /// Where the connection does, be that because the origin died.
    Connection,
}

impl Framing {
    /// `None` for transfer codings that this proxy does not undo: nobody asked for them, and the body would be taken for
    /// what it is not.
    fn of(headers: &http::HeaderMap) -> Option<Self> {
        let lines = headers.get_all(http::header::TRANSFER_ENCODING).iter();
        let codings = lines.flat_map(|line| line.as_bytes().split(|&byte| byte == b',')).map(<[u8]>::trim_ascii);
        let codings: Vec<_> = codings.filter(|coding| !coding.is_empty()).collect();
        let length = headers.get(http::header::CONTENT_LENGTH).and_then(|length| length.to_str().ok()?.parse().ok());
        match &codings[..] {
            [] => Some(length.map_or(Self::Connection, Self::Length)),
            [only] if only.eq_ignore_ascii_case(b"chunked") => Some(Self::Chunked),
            // The name that there was for no coding (RFC 2616 §3.6).
            [only] if only.eq_ignore_ascii_case(b"identity") => Some(Self::Connection),
            _ => None,
        }
    }
}

/// Sends a request on and streams its answer back.
pub(crate) async fn forward(request: HttpRequest, body: Payload, upstream: Data<Upstream>) -> HttpResponse {
    if *request.method() == Method::CONNECT {
        return HttpResponse::NotImplemented().body("this proxy is one in front of an origin, and opens no tunnels\n");
    }
    let passed = match upstream.request(&request, body) {
        Ok(passed) => passed,
        Err(error) => return failed(StatusCode::BAD_REQUEST, &error),
    };
    match upstream.client.request(passed).await {
        Ok(response) => {
            answer(request.method(), response).unwrap_or_else(|error| failed(StatusCode::BAD_GATEWAY, &error))
        }
        Err(error) => failed(StatusCode::BAD_GATEWAY, &error),
    }
}

fn failed(status: StatusCode, error: &dyn error::Error) -> HttpResponse {
    tracing::debug!(%error, "an exchange with the origin failed");
    HttpResponse::build(status).insert_header((header::CACHE_CONTROL, "no-store")).finish()
}

/// An answer that a client may be given.
fn answer(method: &Method, response: http::Response<Incoming>) -> Result<HttpResponse, Refused> {
    let status = StatusCode::from_u16(response.status().as_u16()).map_err(|_| Refused("its status is none"))?;
    if status == StatusCode::SWITCHING_PROTOCOLS {
        return Err(Refused("it switches protocols, which nobody asked for"));
    }
    let framing = Framing::of(response.headers()).ok_or(Refused("its transfer coding is not `chunked`"))?;
    let mut headers = to_client(response.headers());
    let has_no_body = status == StatusCode::NO_CONTENT || status == StatusCode::NOT_MODIFIED;
    // The coding counts before the length. Who sends both has been misled, or means to mislead (RFC 9112 §6.1).
    let is_doubtful = match framing {
        Framing::Chunked => headers.remove(header::CONTENT_LENGTH).next().is_some(),
        Framing::Connection => !has_no_body,
        Framing::Length(_) => false,
    };
    let body = response.into_body().into_data_stream();
    let body = match framing {
        _ if has_no_body => BoxBody::new(Nothing::new()),
        Framing::Length(length) if *method == Method::HEAD => {
            SizedStream::new(length, stream::empty::<Result<Bytes, io::Error>>()).boxed()
        }
        Framing::Length(length) => SizedStream::new(length, body).boxed(),
        Framing::Chunked | Framing::Connection => BodyStream::new(body).boxed(),
    };
    let mut answer = HttpResponse::with_body(status, body);
    *answer.headers_mut() = headers;
    if is_doubtful {
        answer.extensions_mut().insert(DoNotStore);
    }
    Ok(answer)
}

/// A client's body, which stays on its worker's thread, as one that the connection to the origin may take anywhere. It
/// waits for the origin to take what came before.
fn streamed(mut body: Payload) -> RequestBody {
    let (sender, mut receiver) = mpsc::channel(CHUNKS);
    rt::spawn(async move {
        while let Some(chunk) = body.next().await {
            if sender.send(chunk.map(Frame::data).map_err(io::Error::other)).await.is_err() {
                break;
            }
        }
    });
    StreamBody::new(stream::poll_fn(move |cx| receiver.poll_recv(cx))).boxed_unsync()
}
