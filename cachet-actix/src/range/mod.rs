//! `Range` and `If-Range` (RFC 9110 §14.2, §13.1.5), as pure functions over a body of known length.

mod answer;

use std::{ops::Range, time::SystemTime};

use actix_web::http::{
    Method,
    header::{ACCEPT_ENCODING, HeaderMap, HeaderValue, IF_RANGE, RANGE},
};

pub(crate) use self::answer::{apply, cut};
use crate::validators::{Comparison, EntityTag, Validators, date, second};

/// A request for more ranges than this gets the whole: many small ones are an attack or a mistake (RFC 9110 §17.15).
const MOST_RANGES: usize = 16;

/// What a GET says about ranges.
#[derive(Clone, Debug)]
pub(crate) struct RangeRequest {
    range: HeaderValue,
    if_range: Vec<HeaderValue>,
    accepts_codings: bool,
}

/// What of a representation is sent. Positions are octets; the end is not part of the range.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Selection {
    Whole,
    Part(Range<u64>),
    NotSatisfiable,
}

impl RangeRequest {
    /// `None` for another method than GET, without the field, and where it is there twice.
    pub(crate) fn read(method: &Method, headers: &HeaderMap) -> Option<Self> {
        let mut lines = headers.get_all(RANGE);
        let range = lines.next().filter(|_| lines.len() == 0 && *method == Method::GET)?.clone();
        let if_range = headers.get_all(IF_RANGE).cloned().collect();
        Some(Self { range, if_range, accepts_codings: accepts_codings(headers) })
    }

    /// Whether the client accepts a content coding, so that what stands between may encode the answer.
    pub(crate) fn accepts_codings(&self) -> bool {
        self.accepts_codings
    }

    /// What of a representation with these validators and this length is asked for.
    pub(crate) fn select(&self, current: &Validators, length: u64, now: SystemTime) -> Selection {
        match Spec::read_set(&self.range) {
            Some(specs) if self.is_of(current, now) => satisfy(&specs, length),
            _ => Selection::Whole,
        }
    }

    /// RFC 9110 §13.1.5: the strong comparison, or exactly our date.
    fn is_of(&self, current: &Validators, now: SystemTime) -> bool {
        let [field] = &self.if_range[..] else { return self.if_range.is_empty() };
        match (EntityTag::from_field(field), current.tag()) {
            (Some(listed), Some(tag)) => listed.tag().equals(tag.tag(), Comparison::Strong),
            (Some(_), None) => false,
            (None, _) => date(field).is_some_and(|date| current.last_modified(now).map(second) == Some(date)),
        }
    }
}

/// Whether any coding but `identity` is accepted (RFC 9110 §12.5.3).
fn accepts_codings(headers: &HeaderMap) -> bool {
    let accepts = |member: &str| {
        let (coding, weight) = member.split_once(';').unwrap_or((member, ""));
        let coding = coding.trim_ascii();
        let refused = weight.trim_ascii().split_once('=').is_some_and(|(_, q)| q.trim_ascii().parse() == Ok(0.0_f32));
        !coding.is_empty() && !coding.eq_ignore_ascii_case("identity") && !refused
    };
    headers.get_all(ACCEPT_ENCODING).any(|line| line.to_str().is_ok_and(|line| line.split(',').any(accepts)))
}

/// One member of a `Range` (RFC 9110 §14.1.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Spec {
    From(u64),
    Within(u64, u64),
    Suffix(u64),
}

impl Spec {
    /// The members of a field of the unit `bytes`; `None` for another unit, for too many members, and if any of them is
    /// invalid: then the whole set is (§14.1.1), and the field is ignored.
    fn read_set(field: &HeaderValue) -> Option<Vec<Self>> {
        let (unit, set) = field.to_str().ok()?.split_once('=')?;
        let members = set.split(',').map(str::trim_ascii).filter(|member| !member.is_empty());
        let specs: Vec<_> = members.take(MOST_RANGES + 1).map(Self::read).collect::<Option<_>>()?;
        let is_read = unit.eq_ignore_ascii_case("bytes") && (1..=MOST_RANGES).contains(&specs.len());
        is_read.then_some(specs)
    }

    fn read(text: &str) -> Option<Self> {
        match text.split_once('-')? {
            ("", length) => Some(Self::Suffix(position(length)?)),
            (first, "") => Some(Self::From(position(first)?)),
            (first, last) => {
                let (first, last) = (position(first)?, position(last)?);
                (first <= last).then_some(Self::Within(first, last))
            }
        }
    }

    /// The octets that there are of it.
    fn satisfied(self, length: u64) -> Option<Range<u64>> {
        match self {
            Self::From(first) => (first < length).then_some(first..length),
            Self::Within(first, last) => (first < length).then(|| first..last.saturating_add(1).min(length)),
            Self::Suffix(suffix) => (suffix > 0).then(|| length.saturating_sub(suffix)..length),
        }
    }
}

/// A number of any size: one beyond every body's end is as good as the largest (RFC 9110 §14.1.2).
fn position(text: &str) -> Option<u64> {
    let is_number = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    is_number.then(|| text.parse().unwrap_or(u64::MAX))
}

/// Ranges that overlap or touch are one (RFC 9110 §15.3.7.2). Where more than one remains the whole is sent: the
/// clients that ask for several are few, and parts in several bodies cost both sides more than they save.
fn satisfy(specs: &[Spec], length: u64) -> Selection {
    let mut ranges: Vec<_> = specs.iter().filter_map(|spec| spec.satisfied(length)).collect();
    ranges.sort_unstable_by_key(|range| range.start);
    let Some(first) = ranges.first().cloned() else { return Selection::NotSatisfiable };
    let joined = ranges
        .into_iter()
        .try_fold(first, |joined, range| (range.start <= joined.end).then(|| joined.start..joined.end.max(range.end)));
    // An empty representation has a last so many octets, and no field can say which.
    joined.filter(|part| !part.is_empty()).map_or(Selection::Whole, Selection::Part)
}

#[cfg(test)]
mod tests;
