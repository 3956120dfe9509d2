//! Reading: values and their tags' versions, in plain commands.

use std::{collections::HashMap, time::Duration};

use bytes::Bytes;
use deadpool_redis::redis::{FromRedisValue, RedisError, Value, from_redis_value};

use super::{
    RedisTier,
    lanes::{Incarnation, Reply},
    layout::{Stored, is_fence},
    lease::{distinct, distinct_tags},
    script::Calls,
    tags::{Digest, any_fenced, digest_found},
};
use crate::tier::{Lookup, Read, StoredEntry, TierError};

/// An entry's key and its tags' keys, as they were found.
struct Found {
    value: Option<Bytes>,
    /// Ms left, or a negative number for none and for no end.
    ttl: i64,
    versions: Vec<Option<Bytes>>,
}

impl RedisTier {
    pub(super) async fn read(&self, lookup: &Lookup) -> Result<Read, TierError> {
        let tags: Vec<&str> = lookup.tags.iter().map(String::as_str).collect();
        let groups = self.lanes.groups(&tags);
        let mut calls = Calls::default();
        calls.command("PTTL").arg(&*lookup.key);
        calls.command("GET").arg(&*lookup.key);
        add_all(&mut calls, &groups);
        self.exchange("read", &calls, |replies| {
            let mut replies = replies.into_iter();
            let (ttl, _) = next_of(&mut replies)?;
            let (value, incarnation) = next_of(&mut replies)?;
            let found: Vec<_> = versions_in(&groups, replies)?.collect();
            // They are few.
            let version_of = |tag: &String| found.iter().find(|(found, _)| found == tag)?.1.clone();
            let versions = lookup.tags.iter().map(version_of).collect();
            Ok(Found { value, ttl, versions }.judge(lookup, incarnation))
        })
        .await
    }

    pub(super) async fn read_many(&self, lookups: &[Lookup]) -> Result<Vec<Read>, TierError> {
        let keys = distinct(lookups.iter().map(|lookup| &*lookup.key));
        let (keys, tags) = (self.lanes.groups(&keys), self.lanes.groups(&distinct_tags(lookups.iter())));
        let mut calls = Calls::default();
        for lookup in lookups {
            calls.command("PTTL").arg(&*lookup.key);
        }
        add_all(&mut calls, &keys);
        add_all(&mut calls, &tags);
        self.exchange("read", &calls, |replies| {
            let mut replies = replies.into_iter();
            let ttls: Vec<(i64, _)> = lookups.iter().map(|_| next_of(&mut replies)).collect::<Result<_, _>>()?;
            let mut values: HashMap<&str, (Option<Bytes>, Incarnation)> = HashMap::new();
            for group in &keys {
                let (found, incarnation): (Vec<Option<Bytes>>, _) = next_of(&mut replies)?;
                values.extend(group.iter().copied().zip(found.into_iter().map(|value| (value, incarnation))));
            }
            let versions: HashMap<&str, Option<Bytes>> = versions_in(&tags, replies)?.collect();
            let read = lookups.iter().zip(ttls).map(|(lookup, (ttl, _))| {
                let (value, incarnation) = values.get(&*lookup.key).cloned().unwrap_or_default();
                Found { value, ttl, versions: versions_of(&versions, lookup) }.judge(lookup, incarnation)
            });
            Ok(read.collect())
        })
        .await
    }
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
    digest_found(&lookup.tags, &versions_of(versions, lookup))
}

fn versions_of(versions: &HashMap<&str, Option<Bytes>>, lookup: &Lookup) -> Vec<Option<Bytes>> {
    lookup.tags.iter().map(|tag| versions.get(tag.as_str()).cloned()?).collect()
}

/// What `PTTL` says of a key that is not there.
const ABSENT: i64 = -2;

impl Found {
    /// Who: a fill. When: between the two commands that read a key's time and its value, in this order. What stops the
    /// value from being given a time that is another's: a value that came since has most of its own left, and is given no
    /// more than that; the time of what was there before is not more than it has. In the other order an old value could
    /// have its successor's time.
    fn judge(self, lookup: &Lookup, incarnation: Incarnation) -> Read {
        let kept = Duration::from_millis(u64::try_from(self.ttl).unwrap_or_default());
        match self.value.map(Stored::parse) {
            Some(Stored::Value { id, tags, entry })
                if id.0.starts_with(&incarnation)
                    && digest_found(&lookup.tags, &self.versions) == Some(tags)
                    && !kept.is_zero() =>
            {
                let kept = kept.min(entry.lifetime + entry.grace);
                let (remaining, stale_for) = (kept.saturating_sub(entry.grace), entry.grace.saturating_sub(kept));
                Read::Hit(StoredEntry { id, entry, remaining, stale_for })
            }
            Some(Stored::Fence) if self.ttl >= 0 => Read::Fenced,
            // Whatever else the key holds, a load would not be stored; another's under way will not be either.
            _ if any_fenced(&self.versions) => Read::Fenced,
            // It has just come, and is read once more.
            Some(Stored::Value { .. }) if self.ttl == ABSENT => Read::Leased,
            Some(Stored::Lease) => Read::Leased,
            Some(Stored::Value { id, .. } | Stored::Foreign { id }) => Read::Miss { dead: Some(id) },
            None | Some(Stored::Fence) => Read::Miss { dead: None },
        }
    }
}
