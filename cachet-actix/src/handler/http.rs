//! What the attribute says about a handler's answers.

use actix_web::{
    HttpRequest,
    http::header::{AUTHORIZATION, COOKIE, HOST, HeaderMap, HeaderName, HeaderValue},
};
use bytes::Bytes;
use cachet_core::{Cached, Validator};

use crate::{
    misleading::{changes_the_resource, has_body},
    stored::StoredResponse,
    validators::EntityTag,
};

/// The options of a handler: all of them were checked and normalised by the macro.
pub struct Http {
    directives: &'static str,
    /// The same as a field's value.
    policy: HeaderValue,
    /// Whether `max-age` is left to the entry.
    takes_lifetime: bool,
    cdn: Option<&'static str>,
    vary: &'static [&'static str],
    tagging: Tagging,
    sees_more: bool,
}

/// How an answer gets its entity tag, unless the handler gave it one.
#[derive(Clone, Copy)]
pub(crate) enum Tagging {
    /// The content's hash, for these very bytes.
    Strong,
    /// The content's hash, for representations that are as good as each other.
    Weak,
    /// What is made of the body.
    By(fn(&[u8]) -> EntityTag),
}

impl Tagging {
    /// The tag of a body with this hash of all that makes the representation.
    pub(crate) fn tag(self, hash: impl FnOnce() -> Validator, body: &Bytes) -> EntityTag {
        match self {
            Self::Strong => EntityTag::from(hash()),
            Self::Weak => EntityTag::weak(&hash().to_string()),
            Self::By(tag) => tag(body),
        }
    }
}

impl Http {
    /// Takes directives in lower case, separated by a comma and a space.
    pub const fn new(directives: &'static str) -> Self {
        let takes_lifetime =
            !lists(directives, "max-age") && !lists(directives, "no-store") && !lists(directives, "no-cache");
        let policy = HeaderValue::from_static(directives);
        Self { directives, policy, takes_lifetime, cdn: None, vary: &[], tagging: Tagging::Strong, sees_more: false }
    }

    /// `CDN-Cache-Control`: the same directives for content delivery networks (RFC 9213).
    #[must_use]
    pub const fn cdn(mut self, directives: &'static str) -> Self {
        self.cdn = Some(directives);
        self
    }

