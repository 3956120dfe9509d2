//! What the exchanges that have to be atomic are made of: scripts, called one by one or several in one round trip.
//!
//! Each names the keys it touches and is safe to repeat.

use std::time::Duration;

use deadpool_redis::redis::{Pipeline, RedisError, Script, ScriptInvocation, Value, aio::MultiplexedConnection};

use crate::unique::unique;

/// `made(nonce)` makes a token: the beginning of the replication id, the caller's nonce, and the server's time. No two
/// are ever equal, so a command that arrives late cannot match a living one.
pub(super) const MADE: &str = "
local replication = redis.call('INFO', 'replication')
local incarnation = string.sub(string.match(replication, 'master_replid:(%x+)'), 1, 8)
local function made(nonce)
  local time = redis.call('TIME')
  return incarnation .. nonce .. string.format('%08x%05x', time[1], time[2])
end
";

/// `tell(kind)` publishes what becomes of the key. The last two arguments of a script that does are the backplane's
/// channel and the node.
pub(super) const TELL: &str = "
local function tell(kind)
  redis.call('PUBLISH', ARGV[#ARGV - 1], kind .. ARGV[#ARGV] .. KEYS[1])
end
";

/// A script that the server is sent once and then knows by its digest.
#[derive(Debug)]
pub(super) struct Program {
    text: String,
    script: Script,
}

impl Program {
    pub(super) fn new(parts: &[&str]) -> Self {
        let text = parts.concat();
        Self { script: Script::new(&text), text }
    }

    /// One call by itself, which sends the text again if the server has forgotten it.
    pub(super) fn call(&self) -> ScriptInvocation<'_> {
        self.script.prepare_invoke()
    }
}

/// Several calls in one round trip.
///
/// The first call of each program carries its text, because nobody could fall back on it in the midst of a pipeline: a
/// repeated one would find leases that it took itself.
#[derive(Default)]
pub(super) struct Calls<'a> {
    pipeline: Pipeline,
    known: Vec<&'a str>,
}

impl<'a> Calls<'a> {
    /// Adds a call with its keys; the arguments follow by [`Pipeline::arg`].
    pub(super) fn add(&mut self, program: &'a Program, keys: &[&str]) -> &mut Pipeline {
        let digest = program.script.get_hash();
        let call = if self.known.contains(&digest) {
            self.pipeline.cmd("EVALSHA").arg(digest)
        } else {
            self.known.push(digest);
            self.pipeline.cmd("EVAL").arg(&program.text)
        };
        call.arg(keys.len()).arg(keys)
    }

    /// Sends the calls. A call's own failure is its answer.
    pub(super) async fn send(
        mut self,
        connection: &mut MultiplexedConnection,
    ) -> Result<Vec<Result<Value, RedisError>>, RedisError> {
        if self.pipeline.is_empty() {
            return Ok(Vec::new());
        }
        self.pipeline.ignore_errors().query_async(connection).await
    }

    /// Sends calls whose answers say nothing.
    pub(super) async fn carry_out(self, connection: &mut MultiplexedConnection) -> Result<(), RedisError> {
        self.send(connection).await?.into_iter().try_for_each(|answer| answer.map(drop))
    }
}

/// Eleven characters that no other attempt of any node uses.
pub(super) fn nonce() -> String {
    format!("{:011x}", unique() >> (128 - 4 * 11))
}

/// What is left of a time, as a script tells it.
pub(super) fn left(millis: i64) -> Duration {
    Duration::from_millis(u64::try_from(millis).unwrap_or_default().max(1))
}

pub(super) fn millis(span: Duration) -> u64 {
    u64::try_from(span.as_millis()).unwrap_or(u64::MAX).max(1)
}
