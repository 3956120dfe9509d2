//! Leases: taking one, storing by it, giving it back.

use std::{
    collections::{BTreeSet, HashMap},
    time::Duration,
};

use deadpool_redis::redis::{RedisError, ScriptInvocation, Value};

use super::{
    RedisTier,
    fence::{CLOCK, FENCED},
    layout,
    script::{Calls, MADE, Program, TELL, left, millis, nonce},
    tags::{self, Digest, Version},
};
use crate::{
    tier::{Acquired, EntryId, Lease, Lookup, MAX_BATCH, NewEntry, TierError},
    without::{Rule, without},
};

/// KEYS: entry. ARGV: nonce, lease in ms, id of a dead entry or ''.
/// Answers {1, token} granted, {2, ms left} held, {3, ms left} fenced, {0} filled.
const ACQUIRE: &str = "
local head = redis.call('GETRANGE', KEYS[1], 0, 32)
local kind, id = string.sub(head, 1, 1), string.sub(head, 2, 33)
local ours = string.sub(id, 1, 8) == incarnation
local left = kind == 'F' and fenced(KEYS[1])
if left then return {3, left} end
if kind == 'L' and ours then
  redis.call('SETRANGE', KEYS[1], 33, 'W')
  return {2, redis.call('PTTL', KEYS[1])}
end
if kind == 'V' and ours and id ~= ARGV[3] then return {0} end
local token = made(ARGV[1])
redis.call('SET', KEYS[1], 'L' .. token .. '0', 'PX', ARGV[2])
return {1, token}
";

/// KEYS: entry. ARGV: nonce, lease in ms, id of the stale entry. The answers are those of *acquire*.
const REFRESH: &str = "
local head = redis.call('GETRANGE', KEYS[1], 0, 46)
local kind, id = string.sub(head, 1, 1), string.sub(head, 2, 33)
local left = kind == 'F' and fenced(KEYS[1])
if left then return {3, left} end
if kind ~= 'V' or string.sub(id, 1, 8) ~= incarnation or id ~= ARGV[3] then return {0} end
local busy = (tonumber(string.sub(head, 35, 47)) or 0) - clock()
if busy > 0 then return {2, busy} end
local token = made(ARGV[1])
redis.call('SETRANGE', KEYS[1], 1, token)
redis.call('SETRANGE', KEYS[1], 34, string.format('%013d', clock() + ARGV[2]))
return {1, token}
";

/// KEYS: entry. ARGV: token, value, ms until it is removed, channel, node. Told only to those who wait.
const FILL: &str = "
local head = redis.call('GETRANGE', KEYS[1], 0, 33)
local lease, waited = string.sub(head, 1, 33), string.sub(head, 34) == 'W'
if lease ~= 'L' .. ARGV[1] and lease ~= 'V' .. ARGV[1] then return 0 end
redis.call('SET', KEYS[1], ARGV[2], 'PX', ARGV[3])
if waited then tell('F') end
return 1
";

/// What *fill* would be without the lease.
const STORE: &str = "
redis.call('SET', KEYS[1], ARGV[2], 'PX', ARGV[3])
return 1
";

/// KEYS: entry. ARGV: token, ms.
const RENEW: &str = "
local head = redis.call('GETRANGE', KEYS[1], 0, 46)
local lease, refreshed = string.sub(head, 1, 33), string.sub(head, 35, 47)
if lease == 'L' .. ARGV[1] then return redis.call('PEXPIRE', KEYS[1], ARGV[2]) end
if lease ~= 'V' .. ARGV[1] or refreshed == '0000000000000' then return 0 end
redis.call('SETRANGE', KEYS[1], 34, string.format('%013d', clock() + ARGV[2]))
return 1
";

/// KEYS: entry. ARGV: token, channel, node. Told only to those who wait.
const RELEASE: &str = "
local head = redis.call('GETRANGE', KEYS[1], 0, 33)
local waited = string.sub(head, 34) == 'W'
head = string.sub(head, 1, 33)
if head == 'L' .. ARGV[1] then
  redis.call('DEL', KEYS[1])
  if waited then tell('F') end
  return 1
end
if head ~= 'V' .. ARGV[1] then return 0 end
redis.call('SETRANGE', KEYS[1], 34, '0000000000000')
return 1
";

#[derive(Debug)]
pub(super) struct Leases {
    acquire: Program,
    refresh: Program,
    fill: Program,
    renew: Program,
    release: Program,
}

/// The answer of *acquire*, before the tags have their say.
enum Answer {
    Granted(EntryId),
    Held(Duration),
    Fenced(Duration),
    Filled,
}

/// An entry's answer and its tags' put together, and the lease that was granted all the same.
struct Settled {
    answer: Acquired,
    surplus: Option<EntryId>,
}