    /// The request's fields that are part of the key, in lower case.
    #[must_use]
    pub const fn vary(mut self, fields: &'static [&'static str]) -> Self {
        self.vary = fields;
        self
    }

    /// Entity tags are weak.
    #[must_use]
    pub const fn weak(mut self) -> Self {
        self.tagging = Tagging::Weak;
        self
    }

    /// Entity tags are made of the body.
    #[must_use]
    pub const fn tagged(mut self, tag: fn(&[u8]) -> EntityTag) -> Self {
        self.tagging = Tagging::By(tag);
        self
    }

    /// The handler takes an argument that is no part of its key and not the application's state.
    #[must_use]
    pub const fn sees_more(mut self) -> Self {
        self.sees_more = true;
        self
    }

    pub(super) fn varies(&self) -> bool {
        !self.vary.is_empty()
    }

    pub(super) fn vary_fields(&self) -> &'static [&'static str] {
        self.vary
    }

    pub(super) fn vary_names(&self) -> impl Iterator<Item = HeaderName> + use<> {
        self.vary.iter().map(|name| HeaderName::from_static(name))
    }

    /// The fields of a request that a handler could take for its URI, and that are not in `vary`. An answer made under one
    /// that somebody made up goes to nobody else.
    pub(super) fn misleading(&self, headers: &HeaderMap) -> Vec<HeaderName> {
        if !self.sees_more {
            return Vec::new();
        }
        let is_unnamed = |name: &&HeaderName| changes_the_resource(name) && !self.vary.contains(&name.as_str());
        let mut names: Vec<_> = headers.keys().filter(is_unnamed).cloned().collect();
        names.sort_unstable_by(|one, other| one.as_str().cmp(other.as_str()));
        names
    }

    /// The host that a request was sent to, where the handler could see it.
    pub(super) fn host(&self, request: &HttpRequest) -> Option<String> {
        let authority = request.uri().authority().map(|authority| authority.as_str().as_bytes());
        let host = authority.or_else(|| request.headers().get(HOST).map(HeaderValue::as_bytes));
        host.filter(|_| self.sees_more).map(|host| host.to_ascii_lowercase().escape_ascii().to_string())
    }

    pub(super) fn tagging(&self) -> Tagging {
        self.tagging
    }

    /// Why the answer may be for the one who asks alone: the request says something that the key does not know, and the
    /// handler may have looked. Where there are variants, what misleads a handler tells them apart.
    pub(super) fn may_be_personal(&self, request: &HttpRequest) -> Option<&'static str> {
        if !self.sees_more {
            return None;
        }
        let headers = request.headers();
        let says = |name: HeaderName| headers.contains_key(&name) && !self.vary.contains(&name.as_str());
        let reasons = [
            (says(AUTHORIZATION) || says(COOKIE), "the request says who asks, and the key does not"),
            (has_body(headers), "the request has a body, and the key does not"),
            (
                !self.varies() && !self.misleading(headers).is_empty(),
                "the request says what it is for, and the key does not",
            ),
        ];
        reasons.into_iter().find(|(holds, _)| *holds).map(|(_, reason)| reason)
    }

    /// Whether the policy lets nobody but the client keep the answer.
    pub(super) fn is_private(&self) -> bool {
        lists(self.directives, "private") || lists(self.directives, "no-store")
    }

    pub(super) fn cache_control(&self, entry: &Cached<StoredResponse>) -> HeaderValue {
        if self.takes_lifetime {
            let mut seconds = itoa::Buffer::new();
            let text = [self.directives, ", max-age=", seconds.format(entry.lifetime().as_secs())].concat();
            HeaderValue::try_from(text).expect("the macro refuses what no field may hold")
        } else {
            self.unaged()
        }
    }

    pub(super) fn unaged(&self) -> HeaderValue {
        self.policy.clone()
    }

    pub(super) fn cdn_cache_control(&self) -> Option<HeaderValue> {
        self.cdn.map(HeaderValue::from_static)
    }
}

/// The tag of a body by the user's function.
pub fn tag_by<T: Into<EntityTag>>(function: impl FnOnce(&[u8]) -> T, body: &[u8]) -> EntityTag {
    function(body).into()
}

/// Whether a directive is listed without being limited to some fields. Only field names are ever in quotes, and they
/// hold no `=`.
const fn lists(directives: &str, name: &str) -> bool {
    let (text, name) = (directives.as_bytes(), name.as_bytes());
    let (mut at, mut matched, mut quoted) = (0, 0, false);
    while at < text.len() {
        let byte = text[at];
        let starts = at == 0 || matched > 0 || (text[at - 1] == b' ' && !quoted);
        matched = if starts && matched < name.len() && byte == name[matched] { matched + 1 } else { 0 };
        quoted ^= byte == b'"';
        at += 1;
        if matched == name.len() {
            let limited = at + 1 < text.len() && text[at] == b'=' && text[at + 1] == b'"';
            let ends = at == text.len() || text[at] == b',' || text[at] == b'=';
            if ends && !limited {
                return true;
            }
            matched = 0;
        }
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_lifetime_is_left_to_the_entry_unless_the_directives_settle_it() {
        for (directives, takes_lifetime) in [
            ("public", true),
            ("public, s-maxage=5", true),
            ("private=\"max-age\", public", true),
            ("public, no-cache=\"x-a, max-age, no-store\"", true),
            ("public, max-age=5", false),
            ("max-age=0, public", false),
            ("no-store", false),
            ("private, no-cache", false),
        ] {
            assert_eq!(Http::new(directives).takes_lifetime, takes_lifetime, "{directives}");
        }
    }
}
