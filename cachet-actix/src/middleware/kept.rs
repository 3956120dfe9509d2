//! A stored answer, and the list of those that belong to one URI.

use std::{
    sync::OnceLock,
    time::{Duration, SystemTime},
};

use actix_web::http::{
    StatusCode,
    header::{
        AGE, CONNECTION, DATE, ETAG, HeaderMap, HeaderName, HeaderValue, LAST_MODIFIED, PROXY_AUTHENTICATE,
        PROXY_AUTHORIZATION, TE, TRAILER, TRANSFER_ENCODING, UPGRADE,
    },
};
use bytes::Bytes;
use serde::{Deserialize, Serialize};

use super::policy::{Terms, second};
use crate::{
    counted::Counted,
    respond::goes_with_short,
    validators::{Validators, date},
};

/// Fields of one connection (RFC 9110 §7.6.1), and `Age`, which each answer has its own of.
const OF_MESSAGE: [HeaderName; 8] =
    [AGE, CONNECTION, PROXY_AUTHENTICATE, PROXY_AUTHORIZATION, TE, TRAILER, TRANSFER_ENCODING, UPGRADE];

/// The same where the library has no name for them.
const OF_MESSAGE_TOO: [&str; 3] = ["keep-alive", "proxy-connection", "proxy-authentication-info"];

/// What the tiers hold.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) enum Slot {
    /// The answers of one URI.
    Variants(Counted<Vec<Variant>>),
    /// One of them.
    Response(Counted<Kept>),
}

impl Slot {
    pub(super) fn keep(&self) -> Duration {
        match self {
            Self::Variants(variants) => variants.iter().map(|variant| variant.keep).max().unwrap_or_default(),
            Self::Response(kept) => kept.terms.keep(),
        }
    }

    pub(super) fn bytes(&self) -> usize {
        match self {
            Self::Variants(variants) => variants.iter().map(Variant::bytes).sum(),
            Self::Response(kept) => kept.bytes(),
        }
    }
}

/// What is known of one stored answer without reading it.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Variant {
    pub(super) id: u128,
    /// The fields that it varies on; `None` for one that matches no other request.
    pub(super) fields: Option<Vec<String>>,
    /// Of its request's values of those.
    pub(super) digest: String,
    /// The second of its `Date`: of two that match, the newer is taken.
    pub(super) made: u64,
    pub(super) etag: Option<Vec<u8>>,
    pub(super) keep: Duration,
}

impl Variant {
    fn bytes(&self) -> usize {
        let fields = self.fields.iter().flatten().map(String::len).sum::<usize>();
        size_of::<Self>() + fields + self.digest.len() + self.etag.as_ref().map_or(0, Vec::len)
    }
}

/// A stored answer.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Kept {
    status: u16,
    headers: Vec<(String, Vec<u8>)>,
    pub(super) body: Bytes,
    pub(super) terms: Terms,
    /// The fields, read once for all answers.
    #[serde(skip)]
    read: OnceLock<Read>,
}

#[derive(Clone, Debug)]
struct Read {
    fields: Vec<Field>,
    /// Its `Date`.
    made: Option<SystemTime>,
    validators: Validators,
    /// The same, where without a date of modification that of the answer itself has to do.
    dated: Validators,
}

#[derive(Clone, Debug)]
struct Field {
    name: HeaderName,
    value: HeaderValue,
    goes_with_short: bool,
}

