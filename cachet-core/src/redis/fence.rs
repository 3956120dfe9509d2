//! Writing: fences around a change of the source, and invalidations.
//!
//! A fence carries each writer's own end, so that a writer that died is out when its time is over, however often others
//! come and go. All times in it are of the server's one clock.

use std::time::Duration;

use super::{
    RedisTier,
    script::{Calls, Program, carried_out, millis, tell},
};
use crate::tier::{Target, TierError, WriterId};

/// No writer holds a fence for longer, so that none that died stops a key from being cached for longer.
const MAX_TIME: Duration = Duration::from_hours(1);

/// `fenced(key)` tells the ms that are left of the fence under a key; nothing when it holds something else, or what is
/// no fence of ours because it would never end.
pub(super) const FENCED: &str = "
local function fenced(key)
  if redis.pcall('GETRANGE', key, 0, 0) ~= 'F' then return nil end
  local length, left = redis.call('STRLEN', key), redis.call('PTTL', key)
  if length > 1 and length % 29 == 1 and left >= 0 then return left end
end
";

/// `clock()` is the server's time, in ms since 1970.
pub(super) const CLOCK: &str = "
local function clock()
  local time = redis.call('TIME')
  return time[1] * 1000 + math.floor(time[2] / 1000)
end
";

/// `others(key, writer, now)` gives the writers of the fence under a key, as the fence lists them, without the named one
/// and without those whose time is over; then the end of the last one's time, and how many they are.
const OTHERS: &str = "
local function others(key, writer, now)
  if not fenced(key) then return '', now, 0 end
  local fence, standing, last = redis.call('GET', key), {}, now
  for at = 2, #fence, 29 do
    local ends = tonumber(string.match(string.sub(fence, at + 16, at + 28), '^%d+$') or 0)
    if ends > now and string.sub(fence, at, at + 15) ~= writer then
      table.insert(standing, string.sub(fence, at, at + 28))
      last = math.max(last, ends)
    end
  end
  return table.concat(standing), last, #standing
end
";

/// KEYS: entry or tag. ARGV: writer, time in ms, channel, node. The number of writers is bounded as everything is; one more is told
/// what it would be told by a server without room.
const FENCE: &str = "
local now = clock()
local standing, last, count = others(KEYS[1], ARGV[1], now)
if count >= 1024 then return redis.error_reply('OOM too many writers hold the fence') end
local ends = now + ARGV[2]
local fence = 'F' .. standing .. ARGV[1] .. string.format('%013d', ends)
redis.call('SET', KEYS[1], fence, 'PX', math.max(last, ends) - now)
tell('C')
return 1
";

/// KEYS: entry or tag. ARGV: writer, channel, node.
const LIFT: &str = "
local now = clock()
local standing, last, count = others(KEYS[1], ARGV[1], now)
if count == 0 then
  redis.call('DEL', KEYS[1])
else
  redis.call('SET', KEYS[1], 'F' .. standing, 'PX', last - now)
end
tell('C')
return 1
";

/// KEYS: entry or tag. ARGV: channel, node. Removing the key is all: an absent tag gets a version that never was before.
const INVALIDATE: &str = "
if not fenced(KEYS[1]) then redis.call('DEL', KEYS[1]) end
tell('C')
return 1
";

#[derive(Debug)]
pub(super) struct Fences {
    fence: Program,
    lift: Program,
    invalidate: Program,
}

impl Fences {
    pub(super) fn new(is_cluster: bool) -> Self {
        let tell = tell(is_cluster);
        Self {
            fence: Program::new(&[tell, FENCED, CLOCK, OTHERS, FENCE]),
            lift: Program::new(&[tell, FENCED, CLOCK, OTHERS, LIFT]),
            invalidate: Program::new(&[tell, FENCED, INVALIDATE]),
        }
    }
}

impl RedisTier {
    pub(super) async fn fence(&self, targets: &[Target], writer: WriterId, time: Duration) -> Result<(), TierError> {
        let mut calls = Calls::default();
        for target in targets {
            let call = calls.add(&self.fences.fence, &[target.key()]);
            self.tell_too(call.arg(&writer.0[..]).arg(millis(time.min(MAX_TIME))));
        }
        self.exchange("fence", &calls, carried_out).await
    }

    pub(super) async fn lift(&self, targets: &[Target], writer: WriterId) -> Result<(), TierError> {
        let mut calls = Calls::default();
        for target in targets {
            self.tell_too(calls.add(&self.fences.lift, &[target.key()]).arg(&writer.0[..]));
        }
        self.exchange("lift", &calls, carried_out).await
    }

    pub(super) async fn invalidate(&self, targets: &[Target]) -> Result<(), TierError> {
        let mut calls = Calls::default();
        for target in targets {
            self.tell_too(calls.add(&self.fences.invalidate, &[target.key()]));
        }
        self.exchange("invalidate", &calls, carried_out).await
    }
}