impl Leases {
    pub(super) fn new() -> Self {
        Self {
            acquire: Program::new(&[MADE, FENCED, ACQUIRE]),
            refresh: Program::new(&[MADE, FENCED, CLOCK, REFRESH]),
            fill: Program::new(&[TELL, if without(Rule::Lease) { STORE } else { FILL }]),
            renew: Program::new(&[CLOCK, RENEW]),
            release: Program::new(&[TELL, RELEASE]),
        }
    }
}

impl RedisTier {
    pub(super) async fn acquire(
        &self,
        lookup: &Lookup,
        lease: Duration,
        dead: Option<EntryId>,
    ) -> Result<Acquired, TierError> {
        let mut acquire = self.leases.acquire.call();
        acquire.arg(nonce()).arg(millis(lease)).arg(id_or_nothing(dead.as_ref()));
        self.take("acquire", acquire, lookup).await
    }

    pub(super) async fn refresh(
        &self,
        lookup: &Lookup,
        lease: Duration,
        stale: EntryId,
    ) -> Result<Acquired, TierError> {
        let mut refresh = self.leases.refresh.call();
        refresh.arg(nonce()).arg(millis(lease)).arg(&stale.0[..]);
        self.take("refresh", refresh, lookup).await
    }

    /// Takes a lease of one kind or the other.
    async fn take(
        &self,
        operation: &'static str,
        mut script: ScriptInvocation<'_>,
        lookup: &Lookup,
    ) -> Result<Acquired, TierError> {
        script.key(&*lookup.key);
        self.exchange(operation, |lane| async move {
            // Two commands at once on one connection: one round trip. The versions are read before the load begins,
            // which is all that matters of their order.
            let (mut first, mut second) = (lane.connection.clone(), lane.connection);
            let (answer, versions) =
                tokio::try_join!(script.invoke_async(&mut first), self.tags.versions(&mut second, &lookup.tags))?;
            let settled = Settled::of(Answer::of(&answer), tags::digest_of(&lookup.tags, &versions));
            if let Some(token) = settled.surplus {
                let mut release = self.leases.release.call();
                self.tell(release.key(&*lookup.key).arg(&token.0[..])).invoke_async::<()>(&mut first).await?;
            }
            Ok(settled.answer)
        })
        .await
    }

    pub(super) async fn acquire_many(
        &self,
        wanted: &[(Lookup, Option<EntryId>)],
        lease: Duration,
    ) -> Result<Vec<Acquired>, TierError> {
        let tags = distinct_tags(wanted.iter().map(|(lookup, _)| lookup));
        let mut calls = Calls::default();
        for (lookup, dead) in wanted {
            let call = calls.add(&self.leases.acquire, &[&lookup.key]);
            call.arg(nonce()).arg(millis(lease)).arg(id_or_nothing(dead.as_ref()));
        }
        for some in tags.chunks(MAX_BATCH) {
            self.tags.add_versions(&mut calls, some);
        }
        self.exchange("acquire", |mut lane| async move {
            let mut answers = calls.send(&mut lane.connection).await?.into_iter();
            let entries: Vec<_> =
                answers.by_ref().take(wanted.len()).map(|answer| answer.map(|value| Answer::of(&value))).collect();
            let granted = surplus_of(wanted, entries.iter().map(|answer| answer.as_ref().ok().and_then(Answer::token)));
            let settled = match settle(wanted, entries, &tags, answers) {
                Ok(settled) => settled,
                Err(error) => {
                    // One key's failure is the batch's, so nobody would know of the others' leases.
                    self.release_all(&granted).send(&mut lane.connection).await?;
                    return Err(error);
                }
            };
            let surplus = surplus_of(wanted, settled.iter().map(|settled| settled.surplus));
            if !surplus.is_empty() {
                self.release_all(&surplus).carry_out(&mut lane.connection).await?;
            }
            Ok(settled.into_iter().map(|settled| settled.answer).collect())
        })
        .await
    }

