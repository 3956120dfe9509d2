//! Reading: values and their tags' versions, in plain commands.

use std::{collections::HashMap, iter, time::Duration};

use bytes::Bytes;
use deadpool_redis::redis::{FromRedisValue, RedisError, RedisResult, Value, from_redis_value};
use foldhash::fast::RandomState;

use super::{
    RedisTier, fault_of,
    lanes::{Incarnation, Lanes, Reply},
    layout::{LONGEST_FENCE, Stored, is_fence, is_version},
    lease::distinct,
    script::Calls,
    tags::{Digest, any_fenced, digest_found},
};
use crate::tier::{Lookup, Read, StoredEntry, TierError};

/// An entry's key, as it was found.
struct Found {
    value: Option<Bytes>,
    /// Ms left, or a negative number for none and for no end.
    ttl: i64,
    incarnation: Incarnation,
}

/// What the versions of an entry's tags come to. Many entries have the same tags.
#[derive(Default)]
struct Tagged {
    /// `None` when a version is missing.
    digest: Option<Digest>,
    is_fenced: bool,
}

impl RedisTier {
    /// In a Cluster each read goes by itself: a master that is away is of no concern to reads of the others' keys.
    pub(super) async fn read(&self, lookup: Lookup) -> Result<Read, TierError> {
        let read = if self.lanes.is_cluster() {
            Box::pin(read_all(&self.lanes, &[lookup], self.longest)).await.map(|mut read| read.remove(0))
        } else {
            self.gathering.read(&self.lanes, lookup, self.longest).await
        };
        read.map_err(|error| fault_of("read", error))
    }

    pub(super) async fn read_many(&self, lookups: &[Lookup]) -> Result<Vec<Read>, TierError> {
        read_all(&self.lanes, lookups, self.longest).await.map_err(|error| fault_of("read", error))
    }
}

/// Reads several values in one exchange, at most so many bytes of each. The answers are in the lookups' order.
pub(super) async fn read_all(lanes: &Lanes, lookups: &[Lookup], longest: usize) -> RedisResult<Vec<Read>> {
    let mut tagged: HashMap<&[String], Tagged, RandomState> = HashMap::default();
    for lookup in lookups {
        tagged.entry(&lookup.tags).or_default();
    }
    let tags = distinct(tagged.keys().flat_map(|tags| tags.iter().map(String::as_str)));
    let mut calls = Calls::with_capacity(2 * lookups.len() + tags.len());
    for lookup in lookups {
        calls.time_of(&lookup.key);
        calls.bytes_of(&lookup.key, longest);
    }
    add_all(&mut calls, &tags);
    let mut replies = calls.send(lanes).await?.into_iter();
    let found: Vec<Found> = lookups.iter().map(|_| Found::next(&mut replies)).collect::<RedisResult<_>>()?;
    let versions: HashMap<&str, Option<Bytes>> = versions_in(&tags, replies)?.collect();
    for (tags, tagged) in &mut tagged {
        *tagged = Tagged::of(tags, &versions);
    }
    Ok(iter::zip(lookups, found).map(|(lookup, found)| found.judge(&tagged[&*lookup.tags])).collect())
}

/// Asks for tags' versions; [`versions_in`] reads the answer.
pub(super) fn add_all(calls: &mut Calls<'_>, tags: &[&str]) {
    for tag in tags {
        calls.bytes_of(tag, LONGEST_FENCE);
    }
}

pub(super) fn next_of<T: FromRedisValue>(
    replies: &mut impl Iterator<Item = Reply>,
) -> Result<(T, Incarnation), RedisError> {
    let reply = replies.next().unwrap_or(Reply { value: Ok(Value::Nil), incarnation: Incarnation::default() });
    Ok((from_redis_value(reply.value?)?, reply.incarnation))
}

/// What a key holds: nothing where it is empty, or of another program's type.
pub(super) fn next_bytes(
    replies: &mut impl Iterator<Item = Reply>,
) -> Result<(Option<Bytes>, Incarnation), RedisError> {
    let mut replies = replies.map(|reply| match reply.value {
        Err(error) if error.code() == Some("WRONGTYPE") => Reply { value: Ok(Value::Nil), ..reply },
        value => Reply { value, ..reply },
    });
    let (bytes, incarnation): (Option<Bytes>, _) = next_of(&mut replies)?;
    Ok((bytes.filter(|bytes| !bytes.is_empty()), incarnation))
}

