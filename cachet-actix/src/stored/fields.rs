//! The fields of a stored response, read once for all answers that are made of it.

use std::time::SystemTime;

use actix_web::http::header::{
    CONTENT_ENCODING, CONTENT_TYPE, ETAG, HeaderMap, HeaderName, HeaderValue, LAST_MODIFIED,
};

use crate::{
    coding::{Coding, MOST_CODINGS, is_worth_encoding},
    validators::{EntityTag, Validators, date},
};

#[derive(Debug)]
pub(super) struct Fields {
    all: Vec<(HeaderName, HeaderValue)>,
    tag: Option<EntityTag>,
    /// The tags of the body in each coding.
    coded: [Option<EntityTag>; MOST_CODINGS],
    /// The handler's own date, if it gave one, though it may be malformed.
    modified: Option<HeaderValue>,
    is_encodable: bool,
}

impl Fields {
    /// What a shared tier gave is not trusted: an impossible field is left out.
    pub(super) fn read(is_success: bool, stored: &[(String, Vec<u8>)], length: usize) -> Self {
        let possible = |(name, value): &(String, Vec<u8>)| {
            Some((HeaderName::from_bytes(name.as_bytes()).ok()?, HeaderValue::from_bytes(value).ok()?))
        };
        let all: Vec<_> = stored.iter().filter_map(possible).collect();
        let first = |name: HeaderName| all.iter().find(|(own, _)| *own == name).map(|(_, value)| value);
        let tag = first(ETAG).and_then(EntityTag::from_field);
        let content_type = first(CONTENT_TYPE).and_then(|value| value.to_str().ok());
        let is_plain = first(CONTENT_ENCODING).is_none();
        let is_encodable = is_success && is_plain && !Coding::ALL.is_empty() && is_worth_encoding(content_type, length);
        let mut coded = [const { None }; MOST_CODINGS];
        for coding in Coding::ALL {
            coded[coding.index()] = tag.as_ref().and_then(|tag| coding.tag(tag));
        }
        let modified = first(LAST_MODIFIED).cloned();
        Self { all, tag, coded, modified, is_encodable }
    }

    pub(super) fn write(&self, headers: &mut HeaderMap) {
        for (name, value) in &self.all {
            headers.append(name.clone(), value.clone());
        }
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
