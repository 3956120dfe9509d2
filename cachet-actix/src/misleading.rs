//! What an answer may depend on and no key has.

use std::{
    pin::Pin,
    task::{Context, Poll, Waker},
};

use actix_web::{
    dev::Payload,
    http::header::{CONNECTION, CONTENT_LENGTH, HOST, HeaderMap, HeaderName, TRANSFER_ENCODING, UPGRADE},
};
use futures_util::{Stream as _, StreamExt as _, stream};

/// Fields that change what a handler answers and are in no key. Whoever sends one could have its answer served to
/// everybody.
const MISLEADING: [&str; 17] = [
    "forwarded",
    "front-end-https",
    "true-client-ip",
    "x-client-ip",
    "x-forwarded",
    "x-host",
    "x-http-host-override",
    "x-http-method",
    "x-http-method-override",
    "x-method-override",
    "x-original-host",
    "x-original-uri",
    "x-original-url",
    "x-override-url",
    "x-real-ip",
    "x-rewrite-url",
    "x-url-scheme",
];

/// Those among them that tell who asks and nothing of what is asked for: every client behind a proxy has its own.
const OF_CLIENTS: [&str; 6] =
    ["true-client-ip", "x-client-ip", "x-forwarded-client-cert", "x-forwarded-for", "x-forwarded-port", "x-real-ip"];

pub(crate) fn is_misleading(name: &HeaderName) -> bool {
    MISLEADING.contains(&name.as_str()) || name.as_str().starts_with("x-forwarded-")
}

/// Whether a field may change what the request is about, whoever sends it.
pub(crate) fn changes_the_resource(name: &HeaderName) -> bool {
    is_misleading(name) && !OF_CLIENTS.contains(&name.as_str())
}

/// Fields that stay whatever `Connection` lists: those that say for whom the request is and where it ends, and those that
/// are of the connection anyway.
const STAYS: [HeaderName; 5] = [HOST, CONTENT_LENGTH, TRANSFER_ENCODING, CONNECTION, UPGRADE];

/// The fields of a request that are of its connection alone, since `Connection` lists them (RFC 9110 §7.6.1). A proxy
/// removes them on the way, so that what answers does not see what a key has of them.
pub(crate) fn of_connection(headers: &HeaderMap) -> Vec<HeaderName> {
    let lines = headers.get_all(CONNECTION).map(|line| line.as_bytes().split(|&byte| byte == b','));
    let listed = lines.flatten().filter_map(|name| HeaderName::from_bytes(name.trim_ascii()).ok());
    listed.filter(|name| headers.contains_key(name) && !STAYS.contains(name)).collect()
}

/// Whether a request has a body that is not empty. HTTP/2 needs no field to announce one, so the payload is asked as
/// well: what has not ended yet may still bring something.
pub(crate) fn has_body(headers: &HeaderMap, payload: &mut Payload) -> bool {
    headers.contains_key(TRANSFER_ENCODING)
        || headers.get_all(CONTENT_LENGTH).any(|length| length.as_bytes() != b"0")
        || has_more(payload)
}

/// Looks at a payload without taking anything of it.
fn has_more(payload: &mut Payload) -> bool {
    if matches!(payload, Payload::None) {
        return false;
    }
    match Pin::new(&mut *payload).poll_next(&mut Context::from_waker(Waker::noop())) {
        // Who reads it asks again, and is woken then.
        Poll::Pending => true,
        Poll::Ready(None) => {
            *payload = Payload::None;
            false
        }
        Poll::Ready(Some(first)) => {
            let rest = payload.take();
            *payload = Payload::Stream { payload: Box::pin(stream::iter([first]).chain(rest)) };
            true
        }
    }
}

#[cfg(test)]
mod tests {
    use actix_web::{body, error::PayloadError, http::header::HeaderValue, web::Bytes};
    use futures_util::Stream;

    use super::*;

    fn streamed(chunks: impl Stream<Item = Result<Bytes, PayloadError>> + 'static) -> Payload {
        Payload::Stream { payload: Box::pin(chunks) }
    }

    #[actix_web::test]
    async fn a_payload_that_was_looked_at_is_still_whole() {
        let mut payload = streamed(stream::iter(["a", "b"].map(|chunk| Ok(Bytes::from(chunk)))));
        for _ in 0..3 {
            assert!(has_body(&HeaderMap::new(), &mut payload));
        }
        assert_eq!(body::to_bytes(body::BodyStream::new(payload)).await.expect("it does not fail"), "ab");
    }

    #[test]
    fn what_has_ended_is_no_body_and_what_may_come_is_one() {
        for (mut payload, expected) in
            [(Payload::None, false), (streamed(stream::empty()), false), (streamed(stream::pending()), true)]
        {
            assert_eq!(has_body(&HeaderMap::new(), &mut payload), expected);
            assert_eq!(has_body(&HeaderMap::new(), &mut payload), expected, "asked again");
        }
    }

    #[test]
    fn a_request_keeps_what_says_for_whom_it_is_and_where_it_ends() {
        let mut headers = HeaderMap::new();
        for (name, value) in [
            (CONNECTION, "close, Host,Content-Length"),
            (CONNECTION, " X-Mine\t,, upgrade, x y, accept-language"),
            (HOST, "shop.test"),
            (CONTENT_LENGTH, "0"),
            (UPGRADE, "h2c"),
            (HeaderName::from_static("x-mine"), "1"),
            (HeaderName::from_static("x-other"), "2"),
        ] {
            headers.append(name, HeaderValue::from_static(value));
        }
        assert_eq!(of_connection(&headers), [HeaderName::from_static("x-mine")]);
    }
}
