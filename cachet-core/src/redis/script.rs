//! What the exchanges that have to be atomic are made of: scripts, called one by one or several in one round trip.
//!
//! Each names the keys it touches and is safe to repeat.

use std::time::Duration;

use deadpool_redis::redis::{self, Arg, Cmd, ErrorKind, Pipeline, RedisError, Script, ServerErrorKind, Value};

use super::{
    config::Lives,
    lanes::{Lanes, Reply},
};
use crate::unique::unique;

/// `incarnation` is the beginning of the replication id.
const INCARNATION: &str = "
local replication = redis.call('INFO', 'replication')
local incarnation = string.sub(string.match(replication, 'master_replid:(%x+)'), 1, 8)
";

/// Every life of the server is the same one.
const ONE_LIFE: &str = "
local incarnation = '00000000'
";

/// `made(nonce)` makes a token: the incarnation, the caller's nonce, and the server's time. No two are ever equal, so a
/// command that arrives late cannot match a living one.
pub(super) const MADE: &str = "
local function made(nonce)
  local time = redis.call('TIME')
  return incarnation .. nonce .. string.format('%08x%05x', time[1], time[2])
end
";

/// `tell(kind)` publishes what becomes of the key. The last two arguments of a script that does are the backplane's
/// channel and the node. A master of a Cluster has a channel of its own: whoever listens to all of them hears once of what
/// each one publishes, though the Cluster hands it on to all.
pub(super) fn tell(is_cluster: bool) -> &'static str {
    if is_cluster { TELL_OF_CLUSTER } else { TELL }
}

const TELL: &str = "
local function tell(kind)
  redis.call('PUBLISH', ARGV[#ARGV - 1], kind .. ARGV[#ARGV] .. KEYS[1])
end
";

const TELL_OF_CLUSTER: &str = "
local function tell(kind)
  local channel = ARGV[#ARGV - 1] .. ':' .. redis.call('CLUSTER', 'MYID')
  redis.call('PUBLISH', channel, kind .. ARGV[#ARGV] .. KEYS[1])
end
";

/// What scripts that look at the incarnation begin with.
pub(super) fn incarnation(lives: Lives) -> &'static str {
    match lives {
        Lives::Differ => INCARNATION,
        Lives::AreOne => ONE_LIFE,
    }
}

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
}

/// Several commands and calls of scripts, in one round trip to each server that holds their keys.
///
/// Scripts are called by their digests. A server that does not know one says so and does nothing, so that call goes again
/// with the text: a server that was restarted, or took another one's place, knows none.
pub(super) struct Calls<'a> {
    pipeline: Pipeline,
    programs: Vec<Option<&'a Program>>,
}

impl<'a> Calls<'a> {
    /// Adds a call with its keys, which are in one slot; the arguments follow by [`Pipeline::arg`].
    pub(super) fn add(&mut self, program: &'a Program, keys: &[&str]) -> &mut Pipeline {
        self.programs.push(Some(program));
        self.pipeline.cmd("EVALSHA").arg(program.script.get_hash()).arg(keys.len()).arg(keys)
    }

    /// Adds a plain command, whose first argument is its key.
    pub(super) fn command(&mut self, name: &str) -> &mut Pipeline {
        self.programs.push(None);
        self.pipeline.cmd(name)
    }

    /// Adds a question for what is left of a key's time, in ms.
    pub(super) fn time_of(&mut self, key: &str) {
        self.add_plain("PTTL", key, &[]);
    }

    /// Adds a question for what a key holds; what is longer than `longest` bytes is cut off after one more.
    ///
    /// `GET` would take whatever somebody has put there, be it half a gigabyte.
    pub(super) fn bytes_of(&mut self, key: &str, longest: usize) {
        self.add_plain("GETRANGE", key, &[0, longest]);
    }

    fn add_plain(&mut self, name: &str, key: &str, numbers: &[usize]) {
        const DIGITS: usize = 20;
        let mut command = Cmd::with_capacity(2 + numbers.len(), name.len() + key.len() + DIGITS * numbers.len());
        command.arg(name).arg(key).arg(numbers);
        self.programs.push(None);
        self.pipeline.add_command(command);
    }

    /// Sends everything. A command's own failure is its answer.
    pub(super) async fn send(&self, lanes: &Lanes) -> Result<Vec<Reply>, RedisError> {
        let mut replies = lanes.send(&self.pipeline).await?;
        let forgotten: Vec<usize> = (0..replies.len()).filter(|at| is_forgotten(&replies[*at])).collect();
        if forgotten.is_empty() {
            return Ok(replies);
        }
        let mut again = Pipeline::new();
        again.ignore_errors();
        let calls: Vec<&Cmd> = self.pipeline.cmd_iter().collect();
        for at in &forgotten {
            if let Some(program) = self.programs[*at] {
                again.add_command(program.in_full(calls[*at]));
            }
        }
        for (at, reply) in forgotten.into_iter().zip(lanes.send(&again).await?) {
            replies[at] = reply;
        }
        Ok(replies)
    }
}

impl Calls<'_> {
    pub(super) fn with_capacity(capacity: usize) -> Self {
        let mut pipeline = Pipeline::with_capacity(capacity);
        pipeline.ignore_errors();
        Self { pipeline, programs: Vec::with_capacity(capacity) }
    }
}

impl Default for Calls<'_> {
    fn default() -> Self {
        Self::with_capacity(0)
    }
}

impl Program {
    /// The same call with the text in the place of its digest.
    fn in_full(&self, call: &Cmd) -> Cmd {
        let mut full = redis::cmd("EVAL");
        full.arg(&self.text);
        for argument in call.args_iter().skip(2) {
            if let Arg::Simple(argument) = argument {
                full.arg(argument);
            }
        }
        full
    }
}

fn is_forgotten(reply: &Reply) -> bool {
    let error = reply.value.as_ref().err();
    error.is_some_and(|error| error.kind() == ErrorKind::Server(ServerErrorKind::NoScript))
}

/// What calls say whose answers say nothing.
pub(super) fn carried_out(replies: Vec<Reply>) -> Result<(), RedisError> {
    replies.into_iter().try_for_each(|reply| reply.value.map(drop))
}

/// The answer of the one call that there was.
pub(super) fn the_one(replies: Vec<Reply>) -> Result<Value, RedisError> {
    replies.into_iter().next().map_or(Ok(Value::Nil), |reply| reply.value)
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
