//! The evaluation of preconditions (RFC 9110 §13), as pure functions.

use std::time::SystemTime;

use actix_web::http::{Method, header::HeaderValue};

use super::{
    Validators,
    entity_tag::{Comparison, Member, Members},
    second,
};

/// The conditional fields of a request. A field that is not there is empty; so is a date that is to be ignored.
#[derive(Clone, Debug, Default)]
#[expect(clippy::struct_field_names, reason = "they are called as the fields are")]
pub(crate) struct Conditions {
    pub(crate) if_match: Vec<HeaderValue>,
    pub(crate) if_none_match: Vec<HeaderValue>,
    pub(crate) if_modified_since: Option<SystemTime>,
    pub(crate) if_unmodified_since: Option<SystemTime>,
}

/// What becomes of the request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// The method is performed.
    Perform,
    /// 304: the client has the current representation.
    NotModified,
    /// 412: the method is not performed.
    Failed,
}

/// The order of RFC 9110 §13.2.2, without `If-Range`.
pub(crate) fn evaluate(method: &Method, conditions: &Conditions, current: &Validators, now: SystemTime) -> Verdict {
    if ignores_preconditions(method) {
        return Verdict::Perform;
    }
    let reads = reads(method);
    if fails(conditions, current, now) {
        Verdict::Failed
    } else if !conditions.if_none_match.is_empty() {
        match (if_none_match(&conditions.if_none_match, current), reads) {
            (true, _) => Verdict::Perform,
            (false, true) => Verdict::NotModified,
            (false, false) => Verdict::Failed,
        }
    } else if reads && !if_modified_since(conditions.if_modified_since, current, now) {
        Verdict::NotModified
    } else {
        Verdict::Perform
    }
}

/// Whether the method only reads the selected representation, so that a 304 can answer it.
pub(crate) fn reads(method: &Method) -> bool {
    matches!(*method, Method::GET | Method::HEAD)
}

/// Methods that do not select a representation (RFC 9110 §13.2.1).
fn ignores_preconditions(method: &Method) -> bool {
    matches!(*method, Method::OPTIONS | Method::TRACE | Method::CONNECT)
}

/// The first half: `If-Match`, else `If-Unmodified-Since`.
fn fails(conditions: &Conditions, current: &Validators, now: SystemTime) -> bool {
    if conditions.if_match.is_empty() {
        !if_unmodified_since(conditions.if_unmodified_since, current, now)
    } else {
        !if_match(&conditions.if_match, current)
    }
}

/// RFC 9110 §13.1.1.
fn if_match(lines: &[HeaderValue], current: &Validators) -> bool {
    lists(lines, current, Comparison::Strong)
}

/// RFC 9110 §13.1.2.
fn if_none_match(lines: &[HeaderValue], current: &Validators) -> bool {
    !lists(lines, current, Comparison::Weak)
}

/// RFC 9110 §13.1.3. Without a date on either side the field is ignored.
fn if_modified_since(date: Option<SystemTime>, current: &Validators, now: SystemTime) -> bool {
    match (current.last_modified(now), date) {
        (Some(modified), Some(date)) => second(modified) > date,
        _ => true,
    }
}

/// RFC 9110 §13.1.4. Without a date on either side the field is ignored; of a state that came about in this very second
/// no client holds a date that tells it from its predecessor, so the client means an older one.
fn if_unmodified_since(date: Option<SystemTime>, current: &Validators, now: SystemTime) -> bool {
    match (current.last_modified(now), date) {
        (Some(modified), Some(date)) => second(modified) <= date,
        (None, Some(_)) => !current.is_unsettled(now),
        (_, None) => true,
    }
}

/// Whether a list names the current representation. Malformed members name none, and `*` means something only where it
/// stands alone.
fn lists(lines: &[HeaderValue], current: &Validators, comparison: Comparison) -> bool {
    let (mut any, mut others) = (false, false);
    for member in members(lines).filter(|_| !current.is_absent()) {
        match member {
            Member::Tag(listed) if current.is_named_by(listed, comparison) => return true,
            Member::Any => any = true,
            Member::Tag(_) | Member::Malformed => others = true,
        }
    }
    any && !others
}

fn members(lines: &[HeaderValue]) -> impl Iterator<Item = Member<'_>> {
    lines.iter().flat_map(Members::of)
}

#[cfg(test)]
mod tests;
