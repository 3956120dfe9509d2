//! Validators (RFC 9110 §8.8): what tells one state of a resource from another.

mod date;
mod entity_tag;
mod evaluate;

use std::time::{Duration, SystemTime};

use actix_web::http::header::{ETAG, HeaderMap, HeaderValue, LAST_MODIFIED};
use cachet_core::{Cached, Validator};

pub(crate) use self::date::{date, second};
use self::date::{http_date, whole_seconds};
pub(crate) use self::entity_tag::Comparison;
pub use self::entity_tag::EntityTag;
use self::entity_tag::Tag;
pub(crate) use self::evaluate::{Conditions, Verdict, evaluate, reads};
use crate::coding::Coding;

/// The validators of a resource's current state (RFC 9110 §8.8): an entity tag, a time of modification, both or none.
///
/// ```
/// use std::time::SystemTime;
/// use cachet_actix::{EntityTag, Validators};
///
/// let version = 42_u64;
/// let strong = Validators::etag(version).modified(SystemTime::UNIX_EPOCH);
/// let weak = Validators::etag(EntityTag::weak("draft-7"));
/// # assert_ne!(strong, weak);
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Validators {
    absent: bool,
    etag: Option<EntityTag>,
    modified: Option<SystemTime>,
    /// Whether each coding of the content has a tag that is evaluated by itself.
    by_coding: bool,
}

impl Validators {
    /// A resource that exists, of whose state nothing is known; `If-Match: *` holds for it, and no tag does.
    pub fn new() -> Self {
        Self::default()
    }

    /// A resource that has no current representation: `If-None-Match: *` holds for it, so a client can ask to create
    /// and never to overwrite.
    pub fn absent() -> Self {
        Self { absent: true, ..Self::default() }
    }

    /// A resource whose state has this entity tag: a version number, a hash, or an [`EntityTag`] for a weak one.
    pub fn etag(tag: impl Into<EntityTag>) -> Self {
        Self { etag: Some(tag.into()), ..Self::default() }
    }

    /// Adds when the state came about.
    ///
    /// `Last-Modified` is sent once that is at least a whole second ago: until then another change in the same second
    /// would share the date (RFC 9110 §8.8.2.2). So it is also never later than `Date` (§8.8.2.1).
    #[must_use]
    pub fn modified(mut self, at: SystemTime) -> Self {
        self.modified = Some(at);
        self
    }

    /// The tag is of one coding of the content, and the others are asked for by themselves.
    pub(crate) fn by_coding(mut self) -> Self {
        self.by_coding = true;
        self
    }

    /// The validators of the content in one of its codings, or as it is.
    pub(crate) fn in_coding(mut self, coding: Option<Coding>) -> Self {
        if let Some(coding) = coding {
            self.etag = self.etag.and_then(|tag| coding.tag(&tag));
        }
        self.by_coding()
    }

    /// Whether a client's tag names this state.
    pub(crate) fn is_named_by(&self, listed: Tag<'_>, comparison: Comparison) -> bool {
        self.etag.as_ref().map(EntityTag::tag).is_some_and(|ours| {
            if self.by_coding { listed.equals(ours, comparison) } else { listed.names(ours, comparison) }
        })
    }

    pub(crate) fn tag(&self) -> Option<&EntityTag> {
        self.etag.as_ref()
    }

    pub(crate) fn is_absent(&self) -> bool {
        self.absent
    }

    /// The second of the last modification, where it can tell two states apart at `now`.
    pub(crate) fn last_modified(&self, now: SystemTime) -> Option<u64> {
        let modified = whole_seconds(self.modified?)?;
        (modified < whole_seconds(now)?).then_some(modified)
    }

    /// Whether the state is so young that its date cannot tell it from another of the same second.
    pub(crate) fn is_unsettled(&self, now: SystemTime) -> bool {
        self.modified.is_some() && self.last_modified(now).is_none()
    }

    /// `Date` of an answer that was made so long ago; never earlier than `Last-Modified`, which another node's clock may
    /// have told.
    pub(crate) fn made(&self, age: Duration, now: SystemTime) -> Option<HeaderValue> {
        let made = whole_seconds(now.checked_sub(age)?)?;
        http_date(self.last_modified(now).map_or(made, |modified| made.max(modified)))
    }

