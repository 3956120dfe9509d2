//! What an answer is stored under: the effective URI (RFC 9110 §7.1) in one spelling, and the fields that the
//! configuration adds to it.

use std::fmt::Write as _;

use actix_web::{
    dev::ServiceRequest,
    http::{
        Uri,
        header::{HOST, HeaderMap, HeaderName, HeaderValue},
        uri::PathAndQuery,
    },
};
use cachet_core::{__private::KeyBuf, CacheKey, Validator};
use url::Url;

/// A resource, as this cache knows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Key {
    origin: String,
    authority: String,
    target: String,
    /// The declared fields of the request, one a line.
    declared: String,
}

impl Key {
    /// The key of a request; the error is the reason why there is none.
    pub(super) fn of(request: &ServiceRequest, declared: &[HeaderName]) -> Result<Self, &'static str> {
        let scheme = scheme(request);
        let authority = authority(scheme, request.uri(), request.headers()).ok_or("authority")?;
        let target = target(request.uri().path(), request.uri().query()).ok_or("path")?;
        let mut fields = String::new();
        for name in declared {
            for value in request.headers().get_all(name) {
                // A line break is in no value.
                let _ = writeln!(fields, "{name}:{}", value.as_bytes().escape_ascii());
            }
        }
        Ok(Self { origin: [scheme, "://", &authority].concat(), authority, target, declared: fields })
    }

    /// What a method that changes something changes. Unlike a reader it may name that in a way that others resolve:
    /// what they would find is what is stored.
    pub(super) fn of_change(request: &ServiceRequest) -> Option<Self> {
        let written = request.uri().path_and_query()?.as_str();
        Self::of(request, &[]).ok().or_else(|| {
            let root = Self::rooted(request)?;
            root.refer(&HeaderValue::try_from(written).ok()?)
        })
    }

    fn rooted(request: &ServiceRequest) -> Option<Self> {
        let scheme = scheme(request);
        let authority = authority(scheme, request.uri(), request.headers())?;
        Some(Self { origin: format!("{scheme}://{authority}"), authority, target: "/".into(), declared: String::new() })
    }

    /// Makes the request one that says nothing but the key: what answers it sees the same spelling.
    pub(super) fn impose(&self, request: &mut ServiceRequest) {
        let head = request.head_mut();
        if head.headers.get(HOST).is_none_or(|written| written != self.authority.as_str()) {
            let authority = HeaderValue::try_from(&self.authority).expect("a validated authority is a value");
            head.headers.insert(HOST, authority);
        }
        if head.uri.path_and_query().is_none_or(|written| written.as_str() != self.target) {
            let mut parts = std::mem::take(&mut head.uri).into_parts();
            parts.path_and_query = PathAndQuery::try_from(self.target.as_str()).ok();
            let uri = Uri::from_parts(parts).expect("a target in another spelling is a target");
            head.uri = uri.clone();
            request.match_info_mut().get_mut().update(&uri);
        }
    }

    /// The URI of a reference in an answer, if it is of the same origin.
    pub(super) fn refer(&self, reference: &HeaderValue) -> Option<Self> {
        let url = Url::parse(&self.uri()).ok()?.join(reference.to_str().ok()?).ok()?;
        if url.origin() != Url::parse(&self.origin).ok()?.origin() {
            return None;
        }
        Some(Self { target: target(url.path(), url.query())?, ..self.clone() })
    }

    pub(super) fn uri(&self) -> String {
        [&*self.origin, &*self.target].concat()
    }

    /// The tag that every answer to the URI carries, whatever else is in its key.
    pub(super) fn tag(&self) -> String {
        format!("@response:{}", Validator::of_bytes(self.uri().as_bytes()))
    }

    /// What the list of answers stands under.
    pub(super) fn variants(&self) -> KeyBuf {
        self.of_part("variants")
    }

    /// What one of them stands under.
    pub(super) fn response(&self, id: u128) -> KeyBuf {
        self.of_part(&id)
    }

    /// Everything in one text, for those who wait for one another.
    pub(super) fn flight(&self, selecting: &str) -> String {
        format!("{}\n{}{selecting}", self.uri(), self.declared)
    }

    fn of_part<P: CacheKey + ?Sized>(&self, part: &P) -> KeyBuf {
        let mut key = KeyBuf::bytes();
        for text in [&self.origin, &self.target, &self.declared] {
            text.write_key(key.writer());
        }
        part.write_key(key.writer());
        key
    }
}

fn scheme(request: &ServiceRequest) -> &'static str {
    if request.app_config().secure() { "https" } else { "http" }
}

