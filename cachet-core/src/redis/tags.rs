//! Tags: their versions, and the digest of them that an entry carries.
//!
//! A tag's version is a token in a key of its own; no version ever comes again. While the tag is fenced there is none.

use std::time::Duration;

use bytes::Bytes;
use deadpool_redis::redis::Value;

use super::{
    config::Lives,
    fence::FENCED,
    layout::is_fence,
    script::{Calls, MADE, Program, incarnation, left, millis, nonce},
};

/// A tag's version outlives every entry that may carry it by being renewed whenever a load reads it; should it end
/// early all the same, entries are missed, never wrongly served.
const TAG_LIFETIME: Duration = Duration::from_hours(7 * 24);

/// KEYS: tags. ARGV: nonce, lifetime in ms. Answers the versions; an absent tag gets one that never was before, a fenced
/// tag none but the ms that are left of its fence.
const TAG_VERSIONS: &str = "
local versions = redis.call('MGET', unpack(KEYS))
for at, key in ipairs(KEYS) do
  local version = versions[at]
  local left = version and string.sub(version, 1, 1) == 'F' and fenced(key)
  if left then
    versions[at] = left
  elseif not version or #version ~= 32 or string.sub(version, 1, 8) ~= incarnation then
    versions[at] = made(ARGV[1])
    redis.call('SET', key, versions[at], 'PX', ARGV[2])
  else
    redis.call('PEXPIRE', key, ARGV[2])
  end
end
return versions
";

pub(super) type Digest = [u8; 16];

/// A tag as a load finds it.
#[derive(Clone, Debug)]
pub(super) enum Version {
    Current(Bytes),
    Fenced(Duration),
}

#[derive(Debug)]
pub(super) struct Tags(Program);

impl Tags {
    pub(super) fn new(lives: Lives) -> Self {
        Self(Program::new(&[incarnation(lives), MADE, FENCED, TAG_VERSIONS]))
    }

    /// The versions that a load begins with, of tags in one slot; [`Version::list`] reads the answer.
    pub(super) fn add_versions<'a>(&'a self, calls: &mut Calls<'a>, tags: &[&str]) {
        calls.add(&self.0, tags).arg(nonce()).arg(millis(TAG_LIFETIME));
    }
}

impl Version {
    pub(super) fn list(answer: Value) -> Vec<Self> {
        match answer {
            Value::Array(versions) => versions.into_iter().map(Self::of).collect(),
            _ => Vec::new(),
        }
    }

    /// What is no version permits no load to be stored.
    fn of(answer: Value) -> Self {
        match answer {
            Value::BulkString(version) => Self::Current(version.into()),
            Value::Int(millis) => Self::Fenced(left(millis)),
            _ => Self::Fenced(Duration::ZERO),
        }
    }
}

/// The digest that an entry is stored with, or for how long no load of it is.
pub(super) fn digest_of(tags: &[String], versions: &[Version]) -> Result<Digest, Duration> {
    let fences = versions.iter().filter_map(|version| match version {
        Version::Fenced(left) => Some(*left),
        Version::Current(_) => None,
    });
    if let Some(longest) = fences.max() {
        return Err(longest);
    }
    let current = versions.iter().filter_map(|version| match version {
        Version::Current(version) => Some(&version[..]),
        Version::Fenced(_) => None,
    });
    // Should a version be missing in the answer, the load is not stored.
    digest(tags, current).ok_or(Duration::ZERO)
}

/// The digest of the versions that a reader finds; `None` when one is missing.
pub(super) fn digest_found(tags: &[String], versions: &[Option<Bytes>]) -> Option<Digest> {
    digest(tags, versions.iter().flatten().map(|version| &version[..]))
}

pub(super) fn any_fenced(versions: &[Option<Bytes>]) -> bool {
    versions.iter().flatten().any(|version| is_fence(version))
}

fn digest<'a>(tags: &[String], mut versions: impl Iterator<Item = &'a [u8]>) -> Option<Digest> {
    let mut hasher = blake3::Hasher::new();
    for tag in tags {
        for part in [tag.as_bytes(), versions.next()?] {
            hasher.update(&(part.len() as u64).to_le_bytes());
            hasher.update(part);
        }
    }
    let mut digest = [0; 16];
    hasher.finalize_xof().fill(&mut digest);
    Some(digest)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tags() -> [String; 2] {
        ["a", "b"].map(str::to_owned)
    }

    fn found(versions: [&'static str; 2]) -> [Option<Bytes>; 2] {
        versions.map(|version| Some(Bytes::from_static(version.as_bytes())))
    }

    fn current(version: &'static str) -> Version {
        Version::Current(Bytes::from_static(version.as_bytes()))
    }

    #[test]
    fn an_entry_is_stored_with_the_digest_that_a_reader_finds() {
        let stored = digest_of(&tags(), &[current("1"), current("2")]);
        assert_eq!(stored.ok(), digest_found(&tags(), &found(["1", "2"])));
        assert_ne!(stored.ok(), digest_found(&tags(), &found(["1", "3"])));
        assert_ne!(stored.ok(), digest_found(&tags(), &found(["12", ""])));
        assert_eq!(digest_found(&tags(), &[None, Some(Bytes::from_static(b"2"))]), None);
    }

    #[test]
    fn a_fenced_or_missing_version_permits_no_load_to_be_stored() {
        let fences = [Version::Fenced(Duration::from_secs(1)), Version::Fenced(Duration::from_secs(2))];
        assert_eq!(digest_of(&tags(), &fences), Err(Duration::from_secs(2)));
        assert_eq!(digest_of(&tags(), &[current("1")]), Err(Duration::ZERO));
        let malformed = Version::list(Value::Array(vec![Value::Nil, Value::Okay]));
        assert_eq!(digest_of(&tags(), &malformed), Err(Duration::ZERO));
        assert!(Version::list(Value::Okay).is_empty());
    }
}
