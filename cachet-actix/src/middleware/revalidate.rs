//! Asking the origin whether what is stored still holds, and which of it a 304 is about (RFC 9111 §4.3).

use actix_web::http::header::{
    ACCEPT_ENCODING, CONTENT_ENCODING, ETAG, HeaderMap, HeaderName, HeaderValue, IF_MODIFIED_SINCE, IF_NONE_MATCH,
    IF_RANGE, LAST_MODIFIED, RANGE,
};

use super::{
    kept::{Kept, Variant},
    resources::{Found, Seen},
    vary,
};
use crate::{
    coding::Accepted,
    validators::{Comparison, EntityTag},
};

/// What a client makes its answer depend on, and the cache evaluates.
const CONDITIONS: [HeaderName; 4] = [IF_NONE_MATCH, IF_MODIFIED_SINCE, RANGE, IF_RANGE];

/// What a 304 is about.
pub(super) enum Named {
    /// This answer: it is as good as new.
    Found(Found),
    /// The one answer that was asked about, though the 304 has another tag: it answers this request, and is stored as it
    /// was (RFC 9111 §4.3.4).
    Unnamed(Found),
    /// Nothing that was asked about, or nobody can tell what of it.
    Nothing,
}

/// Makes a request one for the whole answer, whatever the client has.
pub(super) fn ask_for_all(request: &mut HeaderMap) {
    for name in CONDITIONS {
        request.remove(name);
    }
}

/// Puts the cache's own conditions in the place of the client's, which are held against the outcome.
pub(super) fn ask_for_news(request: &mut HeaderMap, seen: &Seen) -> bool {
    let tags: Vec<_> = seen.asked_about().filter_map(|found| found.kept.field(&ETAG)).collect();
    let modified = seen.selected.as_ref().and_then(|found| found.kept.field(&LAST_MODIFIED));
    if seen.selected.is_some() || !tags.is_empty() {
        ask_for_all(request);
    }
    let list = tags.iter().map(|tag| tag.as_bytes()).collect::<Vec<_>>().join(&b", "[..]);
    if let Some(list) = HeaderValue::from_bytes(&list).ok().filter(|list| !list.is_empty()) {
        request.insert(IF_NONE_MATCH, list);
    }
    let has_conditions = !tags.is_empty() || modified.is_some();
    if let Some(modified) = modified {
        request.insert(IF_MODIFIED_SINCE, modified.clone());
    }
    has_conditions
}

/// Whether an answer that belongs to another request may be worth asking about: only a strong tag tells answers to one
/// URI apart, a weak one may be all of theirs (RFC 9110 §8.8.1).
pub(super) fn is_told_apart(variant: &Variant) -> bool {
    variant.etag.as_deref().is_some_and(|tag| tag.starts_with(b"\""))
}

/// Whether an answer is in a coding that a request could be answered in. Not every strong tag is one: what encodes behind
/// a handler may leave the handler's tag on each coding, so the origin's word is not enough.
pub(super) fn is_in_coding_for(kept: &Kept, request: &HeaderMap) -> bool {
    let (headers, accepted) = (kept.headers(), Accepted::of(request));
    let lines: Option<Vec<_>> = headers.get_all(CONTENT_ENCODING).map(|line| line.to_str().ok()).collect();
    let Some(lines) = lines else { return false };
    let mut codings =
        lines.iter().flat_map(|line| line.split(',')).map(str::trim).filter(|coding| !coding.is_empty()).peekable();
    if codings.peek().is_none() {
        // Who takes a coding would have the plain body from then on.
        return !(accepted.any() && varies_by_coding(&headers));
    }
    codings.all(|coding| accepted.takes(coding))
}

fn varies_by_coding(headers: &HeaderMap) -> bool {
    vary::fields(headers).is_none_or(|fields| fields.iter().any(|field| field == ACCEPT_ENCODING.as_str()))
}

impl Seen {
    /// The answers that the origin may say still hold: the one that belongs to the request, and those that are told apart
    /// from it.
    fn asked_about(&self) -> impl Iterator<Item = &Found> {
        self.selected.iter().chain(&self.others)
    }

    /// What a 304 with this tag is about (RFC 9111 §4.3.4).
    pub(super) fn named_by(&self, tag: Option<&HeaderValue>) -> Named {
        let selected = self.selected.as_ref();
        let named = match tag {
            // What encodes an answer weakens its tag, and not that of the 304.
            Some(tag) => selected
                .filter(|found| has_tag(found, tag, Comparison::Weak))
                .or_else(|| self.others.iter().find(|found| has_tag(found, tag, Comparison::Strong))),
            None => selected.filter(|_| self.others.is_empty()),
        };
        match (named, selected) {
            (Some(found), _) => Named::Found(found.clone()),
            (None, Some(found)) if self.others.is_empty() => Named::Unnamed(found.clone()),
            (None, _) => Named::Nothing,
        }
    }
}

fn has_tag(found: &Found, tag: &HeaderValue, comparison: Comparison) -> bool {
    let is_same = |stored: &HeaderValue| match (EntityTag::from_field(stored), EntityTag::from_field(tag)) {
        (Some(stored), Some(tag)) => stored.tag().equals(tag.tag(), comparison),
        // A tag that is none is at least the same text.
        _ => stored == tag,
    };
    found.kept.field(&ETAG).is_some_and(is_same)
}
