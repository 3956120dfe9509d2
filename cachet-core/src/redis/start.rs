//! Reading the beginning of a value, for a caller that may need no more of it.

use std::{collections::HashMap, time::Duration};

use bytes::Bytes;

use super::{
    RedisTier,
    lanes::Incarnation,
    layout::{HEAD, Stored},
    read::{add_all, digest_in, next_of, versions_in},
    script::Calls,
    tags::Digest,
};
use crate::tier::{Lookup, Read, StoredEntry, TierError};

/// What was read of an entry's key.
struct Start {
    bytes: Bytes,
    /// Ms left, or a negative number for none and for no end.
    ttl: i64,
    incarnation: Incarnation,
}

impl RedisTier {
    pub(super) async fn read_start(&self, lookup: &Lookup, bytes: usize) -> Result<Read, TierError> {
        let tags: Vec<&str> = lookup.tags.iter().map(String::as_str).collect();
        let most = (HEAD + bytes).min(self.longest);
        let mut calls = Calls::default();
        calls.time_of(&lookup.key);
        calls.command("GETRANGE").arg(&*lookup.key).arg(0).arg(most - 1);
        calls.command("GETRANGE").arg(&*lookup.key).arg(-1).arg(-1);
        add_all(&mut calls, &tags);
        self.exchange("read", &calls, |replies| {
            let mut replies = replies.into_iter();
            let (ttl, _) = next_of(&mut replies)?;
            let (start, incarnation): (Bytes, _) = next_of(&mut replies)?;
            let (last, _): (Bytes, _) = next_of(&mut replies)?;
            let versions: HashMap<_, _> = versions_in(&tags, replies)?.collect();
            let bytes = if start.len() < most { start } else { [start, last].concat().into() };
            let start = Start { bytes, ttl, incarnation };
            Ok(start.fresh(digest_in(&versions, lookup)).map_or(Read::Miss { dead: None }, Read::Hit))
        })
        .await
    }
}

/// Reads bytes as the beginning of an entry.
#[cfg(feature = "testing")]
pub(super) fn read_untrusted(bytes: Bytes) {
    let incarnation = bytes.get(1..).and_then(<[u8]>::first_chunk).copied().unwrap_or_default();
    let digest = match Stored::parse(bytes.clone()) {
        Stored::Value { tags, .. } => Some(tags),
        _ => None,
    };
    let _ = Start { bytes, ttl: 60_000, incarnation }.fresh(digest);
}

impl Start {
    /// The value, if it would answer a read, and is fresh.
    ///
    /// Who: a fill. When: between the commands. What stops the value from being given a time that is another's: what stops
    /// it in a read. What stops the last byte from being another's: nothing; it says how the body is wrapped, which is
    /// the same for all but the values of nodes that are configured otherwise, and of those nothing makes sense.
    fn fresh(self, digest: Option<Digest>) -> Option<StoredEntry> {
        let Stored::Value { id, tags, entry } = Stored::parse(self.bytes) else { return None };
        let is_of_this_life = id.0.starts_with(&self.incarnation);
        let kept = Duration::from_millis(u64::try_from(self.ttl).unwrap_or_default());
        let remaining = kept.min(entry.lifetime + entry.grace).saturating_sub(entry.grace);
        let is_fresh = is_of_this_life && digest == Some(tags) && !remaining.is_zero();
        is_fresh.then_some(StoredEntry { id, tags, entry, remaining, stale_for: Duration::ZERO })
    }
}
