//! For tests: a clock that is moved by hand, and the suite that any [`Tier`] must pass.

mod batches;
mod fences;
mod leases;
mod refreshes;

use std::{
    sync::Arc,
    time::{Duration, SystemTime},
};

use bytes::Bytes;

use crate::{
    clock::Clock,
    redis::RedisTier,
    tier::{Acquired, EntryId, Lease, Lookup, NewEntry, Read, Target, Tier, TierError},
};

/// A clock that stands still until it is moved.
///
/// ```
/// use std::time::Duration;
/// use cachet_core::{Cachet, cached, testing::ManualClock};
///
/// #[cached(ttl = "1m")]
/// async fn answer() -> u32 { 42 }
///
/// # fn main() -> Result<(), cachet_core::Error> {
/// let clock = ManualClock::new();
/// let runtime = Cachet::builder().memory_only().clock(&clock).build()?;
/// # pollster::block_on(
/// runtime.scope(async {
///     answer().await;
///     clock.advance(Duration::from_secs(61));
///     answer().await;
///     assert_eq!(answer::stats().loads, 2);
/// })
/// # );
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct ManualClock(Clock);

impl ManualClock {
    /// A clock at an arbitrary moment.
    pub fn new() -> Self {
        Self(Clock::manual())
    }

    /// Moves the clock forward, for every runtime that was built with it.
    pub fn advance(&self, span: Duration) {
        self.0.advance(span);
    }

    pub(crate) fn as_clock(&self) -> Clock {
        self.0.clone()
    }
}

impl Default for ManualClock {
    fn default() -> Self {
        Self::new()
    }
}

/// The Redis tier by itself, for [`tier_conformance`].
///
/// # Errors
///
/// What is wrong with the URL.
pub fn redis_tier(url: &str) -> Result<Arc<dyn Tier>, String> {
    Ok(Arc::new(RedisTier::new(url)?))
}

/// Checks the promises of [`Tier`] on an implementation, with keys that begin with `prefix`.
///
/// # Errors
///
/// The tier's own failure.
///
/// # Panics
///
/// When a promise is broken, with its words.
pub async fn tier_conformance(tier: Arc<dyn Tier>, prefix: &str) -> Result<(), TierError> {
    let suite = Suite { tier, prefix };
    suite.tier.probe().await?;
    suite.leases().await?;
    suite.refreshes().await?;
    suite.fences().await?;
    suite.batches().await
}

struct Suite<'a> {
    tier: Arc<dyn Tier>,
    prefix: &'a str,
}

const LEASE: Duration = Duration::from_secs(30);

impl Suite<'_> {
    fn lookup(&self, key: &str, tags: &[&str]) -> Lookup {
        Lookup {
            key: format!("{}:{key}", self.prefix).into(),
            tags: ["all"].iter().chain(tags).map(|tag| format!("{}:@tag:{tag}", self.prefix)).collect(),
        }
    }

    fn entry(body: &'static str) -> NewEntry {
        NewEntry {
            lifetime: Duration::from_mins(1),
            grace: Duration::ZERO,
            load_time: Duration::from_millis(12),
            modified: SystemTime::UNIX_EPOCH + Duration::from_secs(1_700_000_000),
            validator: None,
            body: Bytes::from_static(body.as_bytes()),
        }
    }

    async fn granted(&self, lookup: &Lookup) -> Result<Lease, TierError> {
        match self.tier.acquire(lookup.clone(), LEASE, None).await? {
            Acquired::Granted(lease) => Ok(lease),
            other => panic!("a key that holds nothing grants a lease, not {other:?}"),
        }
    }

    async fn filled(&self, lookup: &Lookup, body: &'static str) -> Result<(), TierError> {
        let lease = self.granted(lookup).await?;
        assert!(self.tier.fill(lookup.clone(), lease, Self::entry(body)).await?, "a standing lease lets a fill in");
        Ok(())
    }

    /// The entry that stands there dead, which a lease may be taken over.
    async fn dead(&self, lookup: &Lookup) -> Result<EntryId, TierError> {
        match self.tier.read(lookup.clone()).await? {
            Read::Miss { dead: Some(dead) } => Ok(dead),
            other => panic!("an entry is dead once its tag is outdated, and says which it is, not {other:?}"),
        }
    }

    /// Reads until the key holds nothing, for what has only milliseconds left.
    async fn ends_by_itself(&self, lookup: &Lookup, what: &str) -> Result<(), TierError> {
        for _ in 0..10_000 {
            if matches!(self.tier.read(lookup.clone()).await?, Read::Miss { dead: None }) {
                return Ok(());
            }
        }
        panic!("{what} with 5 ms to live is still there after ten thousand reads");
    }
}

fn tag(lookup: &Lookup, at: usize) -> Target {
    Target::Tag(lookup.tags[at].as_str().into())
}

fn entry(lookup: &Lookup) -> Target {
    Target::Entry(Arc::clone(&lookup.key))
}
