//! `Cache-Status` (RFC 9211): what the cache did with a request.

use actix_web::http::header::{HeaderMap, HeaderName, HeaderValue};

/// The field's name.
pub(crate) const CACHE_STATUS: HeaderName = HeaderName::from_static("cache-status");

/// One member of the list, as it is being found out.
#[derive(Clone, Debug, Default)]
pub(crate) struct CacheStatus {
    pub(crate) hit: bool,
    /// Why the request went on to the origin.
    pub(crate) forwarded: Option<&'static str>,
    /// What the origin answered, where the client gets something else.
    pub(crate) forwarded_status: Option<u16>,
    pub(crate) ttl: Option<i64>,
    pub(crate) stored: bool,
    pub(crate) collapsed: bool,
    pub(crate) key: Option<String>,
    pub(crate) detail: Option<&'static str>,
}

impl CacheStatus {
    pub(crate) fn forwarded(reason: &'static str) -> Self {
        Self { forwarded: Some(reason), ..Self::default() }
    }

    /// Adds the member behind those of the caches nearer to the origin.
    pub(crate) fn append(&self, name: &str, headers: &mut HeaderMap) {
        if let Ok(member) = HeaderValue::try_from(self.member(name)) {
            headers.append(CACHE_STATUS, member);
        }
    }

    fn member(&self, name: &str) -> String {
        let mut member = String::with_capacity(name.len() + 32);
        member.push_str(name);
        let mut add = |parameter: &str, value: &str| {
            for part in ["; ", parameter, value] {
                member.push_str(part);
            }
        };
        if self.hit {
            add("hit", "");
        }
        if let Some(reason) = self.forwarded {
            add("fwd=", reason);
        }
        if let Some(status) = self.forwarded_status {
            add("fwd-status=", itoa::Buffer::new().format(status));
        }
        if let Some(ttl) = self.ttl {
            add("ttl=", itoa::Buffer::new().format(ttl));
        }
        if self.stored {
            add("stored", "");
        }
        if self.collapsed {
            add("collapsed", "");
        }
        if let Some(key) = &self.key {
            add("key=", &quoted(key));
        }
        if let Some(detail) = self.detail {
            add("detail=", &quoted(detail));
        }
        member
    }
}

/// A string of RFC 9651: printable ASCII, with two characters escaped.
fn quoted(text: &str) -> String {
    let mut quoted = String::from('"');
    for character in text.chars().map(|character| if matches!(character, ' '..='~') { character } else { '?' }) {
        if matches!(character, '"' | '\\') {
            quoted.push('\\');
        }
        quoted.push(character);
    }
    quoted.push('"');
    quoted
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_member_is_added_behind_those_that_are_there() {
        let mut headers = HeaderMap::new();
        headers.insert(CACHE_STATUS, HeaderValue::from_static("origin; hit"));
        CacheStatus { hit: true, ttl: Some(27), ..CacheStatus::default() }.append("cachet", &mut headers);
        let status = CacheStatus {
            stored: true,
            key: Some("http://a/\"\\\u{e9}".into()),
            detail: Some("private"),
            ..CacheStatus::forwarded("uri-miss")
        };
        status.append("cachet", &mut headers);
        let lines: Vec<_> = headers.get_all(CACHE_STATUS).collect();
        assert_eq!(
            lines,
            [
                "origin; hit",
                "cachet; hit; ttl=27",
                "cachet; fwd=uri-miss; stored; key=\"http://a/\\\"\\\\?\"; detail=\"private\"",
            ]
        );
    }
}
