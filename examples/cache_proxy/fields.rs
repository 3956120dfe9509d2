//! Which fields a proxy passes on (RFC 9110 §7.6).
//!
//! actix-web 4 speaks in the types of http 0.2 and hyper in those of http 1, so names and values change as bytes.

use actix_web::http::header as actix;

/// Fields of one connection. `Connection` lists more.
const OF_CONNECTION: [&str; 7] =
    ["connection", "keep-alive", "proxy-connection", "te", "trailer", "transfer-encoding", "upgrade"];

/// How this proxy calls itself in `Via`.
const VIA: &str = "1.1 cachet";

/// A request's fields, as the origin gets them.
pub(crate) fn to_origin(from: &actix::HeaderMap) -> http::HeaderMap {
    let listed = listed(from.get_all("connection").map(actix::HeaderValue::as_bytes));
    let mut passed = http::HeaderMap::with_capacity(from.len() + 1);
    for (name, value) in from.iter().filter(|(name, _)| passes(name.as_str(), &listed)) {
        if let (Ok(name), Ok(value)) = (name.as_str().parse(), http::HeaderValue::from_bytes(value.as_bytes())) {
            passed.append::<http::HeaderName>(name, value);
        }
    }
    passed.append(http::header::VIA, http::HeaderValue::from_static(VIA));
    passed
}

/// An answer's fields, as the client gets them.
pub(crate) fn to_client(from: &http::HeaderMap) -> actix::HeaderMap {
    let listed = listed(from.get_all("connection").iter().map(http::HeaderValue::as_bytes));
    let mut passed = actix::HeaderMap::with_capacity(from.len() + 1);
    for (name, value) in from.iter().filter(|(name, _)| passes(name.as_str(), &listed)) {
        if let (Ok(name), Ok(value)) =
            (name.as_str().parse::<actix::HeaderName>(), actix::HeaderValue::from_bytes(value.as_bytes()))
        {
            passed.append(name, value);
        }
    }
    passed.append(actix::VIA, actix::HeaderValue::from_static(VIA));
    passed
}

/// Whether a field is passed on: whatever `Connection` lists, the origin is told for whom a request is.
fn passes(name: &str, listed: &[String]) -> bool {
    name == "host" || !OF_CONNECTION.contains(&name) && !listed.iter().any(|listed| listed == name)
}

/// The names that `Connection` lists, in lower case.
fn listed<'a>(lines: impl Iterator<Item = &'a [u8]>) -> Vec<String> {
    let members = lines.flat_map(|line| line.split(|&byte| byte == b','));
    members.map(|member| String::from_utf8_lossy(member.trim_ascii()).to_ascii_lowercase()).collect()
}
