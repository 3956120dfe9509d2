//! What an answer may depend on and no key has.

use actix_web::http::header::{CONTENT_LENGTH, HeaderMap, HeaderName, TRANSFER_ENCODING};

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

/// Whether a request has a body that is not empty.
pub(crate) fn has_body(headers: &HeaderMap) -> bool {
    headers.contains_key(TRANSFER_ENCODING) || headers.get_all(CONTENT_LENGTH).any(|length| length.as_bytes() != b"0")
}
