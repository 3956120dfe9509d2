//! Taking leases.

use std::{
    collections::{BTreeSet, HashMap},
    time::Duration,
};

use deadpool_redis::redis::{RedisError, Value};

use super::{
    RedisTier,
    config::Lives,
    fault_of,
    fence::{CLOCK, FENCED},
    lanes::Reply,
    script::{Calls, MADE, Program, carried_out, incarnation, left, millis, nonce},
    tags::{self, Digest, Version},
};
use crate::tier::{Acquired, EntryId, Lease, Lookup, TierError};

/// `leased(key)` tells the ms that are left of the lease under a key; nothing when it holds what is no lease of ours,
/// because it is longer or shorter than one, or would never end.
const LEASED: &str = "
local function leased(key)
  local left = redis.call('PTTL', key)
  if redis.call('STRLEN', key) == 34 and left >= 0 then return left end
end
";

/// KEYS: entry. ARGV: nonce, lease in ms, id of a dead entry or ''.
/// Answers {1, token} granted, {2, ms left} held, {3, ms left} fenced, {0} filled.
///
/// Who: bytes that begin as ours do and are shorter than an id. When: a reader found them dead, and names them by what it
/// made up for the rest. What stops them from standing for ever: they are nobody's, whatever the reader calls them.
const ACQUIRE: &str = "
local head = redis.call('GETRANGE', KEYS[1], 0, 32)
local kind, id = string.sub(head, 1, 1), string.sub(head, 2, 33)
local ours = #id == 32 and string.sub(id, 1, 8) == incarnation
local left = kind == 'F' and fenced(KEYS[1])
if left then return {3, left} end
left = kind == 'L' and ours and leased(KEYS[1])
if left then
  redis.call('SETRANGE', KEYS[1], 33, 'W')
  return {2, left}
end
if kind == 'V' and ours and id ~= ARGV[3] then return {0} end
local token = made(ARGV[1])
redis.call('SET', KEYS[1], 'L' .. token .. '0', 'PX', ARGV[2])
return {1, token}
";

/// KEYS: entry. ARGV: nonce, lease in ms, id of the entry that the caller saw. The answers are those of *acquire*, but for
/// {1, token, digest of the tags' versions} granted.
const REFRESH: &str = "
local head = redis.call('GETRANGE', KEYS[1], 0, 142)
local kind, id = string.sub(head, 1, 1), string.sub(head, 2, 33)
local left = kind == 'F' and fenced(KEYS[1])
if left then return {3, left} end
if kind ~= 'V' or string.sub(id, 1, 8) ~= incarnation or id ~= ARGV[3] then return {0} end
local busy = tonumber(string.match(string.sub(head, 35, 47), '^%d+$') or 0) - clock()
if busy > 0 then return {2, busy} end
local token = made(ARGV[1])
redis.call('SETRANGE', KEYS[1], 34, string.format('%013d', clock() + ARGV[2]) .. token)
return {1, token, string.sub(head, 128, 143)}
";

#[derive(Debug)]
pub(super) struct Leases {
    acquire: Program,
    refresh: Program,
}