impl Read {
    /// What a shared tier gave is not trusted: an impossible field is left out.
    fn of(stored: &[(String, Vec<u8>)]) -> Self {
        let possible = |(name, value): &(String, Vec<u8>)| {
            Some((HeaderName::from_bytes(name.as_bytes()).ok()?, HeaderValue::from_bytes(value).ok()?))
        };
        let headers: HeaderMap = stored.iter().filter_map(possible).collect();
        let has_tag = headers.contains_key(ETAG);
        let field = |(name, value): (&HeaderName, &HeaderValue)| Field {
            goes_with_short: goes_with_short(name, has_tag),
            name: name.clone(),
            value: value.clone(),
        };
        let validators = Validators::new().overridden_by(&headers);
        let made = headers.get(DATE).and_then(date);
        let dated = made
            .filter(|_| !headers.contains_key(LAST_MODIFIED))
            .map_or_else(|| validators.clone(), |made| validators.clone().modified(made));
        Self { fields: headers.iter().map(field).collect(), made, validators, dated }
    }
}

impl Kept {
    pub(super) fn new(status: StatusCode, headers: &HeaderMap, body: Bytes, terms: Terms) -> Self {
        let headers =
            headers.iter().map(|(name, value)| (name.as_str().to_owned(), value.as_bytes().to_vec())).collect();
        Self { status: status.as_u16(), headers, body, terms, read: OnceLock::new() }
    }

    /// What a shared tier gave is not trusted: an impossible status is a 500.
    pub(super) fn status(&self) -> StatusCode {
        StatusCode::from_u16(self.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
    }

    pub(super) fn headers(&self) -> HeaderMap {
        let mut headers = HeaderMap::with_capacity(self.headers.len());
        self.write(&mut headers);
        headers
    }

    /// The first line of a field.
    pub(super) fn field(&self, name: &HeaderName) -> Option<&HeaderValue> {
        self.read().fields.iter().find(|field| field.name == name).map(|field| &field.value)
    }

    pub(super) fn write(&self, headers: &mut HeaderMap) {
        for field in &self.read().fields {
            headers.append(field.name.clone(), field.value.clone());
        }
    }

    /// Writes what a 304 has of the fields.
    pub(super) fn write_short(&self, headers: &mut HeaderMap) {
        for field in self.read().fields.iter().filter(|field| field.goes_with_short) {
            headers.append(field.name.clone(), field.value.clone());
        }
    }

    /// Its validators, as it names them.
    pub(super) fn validators(&self) -> &Validators {
        &self.read().validators
    }

    /// When its origin made it, as it says.
    pub(super) fn made(&self) -> Option<SystemTime> {
        self.read().made
    }

    /// What a client's conditions are held against.
    pub(super) fn dated(&self) -> &Validators {
        &self.read().dated
    }

    fn read(&self) -> &Read {
        self.read.get_or_init(|| Read::of(&self.headers))
    }

    fn bytes(&self) -> usize {
        let headers = self.headers.iter().map(|(name, value)| name.len() + value.len()).sum::<usize>();
        size_of::<Self>() + headers + self.body.len()
    }

    /// Its place in the list.
    pub(super) fn variant(&self, id: u128, fields: Option<Vec<String>>, digest: String, now: SystemTime) -> Variant {
        let headers = self.headers();
        let etag = headers.get(ETAG).map(|tag| tag.as_bytes().to_vec());
        Variant { id, fields, digest, made: second(&headers, now), etag, keep: self.terms.keep() }
    }
}

/// Takes what is of one message out of an answer's fields, so that the rest may be stored (RFC 9111 §3.1).
pub(super) fn storable(headers: &HeaderMap) -> HeaderMap {
    let listed: Vec<_> =
        headers.get_all(CONNECTION).flat_map(|line| line.as_bytes().split(|&byte| byte == b',')).collect();
    let is_of_message = |name: &HeaderName| {
        OF_MESSAGE.contains(name)
            || OF_MESSAGE_TOO.contains(&name.as_str())
            || listed.iter().any(|listed| listed.trim_ascii().eq_ignore_ascii_case(name.as_str().as_bytes()))
    };
    let mut kept = HeaderMap::with_capacity(headers.len());
    for (name, value) in headers.iter().filter(|(name, _)| !is_of_message(name)) {
        kept.append(name.clone(), value.clone());
    }
    kept
}
