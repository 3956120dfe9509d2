//! For tests: a clock that is moved by hand, and the suite that any [`Tier`] must pass.

use std::{
    sync::Arc,
    time::{Duration, SystemTime},
};

use bytes::Bytes;

use crate::{
    clock::Clock,
    redis::RedisTier,
    tier::{Acquired, Lease, Lookup, NewEntry, Read, Target, Tier, TierError},
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
    suite.a_lease_is_granted_once_and_filled_once().await?;
    suite.an_invalidation_outdates_a_load_that_began_before().await?;
    suite.a_released_lease_is_free_again().await?;
    suite.an_outdated_tag_outdates_its_entries().await?;
    suite.a_dead_entry_is_overwritten_only_by_its_id().await?;
    suite.an_entry_ends_by_itself().await
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

    async fn a_lease_is_granted_once_and_filled_once(&self) -> Result<(), TierError> {
        let key = self.lookup("once", &[]);
        assert!(matches!(self.tier.read(key.clone()).await?, Read::Miss { dead: None }), "nothing is a miss");
        let lease = self.granted(&key).await?;
        assert!(matches!(self.tier.read(key.clone()).await?, Read::Leased), "a lease is seen by readers");
        match self.tier.acquire(key.clone(), LEASE, None).await? {
            Acquired::Held(left) => assert!(left <= LEASE && !left.is_zero(), "what is left of a lease is told"),
            other => panic!("a lease that stands is held, not {other:?}"),
        }
        assert!(self.tier.fill(key.clone(), lease, Self::entry("one")).await?, "a standing lease lets a fill in");
        assert!(self.tier.fill(key.clone(), lease, Self::entry("one")).await?, "a repeated fill is answered alike");
        match self.tier.read(key.clone()).await? {
            Read::Hit(stored) => {
                assert_eq!(stored.entry.body, "one", "what was stored is read");
                assert_eq!(stored.entry.lifetime, Duration::from_mins(1), "the lifetime is read");
                assert_eq!(stored.entry.modified, Self::entry("").modified, "the time of the load is read");
                assert!(stored.remaining <= Duration::from_mins(1), "it has at most its lifetime left");
            }
            other => panic!("a filled key is a hit, not {other:?}"),
        }
        assert!(matches!(self.tier.acquire(key, LEASE, None).await?, Acquired::Filled), "a value needs no lease");
        Ok(())
    }

    async fn an_invalidation_outdates_a_load_that_began_before(&self) -> Result<(), TierError> {
        let key = self.lookup("outdated", &[]);
        let before = self.granted(&key).await?;
        self.tier.invalidate(Target::Entry(key.key.clone())).await?;
        assert!(!self.tier.fill(key.clone(), before, Self::entry("old")).await?, "its fill is refused");
        let after = self.granted(&key).await?;
        assert!(!self.tier.fill(key.clone(), before, Self::entry("old")).await?, "another's lease does not help it");
        assert!(!self.tier.release(key.clone(), before).await?, "nor can it release another's lease");
        assert!(self.tier.fill(key.clone(), after, Self::entry("new")).await?, "a later load stores");
        assert!(!self.tier.fill(key, before, Self::entry("old")).await?, "a value is not overwritten either");
        Ok(())
    }

    async fn a_released_lease_is_free_again(&self) -> Result<(), TierError> {
        let key = self.lookup("released", &[]);
        let lease = self.granted(&key).await?;
        assert!(self.tier.release(key.clone(), lease).await?, "a standing lease is released");
        assert!(!self.tier.release(key.clone(), lease).await?, "once");
        self.granted(&key).await.map(drop)
    }

    async fn an_outdated_tag_outdates_its_entries(&self) -> Result<(), TierError> {
        let (one, other) = (self.lookup("tagged", &["a", "b"]), self.lookup("untagged", &["b"]));
        self.filled(&one, "tagged").await?;
        self.filled(&other, "untagged").await?;
        let tag = self.lookup("", &["a"]).tags[1].clone();
        self.tier.invalidate(Target::Tag(tag.as_str().into())).await?;
        let Read::Miss { dead: Some(dead) } = self.tier.read(one.clone()).await? else {
            panic!("an entry is dead once its tag is outdated, and says which it is");
        };
        assert!(matches!(self.tier.read(other).await?, Read::Hit(_)), "other tags' entries live on");
        match self.tier.acquire(one.clone(), LEASE, Some(dead)).await? {
            Acquired::Granted(lease) => {
                self.tier.invalidate(Target::Tag(tag.as_str().into())).await?;
                self.tier.fill(one.clone(), lease, Self::entry("late")).await?;
                let read = self.tier.read(one).await?;
                assert!(!matches!(read, Read::Hit(_)), "a load that began before the tag was outdated stays invisible");
            }
            other => panic!("a dead entry is given up for a lease, not {other:?}"),
        }
        Ok(())
    }

    async fn a_dead_entry_is_overwritten_only_by_its_id(&self) -> Result<(), TierError> {
        let key = self.lookup("dead", &[]);
        self.filled(&key, "first").await?;
        let Read::Hit(first) = self.tier.read(key.clone()).await? else { panic!("a filled key is a hit") };
        self.tier.invalidate(Target::Entry(key.key.clone())).await?;
        self.filled(&key, "second").await?;
        let answer = self.tier.acquire(key, LEASE, Some(first.id)).await?;
        assert!(matches!(answer, Acquired::Filled), "a newer entry stays");
        Ok(())
    }

    async fn an_entry_ends_by_itself(&self) -> Result<(), TierError> {
        let key = self.lookup("short", &[]);
        let lease = self.granted(&key).await?;
        let short = NewEntry { lifetime: Duration::from_millis(5), ..Self::entry("short") };
        assert!(self.tier.fill(key.clone(), lease, short).await?, "a standing lease lets a fill in");
        for _ in 0..10_000 {
            if matches!(self.tier.read(key.clone()).await?, Read::Miss { .. }) {
                return Ok(());
            }
        }
        panic!("an entry with 5 ms to live is still there after ten thousand reads");
    }
}