    fn release_all(&self, leases: &[(&str, EntryId)]) -> Calls<'_> {
        let mut calls = Calls::default();
        for (key, token) in leases {
            let call = calls.add(&self.leases.release, &[key]).arg(&token.0[..]);
            self.tell_too(call);
        }
        calls
    }

    pub(super) async fn fill(&self, lookup: &Lookup, lease: Lease, entry: &NewEntry) -> Result<bool, TierError> {
        let value = layout::write(lease.token, &lease.tags, entry);
        let mut fill = self.leases.fill.call();
        fill.key(&*lookup.key).arg(&lease.token.0[..]).arg(value).arg(millis(entry.lifetime + entry.grace));
        self.tell(&mut fill);
        self.exchange("fill", |mut lane| async move { fill.invoke_async(&mut lane.connection).await }).await
    }

    pub(super) async fn fill_many(&self, fills: &[(Lookup, Lease, NewEntry)]) -> Result<Vec<bool>, TierError> {
        let mut calls = Calls::default();
        for (lookup, lease, entry) in fills {
            let value = layout::write(lease.token, &lease.tags, entry);
            let call = calls.add(&self.leases.fill, &[&lookup.key]);
            call.arg(&lease.token.0[..]).arg(value).arg(millis(entry.lifetime + entry.grace));
            self.tell_too(call);
        }
        self.exchange("fill", |mut lane| async move {
            let answers = calls.send(&mut lane.connection).await?;
            answers.into_iter().map(|answer| Ok(matches!(answer?, Value::Int(1)))).collect()
        })
        .await
    }

    pub(super) async fn renew(&self, lookup: &Lookup, lease: Lease, time: Duration) -> Result<bool, TierError> {
        let mut renew = self.leases.renew.call();
        renew.key(&*lookup.key).arg(&lease.token.0[..]).arg(millis(time));
        self.exchange("renew", |mut lane| async move { renew.invoke_async(&mut lane.connection).await }).await
    }

    pub(super) async fn release(&self, lookup: &Lookup, lease: Lease) -> Result<bool, TierError> {
        let mut release = self.leases.release.call();
        self.tell(release.key(&*lookup.key).arg(&lease.token.0[..]));
        self.exchange("release", |mut lane| async move { release.invoke_async(&mut lane.connection).await }).await
    }
}

impl Answer {
    fn of(answer: &Value) -> Self {
        let Value::Array(answer) = answer else { return Self::Filled };
        match &answer[..] {
            [Value::Int(1), Value::BulkString(token)] => match token.as_slice().try_into() {
                Ok(token) => Self::Granted(EntryId(token)),
                Err(_) => Self::Filled,
            },
            [Value::Int(2), Value::Int(millis)] => Self::Held(left(*millis)),
            [Value::Int(3), Value::Int(millis)] => Self::Fenced(left(*millis)),
            _ => Self::Filled,
        }
    }

    fn token(&self) -> Option<EntryId> {
        if let Self::Granted(token) = self { Some(*token) } else { None }
    }
}

impl Settled {
    /// A fenced tag outweighs whatever the entry holds: its value is dead, and a lease would be of no use.
    fn of(entry: Answer, tags: Result<Digest, Duration>) -> Self {
        let (answer, surplus) = match (entry, tags) {
            (Answer::Granted(token), Ok(tags)) => (Acquired::Granted(Lease { token, tags }), None),
            (Answer::Granted(token), Err(left)) => (Acquired::Fenced(left), Some(token)),
            (Answer::Fenced(left), Err(of_tag)) => (Acquired::Fenced(left.max(of_tag)), None),
            (_, Err(left)) | (Answer::Fenced(left), Ok(_)) => (Acquired::Fenced(left), None),
            (Answer::Held(left), Ok(_)) => (Acquired::Held(left), None),
            (Answer::Filled, Ok(_)) => (Acquired::Filled, None),
        };
        Self { answer, surplus }
    }
}

/// Puts the answers of a batch together; fails if any of them is a failure.
fn settle(
    wanted: &[(Lookup, Option<EntryId>)],
    entries: Vec<Result<Answer, RedisError>>,
    tags: &[&str],
    versions: impl Iterator<Item = Result<Value, RedisError>>,
) -> Result<Vec<Settled>, RedisError> {
    let mut current = Vec::with_capacity(tags.len());
    for some in versions {
        current.append(&mut Version::list(some?));
    }
    let versions: HashMap<&str, Version> = tags.iter().copied().zip(current).collect();
    wanted
        .iter()
        .zip(entries)
        .map(|((lookup, _), entry)| {
            let of_entry: Vec<Version> =
                lookup.tags.iter().filter_map(|tag| versions.get(tag.as_str()).cloned()).collect();
            Ok(Settled::of(entry?, tags::digest_of(&lookup.tags, &of_entry)))
        })
        .collect()
}

/// The keys and tokens of the leases that some of the wanted entries were granted.
fn surplus_of(
    wanted: &[(Lookup, Option<EntryId>)],
    tokens: impl Iterator<Item = Option<EntryId>>,
) -> Vec<(&str, EntryId)> {
    wanted.iter().zip(tokens).filter_map(|((lookup, _), token)| Some((&*lookup.key, token?))).collect()
}

/// Every tag once.
pub(super) fn distinct_tags<'a>(lookups: impl Iterator<Item = &'a Lookup>) -> Vec<&'a str> {
    let tags: BTreeSet<&str> = lookups.flat_map(|lookup| lookup.tags.iter().map(String::as_str)).collect();
    tags.into_iter().collect()
}

fn id_or_nothing(id: Option<&EntryId>) -> &[u8] {
    id.map_or(&[], |id| &id.0)
}