/// The answer of *acquire*, before the tags have their say.
enum Answer {
    Granted(EntryId),
    /// A value is refreshed that was loaded under tags of these versions.
    Refreshes(EntryId, Digest),
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
    pub(super) fn new(lives: Lives) -> Self {
        Self {
            acquire: Program::new(&[incarnation(lives), MADE, FENCED, LEASED, ACQUIRE]),
            refresh: Program::new(&[incarnation(lives), MADE, FENCED, CLOCK, REFRESH]),
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
        let mut calls = Calls::default();
        let call = calls.add(&self.leases.acquire, &[&lookup.key]);
        call.arg(nonce()).arg(millis(lease)).arg(id_or_nothing(dead.as_ref()));
        self.take("acquire", calls, lookup).await
    }

    pub(super) async fn refresh(&self, lookup: &Lookup, lease: Duration, seen: EntryId) -> Result<Acquired, TierError> {
        let mut calls = Calls::default();
        calls.add(&self.leases.refresh, &[&lookup.key]).arg(nonce()).arg(millis(lease)).arg(&seen.0[..]);
        self.take("refresh", calls, lookup).await
    }

    /// Takes a lease of one kind or the other. The tags' versions come with it: they are read before the load begins,
    /// which is all that matters of their order.
    async fn take<'a>(
        &'a self,
        operation: &'static str,
        mut calls: Calls<'a>,
        lookup: &Lookup,
    ) -> Result<Acquired, TierError> {
        let groups = self.lanes.groups(&distinct_tags([lookup].into_iter()));
        for group in &groups {
            self.tags.add_versions(&mut calls, group);
        }
        let mut replies = self.exchange(operation, &calls, Ok).await?.into_iter();
        let answer = replies.next().map_or(Ok(Value::Nil), |reply| reply.value);
        let answer = answer.map(|value| Answer::of(&value)).map_err(|error| fault_of(operation, error))?;
        let settled = match versions_of(&groups, replies) {
            Ok(versions) => Settled::of(answer, digest_by(&versions, lookup)),
            Err(error) => {
                // Nobody would know of the lease.
                if let Some(token) = answer.token() {
                    self.exchange(operation, &self.release_all(&[(&lookup.key, token)]), carried_out).await?;
                }
                return Err(fault_of(operation, error));
            }
        };
        if let Some(token) = settled.surplus {
            self.exchange(operation, &self.release_all(&[(&lookup.key, token)]), carried_out).await?;
        }
        Ok(settled.answer)
    }

    pub(super) async fn acquire_many(
        &self,
        wanted: &[(Lookup, Option<EntryId>)],
        lease: Duration,
    ) -> Result<Vec<Acquired>, TierError> {
        let groups = self.lanes.groups(&distinct_tags(wanted.iter().map(|(lookup, _)| lookup)));
        let mut calls = Calls::default();
        for (lookup, dead) in wanted {
            let call = calls.add(&self.leases.acquire, &[&lookup.key]);
            call.arg(nonce()).arg(millis(lease)).arg(id_or_nothing(dead.as_ref()));
        }
        for group in &groups {
            self.tags.add_versions(&mut calls, group);
        }
        let mut replies = self.exchange("acquire", &calls, Ok).await?.into_iter();
        let entries: Vec<_> =
            replies.by_ref().take(wanted.len()).map(|reply| reply.value.map(|value| Answer::of(&value))).collect();
        let granted = surplus_of(wanted, entries.iter().map(|answer| answer.as_ref().ok().and_then(Answer::token)));
        let settled = match settle(wanted, entries, &groups, replies) {
            Ok(settled) => settled,
            Err(error) => {
                // One key's failure is the batch's, so nobody would know of the others' leases.
                self.exchange("acquire", &self.release_all(&granted), Ok).await?;
                return Err(fault_of("acquire", error));
            }
        };
        let surplus = surplus_of(wanted, settled.iter().map(|settled| settled.surplus));
        self.exchange("acquire", &self.release_all(&surplus), carried_out).await?;
        Ok(settled.into_iter().map(|settled| settled.answer).collect())
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
            [Value::Int(1), Value::BulkString(token), Value::BulkString(tags)] => {
                match (token.as_slice().try_into(), tags.as_slice().try_into()) {
                    (Ok(token), Ok(tags)) => Self::Refreshes(EntryId(token), tags),
                    _ => Self::Filled,
                }
            }
            [Value::Int(2), Value::Int(millis)] => Self::Held(left(*millis)),
            [Value::Int(3), Value::Int(millis)] => Self::Fenced(left(*millis)),
            _ => Self::Filled,
        }
    }

    fn token(&self) -> Option<EntryId> {
        if let Self::Granted(token) | Self::Refreshes(token, _) = self { Some(*token) } else { None }
    }
}