    /// Writes `ETag` and `Last-Modified`. A date of the handler's own that is later than `Date` is left out (RFC 9110
    /// §8.8.2.1): no client could hold it against anything.
    pub(crate) fn write(&self, headers: &mut HeaderMap, now: SystemTime) {
        if let Some(tag) = &self.etag {
            headers.insert(ETAG, tag.as_header_value().clone());
        }
        if let Some(date) = self.last_modified(now).and_then(http_date) {
            headers.insert(LAST_MODIFIED, date);
        } else if headers.get(LAST_MODIFIED).and_then(date).is_some_and(|own| own > now) {
            headers.remove(LAST_MODIFIED);
        }
    }

    /// Writes what a 304 has of them: `Last-Modified` only where there is no entity tag (RFC 9110 §15.4.5).
    pub(crate) fn write_one(&self, headers: &mut HeaderMap, now: SystemTime) {
        match &self.etag {
            Some(tag) => drop(headers.insert(ETAG, tag.as_header_value().clone())),
            None => self.write(headers, now),
        }
    }

    /// The validators that a response's own fields name; those that it lacks are taken from `self`.
    pub(crate) fn overridden_by(mut self, headers: &HeaderMap) -> Self {
        if let Some(own) = headers.get(ETAG) {
            self.etag = EntityTag::from_field(own);
        }
        if let Some(own) = headers.get(LAST_MODIFIED) {
            self.modified = date(own);
        }
        self
    }
}

impl From<EntityTag> for Validators {
    fn from(tag: EntityTag) -> Self {
        Self::etag(tag)
    }
}

impl From<Validator> for Validators {
    fn from(hash: Validator) -> Self {
        Self::etag(hash)
    }
}

impl<T> From<&Cached<T>> for Validators {
    /// The entry's content hash, where its value has one, and the time of its load.
    fn from(entry: &Cached<T>) -> Self {
        let etag = entry.validator().map(EntityTag::from);
        Self { absent: false, etag, modified: Some(entry.modified()), by_coding: false }
    }
}

#[cfg(test)]
mod tests {
    use std::time::UNIX_EPOCH;

    use super::{date::YEAR_10000, *};

    /// So many milliseconds after some second.
    fn after(millis: u64) -> SystemTime {
        UNIX_EPOCH + Duration::from_hours(1000) + Duration::from_millis(millis)
    }

    #[test]
    fn last_modified_waits_for_the_second_to_end() {
        let validators = Validators::new().modified(after(200));
        assert_eq!(validators.last_modified(after(900)), None, "the same second");
        assert_eq!(validators.last_modified(after(1000)), Some(3_600_000), "the next one");
        assert_eq!(validators.last_modified(after(0) - Duration::from_secs(5)), None, "never later than Date");
    }

    #[test]
    fn an_answer_is_as_old_as_its_date_says_and_no_older_than_its_state() {
        let made = |age| {
            let validators = Validators::new().modified(after(500));
            validators.made(Duration::from_secs(age), after(10_000)).as_ref().and_then(date)
        };
        assert_eq!(made(0), Some(after(10_000)));
        assert_eq!(made(7), Some(after(3_000)));
        assert_eq!(made(60), Some(after(0)), "the clock that told when it was modified runs ahead");
    }

    #[test]
    fn times_that_http_has_no_date_for_are_left_out() {
        let year_10000 = UNIX_EPOCH + Duration::from_secs(YEAR_10000);
        for time in [UNIX_EPOCH - Duration::from_secs(1), year_10000] {
            let mut headers = HeaderMap::new();
            Validators::new().modified(time).write(&mut headers, year_10000 - Duration::from_secs(1));
            assert!(headers.is_empty());
        }
    }

    #[test]
    fn a_date_of_the_handlers_own_is_not_later_than_that_of_the_message() {
        for (now, is_there) in [(after(0), true), (after(0) - Duration::from_secs(1), false)] {
            let mut headers = HeaderMap::new();
            headers.insert(LAST_MODIFIED, http_date(3_600_000).expect("a date"));
            Validators::new().write(&mut headers, now);
            assert_eq!(headers.contains_key(LAST_MODIFIED), is_there);
        }
    }

    #[test]
    fn a_handlers_own_validators_come_first() {
        let mut headers = HeaderMap::new();
        headers.insert(ETAG, HeaderValue::from_static("W/\"own\""));
        let validators = Validators::etag("ours").modified(after(0)).overridden_by(&headers);
        assert_eq!(validators, Validators::etag(EntityTag::weak("own")).modified(after(0)));
    }
}
