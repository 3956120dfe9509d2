//! The exchanges that have to be atomic, as scripts. Each names the keys it touches and is safe to repeat.

use std::time::Duration;

use bytes::Bytes;
use deadpool_redis::redis::{RedisError, Script, Value, aio::MultiplexedConnection};

use crate::tier::EntryId;

/// A tag's version outlives every entry that may carry it by being renewed whenever a load reads it; should it end
/// early all the same, entries are missed, never wrongly served.
const TAG_LIFETIME: Duration = Duration::from_hours(7 * 24);

/// `made(nonce)` makes a token: the beginning of the replication id, the caller's nonce, and the server's time. No two
/// are ever equal, so a command that arrives late cannot match a living one.
const MADE: &str = "
local replication = redis.call('INFO', 'replication')
local incarnation = string.sub(string.match(replication, 'master_replid:(%x+)'), 1, 8)
local function made(nonce)
  local time = redis.call('TIME')
  return incarnation .. nonce .. string.format('%08x%05x', time[1], time[2])
end
";

/// KEYS: entry. ARGV: nonce, lease in ms, id of a dead entry or ''.
/// Answers {1, token} granted, {2, ms left} held, {0} filled.
const ACQUIRE: &str = "
local head = redis.call('GETRANGE', KEYS[1], 0, 32)
local kind, id = string.sub(head, 1, 1), string.sub(head, 2, 33)
local ours = string.sub(id, 1, 8) == incarnation
if kind == 'L' and ours then return {2, redis.call('PTTL', KEYS[1])} end
if kind == 'V' and ours and id ~= ARGV[3] then return {0} end
local token = made(ARGV[1])
redis.call('SET', KEYS[1], 'L' .. token, 'PX', ARGV[2])
return {1, token}
";

/// KEYS: entry. ARGV: token, value, lifetime in ms.
const FILL: &str = "
if string.sub(redis.call('GETRANGE', KEYS[1], 0, 32), 2, 33) ~= ARGV[1] then return 0 end
redis.call('SET', KEYS[1], ARGV[2], 'PX', ARGV[3])
return 1
";

/// KEYS: entry. ARGV: token.
const RELEASE: &str = "
if redis.call('GETRANGE', KEYS[1], 0, 32) ~= 'L' .. ARGV[1] then return 0 end
return redis.call('DEL', KEYS[1])
";

/// KEYS: tags. ARGV: nonce, lifetime in ms. Answers the versions; an absent tag gets one that never was before.
const TAG_VERSIONS: &str = "
local versions = redis.call('MGET', unpack(KEYS))
for at, key in ipairs(KEYS) do
  if not versions[at] or string.sub(versions[at], 1, 8) ~= incarnation then
    versions[at] = made(ARGV[1])
    redis.call('SET', key, versions[at], 'PX', ARGV[2])
  else
    redis.call('PEXPIRE', key, ARGV[2])
  end
end
return versions
";

#[derive(Debug)]
pub(super) struct Scripts {
    acquire: Script,
    fill: Script,
    release: Script,
    tag_versions: Script,
}

/// The answer of *acquire*.
pub(super) enum Answer {
    Granted(EntryId),
    Held(Duration),
    Filled,
}

impl Scripts {
    pub(super) fn new() -> Self {
        Self {
            acquire: Script::new(&format!("{MADE}{ACQUIRE}")),
            fill: Script::new(FILL),
            release: Script::new(RELEASE),
            tag_versions: Script::new(&format!("{MADE}{TAG_VERSIONS}")),
        }
    }

    pub(super) async fn acquire(
        &self,
        connection: &mut MultiplexedConnection,
        key: &str,
        lease: Duration,
        dead: Option<EntryId>,
    ) -> Result<Answer, RedisError> {
        let dead = dead.map_or_else(Vec::new, |id| id.0.to_vec());
        let mut call = self.acquire.key(key);
        call.arg(nonce()).arg(millis(lease)).arg(dead);
        let answer: Vec<Value> = call.invoke_async(connection).await?;
        Ok(match &answer[..] {
            [Value::Int(1), Value::BulkString(token)] => match token.as_slice().try_into() {
                Ok(token) => Answer::Granted(EntryId(token)),
                Err(_) => Answer::Filled,
            },
            [Value::Int(2), Value::Int(left)] => {
                Answer::Held(Duration::from_millis(u64::try_from(*left).unwrap_or_default().max(1)))
            }
            _ => Answer::Filled,
        })
    }

    pub(super) async fn fill(
        &self,
        connection: &mut MultiplexedConnection,
        key: &str,
        token: EntryId,
        value: &[u8],
        lifetime: Duration,
    ) -> Result<bool, RedisError> {
        self.fill.key(key).arg(&token.0[..]).arg(value).arg(millis(lifetime)).invoke_async(connection).await
    }

    pub(super) async fn release(
        &self,
        connection: &mut MultiplexedConnection,
        key: &str,
        token: EntryId,
    ) -> Result<bool, RedisError> {
        self.release.key(key).arg(&token.0[..]).invoke_async(connection).await
    }

    pub(super) async fn tag_versions(
        &self,
        connection: &mut MultiplexedConnection,
        tags: &[String],
    ) -> Result<Vec<Bytes>, RedisError> {
        let mut call = self.tag_versions.prepare_invoke();
        for tag in tags {
            call.key(tag);
        }
        call.arg(nonce()).arg(millis(TAG_LIFETIME)).invoke_async(connection).await
    }
}

/// The digest of tags and their versions, as an entry carries it; `None` when a version is missing.
pub(super) fn digest(tags: &[String], versions: &[Option<Bytes>]) -> Option<[u8; 16]> {
    let versions: Vec<Bytes> = versions.iter().cloned().collect::<Option<_>>()?;
    Some(digest_of(tags, &versions))
}

pub(super) fn digest_of(tags: &[String], versions: &[Bytes]) -> [u8; 16] {
    let mut hasher = blake3::Hasher::new();
    for (tag, version) in tags.iter().zip(versions) {
        for part in [tag.as_bytes(), version] {
            hasher.update(&(part.len() as u64).to_le_bytes());
            hasher.update(part);
        }
    }
    let mut digest = [0; 16];
    hasher.finalize_xof().fill(&mut digest);
    digest
}

/// Eleven characters that no other attempt of any node uses.
fn nonce() -> String {
    use std::{
        hash::{BuildHasher, RandomState},
        sync::{
            LazyLock,
            atomic::{AtomicU64, Ordering},
        },
    };
    static NODE: LazyLock<RandomState> = LazyLock::new(RandomState::new);
    static ATTEMPTS: AtomicU64 = AtomicU64::new(0);
    let attempt = ATTEMPTS.fetch_add(1, Ordering::Relaxed);
    let random = NODE.hash_one((std::process::id(), attempt));
    format!("{:011x}", random >> 20)
}

fn millis(span: Duration) -> u64 {
    u64::try_from(span.as_millis()).unwrap_or(u64::MAX).max(1)
}
