//! What stands under a key.
//!
//! | bytes of an entry | lease | value |
//! |---|---|---|
//! | 0 | `L` | `V` |
//! | 1–32 | token | id of the fill: the token it was allowed by |
//! | 33 | `W` once somebody waits for the load | version of this layout, 4 |
//! | 34–46 | | until when a refresh is under way, in ms since 1970, as decimal digits; the digit 0 for none |
//! | 47–78 | | the token of that refresh; the digit 0 for none |
//! | 79–86 | | lifetime in ms |
//! | 87–94 | | for how long it is kept after that, in ms |
//! | 95–102 | | time of the load, in seconds since 1970 |
//! | 103–110 | | how long the load took, in µs |
//! | 111–126 | | validator, or zeros |
//! | 127–142 | | digest of the tags' versions |
//! | 143– | | encoded value |
//!
//! Numbers are little-endian. A tag's key holds its version, made like a token. Either key may hold a fence instead:
//!
//! | bytes of a fence | |
//! |---|---|
//! | 0 | `F` |
//! | then, for each writer, 16 | the writer |
//! | and 13 | when its time is over by the server's clock, in ms since 1970, as decimal digits |
//!
//! The key itself ends with the last writer's time; a fence that would never end was not written by us. Whatever else
//! stands there is not ours either, and may be overwritten.

use std::time::{Duration, SystemTime};

use bytes::{Buf, Bytes};

use crate::{
    tier::{EntryId, NewEntry},
    validator::Validator,
};

const VERSION: u8 = 4;
const ID_END: usize = 33;
pub(super) const HEAD: usize = 143;

/// The length of a lease. The scripts write it.
const LEASE: usize = 34;

/// No refresh under way. The scripts write it too.
const NO_REFRESH: &[u8; 13 + 32] = &[b'0'; 13 + 32];

/// A writer of a fence, and the end of its time. The scripts know it too.
const WRITER: usize = 29;

/// The longest fence that the scripts make, of 1024 writers, and so the most bytes of a tag's key.
pub(super) const LONGEST_FENCE: usize = 1 + 1024 * WRITER;

/// The longest lifetime that a header can claim; what claims more was not written by us.
const MAX_LIFETIME: Duration = Duration::from_hours(100 * 365 * 24);

pub(super) enum Stored {
    Lease,
    Fence,
    Value {
        id: EntryId,
        tags: [u8; 16],
        entry: NewEntry,
    },
    /// Bytes that are no entry of ours; their beginning serves as the id to overwrite them by.
    Foreign {
        id: EntryId,
    },
}

pub(super) fn write(id: EntryId, tags: &[u8; 16], entry: &NewEntry) -> Vec<u8> {
    let since_1970 = entry.modified.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    let mut bytes = Vec::with_capacity(HEAD + entry.body.len());
    bytes.push(b'V');
    bytes.extend_from_slice(&id.0);
    bytes.push(VERSION);
    bytes.extend_from_slice(NO_REFRESH);
    bytes.extend_from_slice(&number(entry.lifetime.as_millis()));
    bytes.extend_from_slice(&number(entry.grace.as_millis()));
    bytes.extend_from_slice(&since_1970.as_secs().to_le_bytes());
    bytes.extend_from_slice(&number(entry.load_time.as_micros()));
    bytes.extend_from_slice(&entry.validator.map_or([0; 16], Validator::to_bytes));
    bytes.extend_from_slice(tags);
    bytes.extend_from_slice(&entry.body);
    bytes
}

/// The most bytes of an entry's key, if no body is longer than that.
pub(super) fn longest(body: usize) -> usize {
    body.saturating_add(HEAD).max(LONGEST_FENCE)
}

fn number(value: u128) -> [u8; 8] {
    u64::try_from(value).unwrap_or(u64::MAX).to_le_bytes()
}

/// Whether bytes under the key of an entry or a tag are a fence, which a tag's version never is.
pub(super) fn is_fence(bytes: &[u8]) -> bool {
    matches!(bytes, [b'F', writers @ ..] if !writers.is_empty() && writers.len().is_multiple_of(WRITER))
}

/// Whether bytes may be a tag's version, of whatever life of its server.
pub(super) fn is_version(bytes: &[u8]) -> bool {
    bytes.len() == size_of::<EntryId>()
}

