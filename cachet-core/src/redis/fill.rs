//! What a lease is held for: storing by it, keeping it up, giving it back.

use std::{collections::HashMap, time::Duration};

use bytes::Bytes;
use deadpool_redis::redis::{RedisError, Value};

use super::{
    RedisTier,
    fence::CLOCK,
    lanes::Reply,
    layout,
    lease::distinct_tags,
    read::{add_all, digest_in, versions_in},
    script::{Calls, Program, millis, tell, the_one},
};
use crate::{
    tier::{EntryId, Lease, Lookup, NewEntry, TierError},
    without::{Rule, without},
};

/// Gives how an entry's key holds a token: as the lease, as a refresh of the value, or as the value's id.
const HELD: &str = "
local function held(key, token)
  local head = redis.call('GETRANGE', key, 0, 78)
  local kind, id = string.sub(head, 1, 1), string.sub(head, 2, 33)
  if kind == 'L' and id == token then return 'lease' end
  if kind == 'V' and string.sub(head, 48, 79) == token then return 'refresh' end
  if kind == 'V' and id == token then return 'id' end
end
";

/// Tells whether somebody waits for the load under a lease.
const WAITED: &str = "
local function waited(key)
  return redis.call('GETRANGE', key, 33, 33) == 'W'
end
";

/// KEYS: entry. ARGV: token, value, ms until it is removed, channel, node. Told only to those who wait.
const FILL: &str = "
local held = held(KEYS[1], ARGV[1])
if not held then return 0 end
local waited = held == 'lease' and waited(KEYS[1])
if held ~= 'id' then redis.call('SET', KEYS[1], ARGV[2], 'PX', ARGV[3]) end
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
local held = held(KEYS[1], ARGV[1])
if held == 'lease' then return redis.call('PEXPIRE', KEYS[1], ARGV[2]) end
if held ~= 'refresh' then return 0 end
redis.call('SETRANGE', KEYS[1], 34, string.format('%013d', clock() + ARGV[2]))
return 1
";

/// KEYS: entry. ARGV: token, channel, node. Told only to those who wait.
const RELEASE: &str = "
local held = held(KEYS[1], ARGV[1])
if held == 'lease' then
  local waited = waited(KEYS[1])
  redis.call('DEL', KEYS[1])
  if waited then tell('F') end
  return 1
end
if held ~= 'refresh' then return 0 end
redis.call('SETRANGE', KEYS[1], 34, string.rep('0', 45))
return 1
";

#[derive(Debug)]
pub(super) struct Fills {
    fill: Program,
    renew: Program,
    release: Program,
}

impl Fills {
    pub(super) fn new(is_cluster: bool) -> Self {
        let tell = tell(is_cluster);
        let fill = [tell, HELD, WAITED, FILL];
        Self {
            fill: Program::new(if without(Rule::Lease) { &[STORE] } else { &fill }),
            renew: Program::new(&[CLOCK, HELD, RENEW]),
            release: Program::new(&[tell, HELD, WAITED, RELEASE]),
        }
    }
}

impl RedisTier {
    /// Stores values, and says of each whether its lease and its tags stand.
    pub(super) async fn fill_many(&self, fills: &[(Lookup, Lease, NewEntry)]) -> Result<Vec<bool>, TierError> {
        let mut calls = Calls::default();
        for (lookup, lease, entry) in fills {
            let value = layout::write(lease.token, &lease.tags, entry);
            let call = calls.add(&self.fills.fill, &[&lookup.key]);
            call.arg(&lease.token.0[..]).arg(value).arg(millis(entry.lifetime + entry.grace));
            self.tell_too(call);
        }
        let tags = Self::add_tags(&mut calls, fills.iter().map(|(lookup, ..)| lookup));
        self.exchange("fill", &calls, |mut replies| {
            let versions = versions_in(&tags, replies.split_off(fills.len().min(replies.len())).into_iter())?.collect();
            let stood = replies.into_iter().zip(fills).map(|(reply, (lookup, lease, _))| {
                Ok(stood(reply, lease.token)? && are_current(&versions, lookup, *lease))
            });
            stood.collect()
        })
        .await
    }

    pub(super) async fn renew(&self, lookup: &Lookup, lease: Lease, time: Duration) -> Result<bool, TierError> {
        let mut calls = Calls::default();
        calls.add(&self.fills.renew, &[&lookup.key]).arg(&lease.token.0[..]).arg(millis(time));
        self.exchange("renew", &calls, the_one).await.map(|answer| answer == Value::Int(1))
    }

    pub(super) async fn release(&self, lookup: &Lookup, lease: Lease) -> Result<bool, TierError> {
        let mut calls = self.release_all(&[(&lookup.key, lease.token)]);
        let tags = Self::add_tags(&mut calls, [lookup].into_iter());
        self.exchange("release", &calls, |replies| {
            let mut replies = replies.into_iter();
            let stood = replies.next().map_or(Ok(Value::Nil), |reply| reply.value)? == Value::Int(1);
            let versions = versions_in(&tags, replies)?.collect();
            Ok(stood && are_current(&versions, lookup, lease))
        })
        .await
    }

    /// Who: a load, and another node that invalidates a tag of it, of which this node has not heard. When: during the
    /// load. What keeps the value from those who came after that: the tags' versions are looked at once more, with the
    /// command that ends the lease. Its value may be stored all the same, and is dead, because its digest is of the
    /// versions before the load.
    fn add_tags<'t>(calls: &mut Calls<'_>, lookups: impl Iterator<Item = &'t Lookup>) -> Vec<&'t str> {
        let tags = distinct_tags(lookups);
        add_all(calls, &tags);
        tags
    }

    pub(super) fn release_all(&self, leases: &[(&str, EntryId)]) -> Calls<'_> {
        let mut calls = Calls::default();
        for (key, token) in leases {
            let call = calls.add(&self.fills.release, &[key]).arg(&token.0[..]);
            self.tell_too(call);
        }
        calls
    }
}

/// Whether a fill was let in by a lease of the server's present life.
///
/// Who: a lease that a snapshot or a replica has kept, though it was ended after that. When: the server comes back with it,
/// or the replica takes over, during the load. What stops it: the token says which life it is of. Readers do not believe
/// such a value either.
fn stood(reply: Reply, token: EntryId) -> Result<bool, RedisError> {
    Ok(reply.value? == Value::Int(1) && token.0.starts_with(&reply.incarnation))
}

/// Whether the tags have the versions that the lease noted.
fn are_current(versions: &HashMap<&str, Option<Bytes>>, lookup: &Lookup, lease: Lease) -> bool {
    digest_in(versions, lookup) == Some(lease.tags)
}
