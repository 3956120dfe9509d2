//! What a tier promises of leases, values and tags.

use std::time::Duration;

use super::{LEASE, Suite, entry, tag};
use crate::tier::{Acquired, NewEntry, Read, TierError};

impl Suite<'_> {
    pub(super) async fn leases(&self) -> Result<(), TierError> {
        self.a_lease_is_granted_once_and_filled_once().await?;
        self.an_invalidation_outdates_a_load_that_began_before().await?;
        self.a_released_lease_is_free_again().await?;
        self.a_renewed_lease_goes_on().await?;
        self.a_lease_is_given_back_and_its_tag_found_outdated().await?;
        self.an_outdated_tag_outdates_its_entries().await?;
        self.a_dead_entry_is_overwritten_only_by_its_id().await?;
        self.an_entry_ends_by_itself().await
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
                assert_eq!(stored.entry.load_time, Self::entry("").load_time, "how long it took is read");
                assert_eq!(stored.id, lease.token, "a value is known by the lease that it was filled by");
                assert_eq!(stored.tags, lease.tags, "and by the tags' versions that the lease noted");
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
        self.tier.invalidate(entry(&key)).await?;
        assert!(!self.tier.fill(key.clone(), before, Self::entry("old")).await?, "its fill is refused");
        let after = self.granted(&key).await?;
        assert!(!self.tier.fill(key.clone(), before, Self::entry("old")).await?, "another's lease does not help it");
        assert!(!self.tier.release(key.clone(), before).await?, "nor can it release another's lease");
        assert!(self.tier.fill(key.clone(), after, Self::entry("new")).await?, "a later load stores");
        assert!(!self.tier.fill(key, before, Self::entry("old")).await?, "a value is not overwritten either");
        Ok(())
    }

    async fn a_renewed_lease_goes_on(&self) -> Result<(), TierError> {
        let (key, other) = (self.lookup("renewed", &[]), self.lookup("not-renewed", &[]));
        let moment = Duration::from_millis(20);
        let Acquired::Granted(lease) = self.tier.acquire(key.clone(), moment, None).await? else {
            panic!("a key that holds nothing grants a lease");
        };
        let is_renewed = self.tier.renew(key.clone(), lease, LEASE).await?;
        self.tier.acquire(other.clone(), moment, None).await?;
        self.ends_by_itself(&other, "a lease").await?;
        if is_renewed {
            assert!(
                matches!(self.tier.read(key.clone()).await?, Read::Leased),
                "a renewed lease outlives its first time"
            );
            assert!(self.tier.fill(key.clone(), lease, Self::entry("late")).await?, "and lets a fill in");
            assert!(!self.tier.renew(key, lease, LEASE).await?, "a value is no lease");
        }
        Ok(())
    }

    async fn a_released_lease_is_free_again(&self) -> Result<(), TierError> {
        let key = self.lookup("released", &[]);
        let lease = self.granted(&key).await?;
        assert!(self.tier.release(key.clone(), lease).await?, "a standing lease is released");
        assert!(!self.tier.release(key.clone(), lease).await?, "once");
        self.granted(&key).await.map(drop)
    }

    async fn a_lease_is_given_back_and_its_tag_found_outdated(&self) -> Result<(), TierError> {
        let (key, other) = (self.lookup("tag-released", &["c"]), self.lookup("tag-kept", &["d"]));
        let (lease, kept) = (self.granted(&key).await?, self.granted(&other).await?);
        self.tier.invalidate(tag(&key, 1)).await?;
        assert!(!self.tier.release(key.clone(), lease).await?, "it stood, and its load is outdated");
        self.granted(&key).await?;
        assert!(self.tier.release(other, kept).await?, "another tag's is not");
        Ok(())
    }

    async fn an_outdated_tag_outdates_its_entries(&self) -> Result<(), TierError> {
        let (one, other) = (self.lookup("tagged", &["a", "b"]), self.lookup("untagged", &["b"]));
        self.filled(&one, "tagged").await?;
        self.filled(&other, "untagged").await?;
        self.tier.invalidate(tag(&one, 1)).await?;
        let dead = self.dead(&one).await?;
        assert!(matches!(self.tier.read(other).await?, Read::Hit(_)), "other tags' entries live on");
        match self.tier.acquire(one.clone(), LEASE, Some(dead)).await? {
            Acquired::Granted(lease) => {
                self.tier.invalidate(tag(&one, 1)).await?;
                let stood = self.tier.fill(one.clone(), lease, Self::entry("late")).await?;
                assert!(!stood, "nobody who came after the tag was outdated is given that load's value");
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
        self.tier.invalidate(entry(&key)).await?;
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
        self.ends_by_itself(&key, "an entry").await
    }
}
