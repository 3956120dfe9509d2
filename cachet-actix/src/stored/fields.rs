//! The fields of a stored response, read once for all answers that are made of it.

use std::time::SystemTime;

use actix_web::http::header::{
    CONTENT_ENCODING, CONTENT_TYPE, ETAG, HeaderMap, HeaderName, HeaderValue, LAST_MODIFIED, VARY,
};

use super::named_by_vary;
use crate::{
    coding::{Coding, MOST_CODINGS, is_worth_encoding},
    respond::goes_with_short,
    validators::{EntityTag, Validators, date},
};

#[derive(Debug)]
pub(super) struct Fields {
    all: Vec<Field>,
    vary: Vec<HeaderName>,
    tag: Option<EntityTag>,
    /// The tags of the body in each coding.
    coded: [Option<EntityTag>; MOST_CODINGS],
    /// The handler's own date, if it gave one, though it may be malformed.
    modified: Option<HeaderValue>,
    is_encodable: bool,
}

#[derive(Debug)]
struct Field {
    name: HeaderName,
    value: HeaderValue,
    reach: Reach,
}

/// Into which answers a field goes as it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Reach {
    /// All of them.
    All,
    /// Those with a body.
    Whole,
    /// None: each is told anew.
    None,
}

/// Whom an answer is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Recipient {
    Anybody,
    /// A client that has the body.
    Holder,
}

impl Fields {
    /// What a shared tier gave is not trusted: an impossible field is left out.
    pub(super) fn read(is_success: bool, stored: &[(String, Vec<u8>)], length: usize) -> Self {
        let possible = |(name, value): &(String, Vec<u8>)| {
            Some((HeaderName::from_bytes(name.as_bytes()).ok()?, HeaderValue::from_bytes(value).ok()?))
        };
        let headers: HeaderMap = stored.iter().filter_map(possible).collect();
        let tag = headers.get(ETAG).and_then(EntityTag::from_field);
        let content_type = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok());
        let is_plain = !headers.contains_key(CONTENT_ENCODING);
        let is_encodable = is_success && is_plain && !Coding::ALL.is_empty() && is_worth_encoding(content_type, length);
        let mut coded = [const { None }; MOST_CODINGS];
        for coding in Coding::ALL {
            coded[coding.index()] = tag.as_ref().and_then(|tag| coding.tag(tag));
        }
        let has_tag = headers.contains_key(ETAG);
        let reach = |name: &HeaderName| {
            if *name == VARY || (*name == ETAG && is_success && tag.is_some()) {
                Reach::None
            } else if goes_with_short(name, has_tag) {
                Reach::All
            } else {
                Reach::Whole
            }
        };
        let all =
            headers.iter().map(|(name, value)| Field { name: name.clone(), value: value.clone(), reach: reach(name) });
        Self {
            all: all.collect(),
            vary: named_by_vary(&headers).collect(),
            coded,
            modified: headers.get(LAST_MODIFIED).cloned(),
            is_encodable,
            tag,
        }
    }

    pub(super) fn write(&self, headers: &mut HeaderMap) {
        for field in &self.all {
            headers.append(field.name.clone(), field.value.clone());
        }
    }

    /// Leaves out what answers tell anew, and what the recipient has.
    pub(super) fn write_to(&self, recipient: Recipient, headers: &mut HeaderMap) {
        let goes = |reach| reach == Reach::All || (reach == Reach::Whole && recipient == Recipient::Anybody);
        for field in self.all.iter().filter(|field| goes(field.reach)) {
            headers.append(field.name.clone(), field.value.clone());
        }
    }

    pub(super) fn has(&self, name: &HeaderName) -> bool {
        self.all.iter().any(|field| field.name == *name)
    }

    pub(super) fn vary(&self) -> &[HeaderName] {
        &self.vary
    }

    pub(super) fn is_encodable(&self) -> bool {
        self.is_encodable
    }

    /// The entity tag of the body in a coding.
    pub(super) fn tag(&self, coding: Option<Coding>) -> Option<&EntityTag> {
        coding.map_or(self.tag.as_ref(), |coding| self.coded[coding.index()].as_ref())
    }

    /// The validators of the body in a coding; without a date of its own, that of the load has to do.
    pub(super) fn validators(&self, coding: Option<Coding>, loaded: SystemTime) -> Validators {
        let mut validators = self.tag(coding).cloned().map_or_else(Validators::new, Validators::etag);
        if let Some(modified) = self.modified.as_ref().map_or(Some(loaded), date) {
            validators = validators.modified(modified);
        }
        if self.is_encodable { validators.by_coding() } else { validators }
    }
}