/// Who: a failover that lost the removal of a tag's version. When: its entries are on another master, which lost
/// nothing. What stops them from being alive again: a version of another life of its server is as good as none.
pub(super) fn versions_in<'t>(
    tags: &[&'t str],
    mut replies: impl Iterator<Item = Reply>,
) -> Result<impl Iterator<Item = (&'t str, Option<Bytes>)>, RedisError> {
    let mut versions = Vec::with_capacity(tags.len());
    for tag in tags {
        let (found, incarnation) = next_bytes(&mut replies)?;
        let counts = |found: &Bytes| is_fence(found) || (is_version(found) && found.starts_with(&incarnation));
        versions.push((*tag, found.filter(counts)));
    }
    Ok(versions.into_iter())
}

/// The digest of the versions that were found of a lookup's tags; `None` when one is missing.
pub(super) fn digest_in(versions: &HashMap<&str, Option<Bytes>>, lookup: &Lookup) -> Option<Digest> {
    digest_found(&lookup.tags, &versions_of(versions, &lookup.tags))
}

fn versions_of(versions: &HashMap<&str, Option<Bytes>>, tags: &[String]) -> Vec<Option<Bytes>> {
    tags.iter().map(|tag| versions.get(tag.as_str()).cloned()?).collect()
}

impl Tagged {
    fn of(tags: &[String], versions: &HashMap<&str, Option<Bytes>>) -> Self {
        let versions = versions_of(versions, tags);
        Self { digest: digest_found(tags, &versions), is_fenced: any_fenced(&versions) }
    }
}

/// Reads bytes as what an entry's key holds, in the life of the server and under the tags that it names.
#[cfg(feature = "testing")]
pub(super) fn read_untrusted(bytes: Bytes) -> Read {
    let incarnation = bytes.get(1..).and_then(<[u8]>::first_chunk).copied().unwrap_or_default();
    let digest = match Stored::parse(bytes.clone()) {
        Stored::Value { tags, .. } => Some(tags),
        _ => None,
    };
    Found { value: Some(bytes), ttl: 60_000, incarnation }.judge(&Tagged { digest, is_fenced: false })
}

/// Reads a reply as each that a read is answered with. Says who made something of it.
#[cfg(feature = "testing")]
pub(super) fn read_untrusted_replies(reply: &Value) -> Option<&'static str> {
    let replies = || iter::repeat_with(|| Reply { value: reply.clone().extract_error(), incarnation: *b"8371445e" });
    let versions: Option<HashMap<_, _>> = versions_in(&["tag"], replies()).ok().map(Iterator::collect);
    let time = Reply { value: Ok(Value::Int(60_000)), incarnation: *b"8371445e" };
    let found = Found::next(&mut iter::once(time).chain(replies().take(1)));
    let read = found.map(|found| found.judge(&Tagged::of(&["tag".to_owned()], &versions.unwrap_or_default())));
    let _ = Found::next(&mut replies().take(2));
    read.is_ok_and(|read| matches!(read, Read::Miss { dead: Some(_) })).then_some("value")
}

/// What `PTTL` says of a key that is not there.
const ABSENT: i64 = -2;

impl Found {
    fn next(replies: &mut impl Iterator<Item = Reply>) -> RedisResult<Self> {
        let (ttl, _) = next_of(replies)?;
        let (value, incarnation) = next_bytes(replies)?;
        Ok(Self { value, ttl, incarnation })
    }

    /// Who: a fill. When: between the two commands that read a key's time and its value, in this order. What stops the
    /// value from being given a time that is another's: a value that came since has most of its own left, and is given no
    /// more than that; the time of what was there before is not more than it has. In the other order an old value could
    /// have its successor's time.
    fn judge(self, tagged: &Tagged) -> Read {
        let kept = Duration::from_millis(u64::try_from(self.ttl).unwrap_or_default());
        match self.value.map(Stored::parse) {
            Some(Stored::Value { id, tags, entry })
                if id.0.starts_with(&self.incarnation) && tagged.digest == Some(tags) && !kept.is_zero() =>
            {
                let kept = kept.min(entry.lifetime + entry.grace);
                let (remaining, stale_for) = (kept.saturating_sub(entry.grace), entry.grace.saturating_sub(kept));
                Read::Hit(StoredEntry { id, tags, entry, remaining, stale_for })
            }
            Some(Stored::Fence) if self.ttl >= 0 => Read::Fenced,
            // Whatever else the key holds, a load would not be stored; another's under way will not be either.
            _ if tagged.is_fenced => Read::Fenced,
            // It has just come, and is read once more.
            Some(Stored::Value { .. }) if self.ttl == ABSENT => Read::Leased,
            Some(Stored::Lease) => Read::Leased,
            Some(Stored::Value { id, .. } | Stored::Foreign { id }) => Read::Miss { dead: Some(id) },
            None | Some(Stored::Fence) => Read::Miss { dead: None },
        }
    }
}
