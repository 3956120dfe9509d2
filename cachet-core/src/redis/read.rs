//! Reading: values and their tags' versions, in plain commands.

use std::{collections::HashMap, time::Duration};

use bytes::Bytes;
use deadpool_redis::redis::{self, RedisError, Value, from_redis_value};

use super::{
    RedisTier,
    lanes::Incarnation,
    layout::Stored,
    lease::distinct_tags,
    tags::{any_fenced, digest_found},
};
use crate::{
    tier::{Lookup, MAX_BATCH, Read, StoredEntry, TierError},
    without::{Rule, without},
};

/// An entry's key and its tags' keys, as they were found.
struct Found {
    value: Option<Bytes>,
    /// Ms left, or a negative number for none and for no end.
    ttl: i64,
    versions: Vec<Option<Bytes>>,
}

impl RedisTier {
    pub(super) async fn read(&self, lookup: &Lookup) -> Result<Read, TierError> {
        self.exchange("read", |mut lane| async move {
            let mut pipeline = redis::pipe();
            pipeline.get(&*lookup.key).pttl(&*lookup.key).mget(&*lookup.tags);
            let (value, ttl, versions) = pipeline.query_async(&mut lane.connection).await?;
            Ok(Found { value, ttl, versions }.judge(lookup, lane.incarnation))
        })
        .await
    }

    pub(super) async fn read_many(&self, lookups: &[Lookup]) -> Result<Vec<Read>, TierError> {
        if lookups.is_empty() {
            return Ok(Vec::new());
        }
        let tags = distinct_tags(lookups.iter());
        let keys: Vec<&str> = lookups.iter().map(|lookup| &*lookup.key).collect();
        let mut pipeline = redis::pipe();
        pipeline.mget(&keys);
        for key in keys {
            pipeline.pttl(key);
        }
        for some in tags.chunks(MAX_BATCH) {
            pipeline.mget(some);
        }
        self.exchange("read", |mut lane| async move {
            let answers = pipeline.query_async(&mut lane.connection).await?;
            let found = found_of(answers, lookups, &tags)?;
            Ok(found.into_iter().zip(lookups).map(|(found, lookup)| found.judge(lookup, lane.incarnation)).collect())
        })
        .await
    }
}

/// Sorts the answers of a batch by lookup.
fn found_of(answers: Vec<Value>, lookups: &[Lookup], tags: &[&str]) -> Result<Vec<Found>, RedisError> {
    let mut answers = answers.into_iter();
    let values: Vec<Option<Bytes>> = from_redis_value(answers.next().unwrap_or(Value::Nil))?;
    let ttls: Vec<i64> = answers.by_ref().take(lookups.len()).map(from_redis_value).collect::<Result<_, _>>()?;
    let mut current: Vec<Option<Bytes>> = Vec::with_capacity(tags.len());
    for some in answers {
        current.append(&mut from_redis_value(some)?);
    }
    let versions: HashMap<&str, Option<Bytes>> = tags.iter().copied().zip(current).collect();
    let versions_of = |lookup: &Lookup| lookup.tags.iter().map(|tag| versions.get(tag.as_str()).cloned()?).collect();
    let found = lookups.iter().zip(values).zip(ttls);
    Ok(found.map(|((lookup, value), ttl)| Found { value, ttl, versions: versions_of(lookup) }).collect())
}

impl Found {
    fn judge(self, lookup: &Lookup, incarnation: Incarnation) -> Read {
        let kept = Duration::from_millis(u64::try_from(self.ttl).unwrap_or_default());
        match self.value.map(Stored::parse) {
            Some(Stored::Value { id, tags, entry })
                if (id.0.starts_with(&incarnation) || without(Rule::Incarnation))
                    && digest_found(&lookup.tags, &self.versions) == Some(tags)
                    && !kept.is_zero() =>
            {
                let (remaining, stale_for) = (kept.saturating_sub(entry.grace), entry.grace.saturating_sub(kept));
                Read::Hit(StoredEntry { id, entry, remaining, stale_for })
            }
            Some(Stored::Fence) if self.ttl >= 0 => Read::Fenced,
            // Whatever else the key holds, a load would not be stored; another's under way will not be either.
            _ if any_fenced(&self.versions) => Read::Fenced,
            Some(Stored::Lease) => Read::Leased,
            Some(Stored::Value { id, .. } | Stored::Foreign { id }) => Read::Miss { dead: Some(id) },
            None | Some(Stored::Fence) => Read::Miss { dead: None },
        }
    }
}
