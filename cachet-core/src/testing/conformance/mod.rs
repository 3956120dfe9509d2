//! The suite that any [`Tier`] must pass.

mod batches;
mod fences;
mod leases;
mod refreshes;

use std::{
    future::Future,
    sync::Arc,
    time::{Duration, Instant, SystemTime},
};

use bytes::Bytes;

use super::{ManualClock, PATIENCE};
use crate::{
    envelope::Envelope,
    redis::{Redis, RedisTier},
    tier::{Acquired, EntryId, Lease, Lookup, NewEntry, Read, Target, Tier, TierError},
};

/// The Redis tier by itself, for [`tier_conformance`] and [`Nodes::over`](super::Nodes::over). It connects when it is used.
///
/// ```
/// use cachet_core::testing::redis_tier;
///
/// assert!(redis_tier("redis://127.0.0.1:6379").is_ok());
/// assert!(redis_tier("127.0.0.1").is_err());
/// ```
///
/// # Errors
///
/// What is wrong with the configuration.
pub fn redis_tier(redis: impl Into<Redis>) -> Result<Arc<dyn Tier>, String> {
    Ok(Arc::new(RedisTier::new(&redis.into(), "cachet", false, Envelope::default().longest_body())?))
}

/// Checks the promises of [`Tier`] on an implementation, with keys that begin with `prefix`.
///
/// What ends by itself is waited for, a few milliseconds each.
///
/// ```
/// use std::sync::Arc;
/// use cachet_core::testing::{InProcessTier, tier_conformance};
///
/// # fn main() -> Result<(), cachet_core::tier::TierError> {
/// # pollster::block_on(async {
/// tier_conformance(Arc::new(InProcessTier::new()), "suite").await
/// # })
/// # }
/// ```
///
/// # Errors
///
/// The tier's own failure.
///
/// # Panics
///
/// When a promise is broken, with its words.
pub async fn tier_conformance(tier: Arc<dyn Tier>, prefix: &str) -> Result<(), TierError> {
    Suite { tier, prefix, clock: None }.run().await
}

/// [`tier_conformance`] for a tier whose time is a test's clock, which is moved where something has to end.
///
/// ```
/// use std::sync::Arc;
/// use cachet_core::testing::{InProcessTier, ManualClock, tier_conformance_by};
///
/// # fn main() -> Result<(), cachet_core::tier::TierError> {
/// # pollster::block_on(async {
/// let clock = ManualClock::new();
/// tier_conformance_by(&clock, Arc::new(InProcessTier::with_clock(&clock)), "suite").await
/// # })
/// # }
/// ```
///
/// # Errors
///
/// The tier's own failure.
///
/// # Panics
///
/// When a promise is broken, with its words.
pub async fn tier_conformance_by(clock: &ManualClock, tier: Arc<dyn Tier>, prefix: &str) -> Result<(), TierError> {
    Suite { tier, prefix, clock: Some(clock) }.run().await
}

struct Suite<'a> {
    tier: Arc<dyn Tier>,
    prefix: &'a str,
    /// The tier's time, if a test moves it.
    clock: Option<&'a ManualClock>,
}

const LEASE: Duration = Duration::from_secs(30);

impl Suite<'_> {
    async fn run(&self) -> Result<(), TierError> {
        self.tier.probe().await?;
        self.leases().await?;
        self.refreshes().await?;
        self.fences().await?;
        self.batches().await
    }

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
        self.until(what, || async {
            let read = self.tier.read(lookup.clone()).await?;
            Ok(matches!(read, Read::Miss { dead: None }).then_some(()))
        })
        .await
    }

    /// Tries again while time goes by, for what takes a few milliseconds.
    async fn until<T, F>(&self, what: &str, attempt: impl Fn() -> F) -> Result<T, TierError>
    where
        F: Future<Output = Result<Option<T>, TierError>>,
    {
        let begun = Instant::now();
        while begun.elapsed() < PATIENCE {
            if let Some(done) = attempt().await? {
                return Ok(done);
            }
            match self.clock {
                Some(clock) => clock.advance(Duration::from_millis(1)),
                None => tokio::task::yield_now().await,
            }
        }
        panic!("{what} with a few ms to go has not ended after {PATIENCE:?}");
    }
}

fn tag(lookup: &Lookup, at: usize) -> Target {
    Target::Tag(lookup.tags[at].as_str().into())
}

fn entry(lookup: &Lookup) -> Target {
    Target::Entry(Arc::clone(&lookup.key))
}
