//! Reading: values and their tags' versions, in plain commands.

use std::{collections::HashMap, iter, time::Duration};

use bytes::Bytes;
use deadpool_redis::redis::{FromRedisValue, RedisError, RedisResult, Value, from_redis_value};
use foldhash::fast::RandomState;

use super::{
    RedisTier, fault_of,
    lanes::{Incarnation, Lanes, Reply},
    layout::{Stored, is_fence},
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
            Box::pin(read_all(&self.lanes, &[lookup])).await.map(|mut read| read.remove(0))
        } else {
            self.gathering.read(&self.lanes, lookup).await
        };
        read.map_err(|error| fault_of("read", error))
    }

    pub(super) async fn read_many(&self, lookups: &[Lookup]) -> Result<Vec<Read>, TierError> {
        read_all(&self.lanes, lookups).await.map_err(|error| fault_of("read", error))
    }
}

/// Reads several values in one exchange. The answers are in the lookups' order.
pub(super) async fn read_all(lanes: &Lanes, lookups: &[Lookup]) -> RedisResult<Vec<Read>> {
    let keys: Vec<&str> = lookups.iter().map(|lookup| &*lookup.key).collect();
    let groups = lanes.places(&keys);
    let mut tagged: HashMap<&[String], Tagged, RandomState> = HashMap::default();
    for lookup in lookups {
        tagged.entry(&lookup.tags).or_default();
    }
    let tags = lanes.groups(&distinct(tagged.keys().flat_map(|tags| tags.iter().map(String::as_str))));
    let mut calls = Calls::with_capacity(keys.len() + groups.len() + tags.len());
    for key in &keys {
        calls.keyed("PTTL", iter::once(*key));
    }
    for group in &groups {
        calls.keyed("MGET", group.iter().map(|at| keys[*at]));
    }
    add_all(&mut calls, &tags);
    let mut replies = calls.send(lanes).await?.into_iter();
    let found = found_in(&groups, keys.len(), &mut replies)?;
    let versions: HashMap<&str, Option<Bytes>> = versions_in(&tags, replies)?.collect();
    for (tags, tagged) in &mut tagged {
        *tagged = Tagged::of(tags, &versions);
    }
    Ok(iter::zip(lookups, found).map(|(lookup, found)| found.judge(&tagged[&*lookup.tags])).collect())
}

/// Puts times and values in their places.
fn found_in(
    groups: &[Vec<usize>],
    count: usize,
    replies: &mut impl Iterator<Item = Reply>,
) -> Result<Vec<Found>, RedisError> {
    let mut found = Vec::with_capacity(count);
    for _ in 0..count {
        let (ttl, incarnation) = next_of(replies)?;
        found.push(Found { value: None, ttl, incarnation });
    }
    for group in groups {
        let (values, incarnation): (Vec<Option<Bytes>>, _) = next_of(replies)?;
        for (at, value) in iter::zip(group, values) {
            found[*at] = Found { value, incarnation, ..found[*at] };
        }
    }
    Ok(found)
}

pub(super) fn add_all(calls: &mut Calls<'_>, groups: &[Vec<&str>]) {
    for group in groups {
        calls.command("MGET").arg(group);
    }
}

pub(super) fn next_of<T: FromRedisValue>(
    replies: &mut impl Iterator<Item = Reply>,
) -> Result<(T, Incarnation), RedisError> {
    let reply = replies.next().unwrap_or(Reply { value: Ok(Value::Nil), incarnation: Incarnation::default() });
    Ok((from_redis_value(reply.value?)?, reply.incarnation))
}

/// Who: a failover that lost the removal of a tag's version. When: its entries are on another master, which lost
/// nothing. What stops them from being alive again: a version of another life of its server is as good as none.
pub(super) fn versions_in<'t>(
    groups: &[Vec<&'t str>],
    mut replies: impl Iterator<Item = Reply>,
) -> Result<impl Iterator<Item = (&'t str, Option<Bytes>)>, RedisError> {
    let mut versions = Vec::new();
    for group in groups {
        let (found, incarnation): (Vec<Option<Bytes>>, _) = next_of(&mut replies)?;
        let counts = |version: &Bytes| is_fence(version) || version.starts_with(&incarnation);
        versions.extend(group.iter().copied().zip(found.into_iter().map(|version| version.filter(counts))));
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

/// What `PTTL` says of a key that is not there.
const ABSENT: i64 = -2;

impl Found {
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