/// The host in lower case, without the scheme's own port. `None` where it is missing, named twice, or malformed.
fn authority(scheme: &str, uri: &Uri, headers: &HeaderMap) -> Option<String> {
    let mut lines = headers.get_all(HOST);
    let named = lines.next();
    if lines.next().is_some() {
        return None;
    }
    // The absolute form counts before the field (RFC 9112 §3.2.2).
    let authority = match uri.authority() {
        Some(authority) => authority.as_str(),
        None => named?.to_str().ok()?,
    };
    let authority = authority.to_ascii_lowercase();
    let (host, port) = match authority.rsplit_once(':') {
        Some((host, port)) if !port.contains(']') => (host, Some(port)),
        _ => (authority.as_str(), None),
    };
    let is_literal = host.len() > 2 && host.starts_with('[') && host.ends_with(']');
    let inside = if is_literal { &host[1..host.len() - 1] } else { host };
    let is_host = !inside.is_empty()
        && inside
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) || (is_literal && byte == b':'));
    let own_port = if scheme == "https" { "443" } else { "80" };
    match port {
        _ if !is_host => None,
        None | Some("") => Some(host.to_owned()),
        Some(port) if port == own_port => Some(host.to_owned()),
        Some(port) => port.parse::<u16>().ok().map(|port| [host, ":", &port.to_string()].concat()),
    }
}

/// Path and query in one spelling. `None` for a path with dot segments, which others might resolve, and for a broken
/// percent-encoding.
fn target(path: &str, query: Option<&str>) -> Option<String> {
    let mut text = respelt(path)?;
    if !text.starts_with('/') || text.split(['/', '\\']).any(|segment| matches!(segment, "." | "..")) {
        return None;
    }
    if let Some(query) = query {
        text.push('?');
        text.push_str(&respelt(query)?);
    }
    Some(text)
}

/// Unreserved characters as themselves, the others' digits in upper case (RFC 3986 §6.2.2).
fn respelt(text: &str) -> Option<String> {
    let mut parts = text.split('%');
    let mut spelt = parts.next()?.to_owned();
    for part in parts {
        let (digits, rest) = part.split_at_checked(2)?;
        let byte = u8::from_str_radix(digits, 16).ok().filter(|_| !digits.starts_with('+'))?;
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            spelt.push(char::from(byte));
        } else {
            let _ = write!(spelt, "%{byte:02X}");
        }
        spelt.push_str(rest);
    }
    Some(spelt)
}

#[cfg(test)]
mod tests {
    use actix_web::test::TestRequest;

    use super::*;

    fn uri(target: &str, host: &str) -> Result<String, &'static str> {
        let request = TestRequest::with_uri(target).insert_header((HOST, host)).to_srv_request();
        Key::of(&request, &[]).map(|key| key.uri())
    }

    #[test]
    fn one_resource_has_one_spelling() {
        for (target, host, expected) in [
            ("/a?b=%7e", "Example.COM:80", Ok("http://example.com/a?b=~")),
            ("/%61%2f%c3%a9", "example.com", Ok("http://example.com/a%2F%C3%A9")),
            ("/a?x=1&x=2", "example.com:8080", Ok("http://example.com:8080/a?x=1&x=2")),
            ("/a?x=2&x=1", "example.com:", Ok("http://example.com/a?x=2&x=1")),
            ("/a?", "[::1]:80", Ok("http://[::1]/a?")),
            ("http://Other.com/a", "example.com", Ok("http://other.com/a")),
            ("/a/../b", "example.com", Err("path")),
            ("/a/%2E%2e/b", "example.com", Err("path")),
            ("/a%2", "example.com", Err("path")),
            ("/a%+1", "example.com", Err("path")),
            ("/a", "example.com, other.com", Err("authority")),
            ("/a", "user@example.com", Err("authority")),
            ("/a", "example.com:80a", Err("authority")),
            ("/a", "", Err("authority")),
        ] {
            assert_eq!(uri(target, host), expected.map(str::to_owned), "{target} {host}");
        }
    }

    #[test]
    fn a_reference_counts_within_its_origin() {
        let request = TestRequest::with_uri("/a/b?c").insert_header((HOST, "example.com")).to_srv_request();
        let key = Key::of(&request, &[]).expect("it has a key");
        for (reference, expected) in [
            ("/x", Some("http://example.com/x")),
            ("x?y", Some("http://example.com/a/x?y")),
            ("../x", Some("http://example.com/x")),
            ("HTTP://EXAMPLE.com:80/x", Some("http://example.com/x")),
            ("//other.com/x", None),
            ("https://example.com/x", None),
            ("http://example.com:8080/x", None),
        ] {
            let referred = key.refer(&HeaderValue::from_static(reference)).map(|key| key.uri());
            assert_eq!(referred.as_deref(), expected, "{reference}");
        }
    }
}
