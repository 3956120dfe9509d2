//! A request as the cache sees it: whether it is one for the cache at all, and what it may be answered with.

use std::cell::OnceCell;

use actix_web::{
    dev::ServiceRequest,
    http::{
        Method,
        header::{
            AUTHORIZATION, COOKIE, HeaderMap, HeaderName, IF_MATCH, IF_MODIFIED_SINCE, IF_NONE_MATCH,
            IF_UNMODIFIED_SINCE, RANGE, UPGRADE,
        },
    },
};

use super::{
    Configuration,
    kept::Kept,
    key::Key,
    policy::{Use, Wishes},
    resources::{Found, Seen},
};
use crate::misleading::{has_body, is_misleading, of_connection};

/// A GET or HEAD that the cache may answer.
pub(super) struct Ask {
    pub(super) key: Key,
    /// The configuration's tags of its answer.
    more_tags: Vec<String>,
    tags: OnceCell<Vec<String>>,
    pub(super) wishes: Wishes,
    /// It has credentials: only what is for everybody answers it, and nobody waits for it.
    pub(super) personal: bool,
    condition: Condition,
    is_get: bool,
}

/// What a request makes its answer depend on.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Condition {
    Nothing,
    /// What the client has: `If-None-Match` and the like, or a range.
    Held,
    /// `If-Match` or `If-Unmodified-Since`, which are the origin's to evaluate.
    State,
}

impl Condition {
    fn of(headers: &HeaderMap) -> Self {
        let has = |names: &[HeaderName]| names.iter().any(|name| headers.contains_key(name));
        if has(&[IF_MATCH, IF_UNMODIFIED_SINCE]) {
            Self::State
        } else if has(&[IF_NONE_MATCH, IF_MODIFIED_SINCE, RANGE]) {
            Self::Held
        } else {
            Self::Nothing
        }
    }
}

impl Ask {
    /// The error is the reason why the request goes past the cache. What is of the connection alone is removed first.
    pub(super) fn of(request: &mut ServiceRequest, configuration: &Configuration) -> Result<Self, &'static str> {
        for name in of_connection(request.headers()) {
            request.headers_mut().remove(name);
        }
        let (parts, payload) = request.parts_mut();
        let has_body = has_body(parts.headers(), payload);
        let headers = request.headers();
        let obstacles = [
            (has_body, "body"),
            (headers.contains_key(UPGRADE), "upgrade"),
            (headers.contains_key(COOKIE) && !configuration.cookies, "cookie"),
        ];
        if let Some((_, reason)) = obstacles.iter().find(|(is_there, _)| *is_there) {
            return Err(reason);
        }
        let key = Key::of(request, &configuration.declared)?;
        Ok(Self {
            key,
            more_tags: configuration.tags.as_ref().map(|tags| tags(request.head())).unwrap_or_default(),
            tags: OnceCell::new(),
            wishes: if configuration.rules.honours { Wishes::of(headers) } else { Wishes::default() },
            personal: headers.contains_key(AUTHORIZATION) || headers.contains_key(COOKIE),
            condition: Condition::of(headers),
            is_get: *request.method() == Method::GET,
        })
    }

    /// The tags of its answer. A hit has no use for them, and one is a hash.
    pub(super) fn tags(&self) -> &[String] {
        self.tags.get_or_init(|| [vec![self.key.tag()], self.more_tags.clone()].concat())
    }

    /// Leaves of the request what the key and `Vary` can tell apart.
    pub(super) fn impose(&self, request: &mut ServiceRequest, configuration: &Configuration) {
        self.key.impose(request);
        // Gateways make the same variable of `X_Forwarded_Host` and `X-Forwarded-Host`, of `Accept_Language` and
        // `Accept-Language`.
        let is_ambiguous = |name: &HeaderName| name.as_str().contains('_');
        let is_hidden =
            |name: &&HeaderName| (is_misleading(name) || is_ambiguous(name)) && !configuration.declared.contains(name);
        let hidden: Vec<_> = request.headers().keys().filter(is_hidden).cloned().collect();
        for name in hidden {
            request.headers_mut().remove(name);
        }
    }

    /// Whether the origin has to evaluate it, whatever is stored.
    pub(super) fn is_preconditioned(&self) -> bool {
        self.condition == Condition::State
    }

    /// Whether a stale answer serves in place of an error.
    pub(super) fn may_have_after_error(&self, found: &Found) -> bool {
        let serves = found.kept.terms.serves_after_error(found.resident);
        serves && !self.is_preconditioned() && self.may_have(&found.kept)
    }

    fn may_have(&self, kept: &Kept) -> bool {
        !self.personal || kept.terms.is_for_all()
    }

    /// How a stored answer serves.
    pub(super) fn usage(&self, found: &Found) -> Use {
        if self.is_preconditioned() || !self.may_have(&found.kept) {
            return Use::Validated;
        }
        found.kept.terms.usage(found.resident, &self.wishes)
    }

    /// Whether an answer to it may be stored.
    pub(super) fn stores(&self) -> bool {
        self.is_get && !self.wishes.no_store
    }

    /// Whether an answer to it may change what is stored, though it is not stored itself: a HEAD's.
    pub(super) fn updates(&self, seen: &Seen) -> bool {
        seen.selected.is_some() && !self.personal && !self.wishes.no_store
    }

    /// Whether it waits for a request that fetches the same.
    pub(super) fn follows(&self) -> bool {
        self.stores() && !self.personal && !self.is_preconditioned() && !self.wishes.validated
    }

    /// Whether others wait for it: a conditional one may bring back nothing that they could use, unless the cache has
    /// something to hold the condition against.
    pub(super) fn leads(&self, seen: &Seen) -> bool {
        seen.selected.is_some() || self.condition == Condition::Nothing
    }

    /// Whether what is stored answers it without the origin.
    pub(super) fn is_content_with(&self, found: &Found) -> bool {
        self.usage(found) == Use::Fresh
    }

    /// Whether the origin may be asked in the cache's own words.
    pub(super) fn is_for_cache(&self) -> bool {
        !self.is_preconditioned() && !self.personal
    }
}