impl Stored {
    pub(super) fn parse(bytes: Bytes) -> Self {
        if bytes.len() == LEASE && bytes[0] == b'L' {
            return Self::Lease;
        }
        if is_fence(&bytes) {
            return Self::Fence;
        }
        let mut id = [0; 32];
        let known = bytes.len().clamp(1, ID_END);
        id[..known - 1].copy_from_slice(bytes.get(1..known).unwrap_or_default());
        let id = EntryId(id);
        Self::value(id, bytes).unwrap_or(Self::Foreign { id })
    }

    fn value(id: EntryId, mut bytes: Bytes) -> Option<Self> {
        if bytes.len() < HEAD || bytes[0] != b'V' || bytes[ID_END] != VERSION {
            return None;
        }
        bytes.advance(ID_END + 1 + NO_REFRESH.len());
        let lifetime = Duration::from_millis(bytes.get_u64_le());
        let grace = Duration::from_millis(bytes.get_u64_le());
        let loaded = Duration::from_secs(bytes.get_u64_le());
        let load_time = Duration::from_micros(bytes.get_u64_le());
        let (mut validator, mut tags) = ([0; 16], [0; 16]);
        bytes.copy_to_slice(&mut validator);
        bytes.copy_to_slice(&mut tags);
        let modified = SystemTime::UNIX_EPOCH.checked_add(loaded).filter(|_| loaded < MAX_LIFETIME)?;
        let validator = (validator != [0; 16]).then(|| Validator::from_bytes(validator));
        (lifetime.max(grace) < MAX_LIFETIME).then_some(Self::Value {
            id,
            tags,
            entry: NewEntry { lifetime, grace, load_time, modified, validator, body: bytes },
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry() -> NewEntry {
        NewEntry {
            lifetime: Duration::from_mins(1),
            grace: Duration::from_secs(7),
            load_time: Duration::from_millis(12),
            modified: SystemTime::UNIX_EPOCH + Duration::from_secs(1_700_000_000),
            validator: Some(Validator::of_bytes(b"x")),
            body: Bytes::from_static(b"body"),
        }
    }

    #[test]
    fn what_is_written_is_read() {
        let id = EntryId(*b"0123456789abcdef0123456789abcdef");
        let bytes = write(id, &[7; 16], &entry());
        let Stored::Value { id: read, tags, entry: parsed } = Stored::parse(bytes.into()) else {
            panic!("it is a value");
        };
        assert_eq!((read, tags), (id, [7; 16]));
        assert_eq!((parsed.lifetime, parsed.grace), (entry().lifetime, entry().grace));
        assert_eq!(parsed.load_time, entry().load_time);
        assert_eq!(parsed.modified, entry().modified);
        assert_eq!(parsed.validator, entry().validator);
        assert_eq!(parsed.body, entry().body);
    }

    #[test]
    fn a_fence_is_one_or_several_whole_writers() {
        for writers in 1..4 {
            let fence = [b"F".as_slice(), &vec![0xEE; writers * WRITER]].concat();
            assert!(matches!(Stored::parse(fence.clone().into()), Stored::Fence), "{writers}");
            for malformed in [&fence[..fence.len() - 1], &fence[1..], &[&fence[..], b"0"].concat()] {
                assert!(matches!(Stored::parse(malformed.to_vec().into()), Stored::Foreign { .. }), "{writers}");
            }
        }
        assert!(matches!(Stored::parse(Bytes::from_static(b"F")), Stored::Foreign { .. }), "nobody holds it");
        assert!(!is_fence(b""));
        assert!(!is_fence(b"8371445e0123456789a0192f3c4d00abc"), "a tag's version");
    }

    #[test]
    fn no_bytes_make_it_panic() {
        let whole = write(EntryId([b'a'; 32]), &[0; 16], &entry());
        for end in 0..whole.len() {
            assert!(matches!(
                Stored::parse(whole[..end].to_vec().into()),
                Stored::Foreign { .. } | Stored::Value { .. }
            ));
        }
        for byte in 0..=u8::MAX {
            for length in [1, 2, 33, 34, 142, 143, 144, 200] {
                Stored::parse(vec![byte; length].into());
            }
        }
        for at in 0..HEAD {
            let mut damaged = whole.clone();
            damaged[at] = 0xFF;
            Stored::parse(damaged.into());
        }
    }
}