impl Settled {
    /// A fenced tag outweighs whatever the entry holds: its value is dead, and a lease would be of no use. So is a value
    /// that is to be refreshed, and whose tag was invalidated since it was read: there is none to refresh.
    fn of(entry: Answer, tags: Result<Digest, Duration>) -> Self {
        let (answer, surplus) = match (entry, tags) {
            (Answer::Granted(token), Ok(tags)) => (Acquired::Granted(Lease { token, tags }), None),
            (Answer::Refreshes(token, of_value), Ok(tags)) if tags == of_value => {
                (Acquired::Granted(Lease { token, tags }), None)
            }
            (Answer::Refreshes(token, _), Ok(_)) => (Acquired::Filled, Some(token)),
            (Answer::Granted(token) | Answer::Refreshes(token, _), Err(left)) => (Acquired::Fenced(left), Some(token)),
            (Answer::Fenced(left), Err(of_tag)) => (Acquired::Fenced(left.max(of_tag)), None),
            (_, Err(left)) | (Answer::Fenced(left), Ok(_)) => (Acquired::Fenced(left), None),
            (Answer::Held(left), Ok(_)) => (Acquired::Held(left), None),
            (Answer::Filled, Ok(_)) => (Acquired::Filled, None),
        };
        Self { answer, surplus }
    }
}

/// Reads a reply as a script's, and says what it was taken for.
#[cfg(feature = "testing")]
pub(super) fn read_untrusted(reply: &Value) -> Vec<&'static str> {
    let answer = Answer::of(reply);
    let taken = match answer {
        Answer::Granted(_) => "granted",
        Answer::Refreshes(..) => "refreshes",
        Answer::Held(_) => "held",
        Answer::Fenced(_) => "fenced",
        Answer::Filled => "filled",
    };
    let digest = tags::digest_of(&["tag".to_owned()], &Version::list(reply.clone()));
    let is_version = digest.is_ok();
    Settled::of(answer, digest);
    [Some(taken), is_version.then_some("version")].into_iter().flatten().collect()
}

/// Puts the answers of a batch together; fails if any of them is a failure.
fn settle(
    wanted: &[(Lookup, Option<EntryId>)],
    entries: Vec<Result<Answer, RedisError>>,
    groups: &[Vec<&str>],
    replies: impl Iterator<Item = Reply>,
) -> Result<Vec<Settled>, RedisError> {
    let versions = versions_of(groups, replies)?;
    let settled = wanted.iter().zip(entries);
    settled.map(|((lookup, _), entry)| Ok(Settled::of(entry?, digest_by(&versions, lookup)))).collect()
}

/// The versions that were answered for each group of tags.
fn versions_of<'t>(
    groups: &[Vec<&'t str>],
    replies: impl Iterator<Item = Reply>,
) -> Result<HashMap<&'t str, Version>, RedisError> {
    let mut versions = HashMap::new();
    for (group, reply) in groups.iter().zip(replies) {
        versions.extend(group.iter().copied().zip(Version::list(reply.value?)));
    }
    Ok(versions)
}

fn digest_by(versions: &HashMap<&str, Version>, lookup: &Lookup) -> Result<Digest, Duration> {
    let versions: Vec<Version> = lookup.tags.iter().filter_map(|tag| versions.get(tag.as_str()).cloned()).collect();
    tags::digest_of(&lookup.tags, &versions)
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
    distinct(lookups.flat_map(|lookup| lookup.tags.iter().map(String::as_str)))
}

pub(super) fn distinct<'a>(keys: impl Iterator<Item = &'a str>) -> Vec<&'a str> {
    keys.collect::<BTreeSet<&str>>().into_iter().collect()
}

fn id_or_nothing(id: Option<&EntryId>) -> &[u8] {
    id.map_or(&[], |id| &id.0)
}
