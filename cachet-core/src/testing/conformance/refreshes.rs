//! What a tier promises of values that are no longer fresh.

use std::time::Duration;

use super::{LEASE, Suite, entry, tag};
use crate::tier::{Acquired, EntryId, Lease, Lookup, NewEntry, Read, StoredEntry, TierError};

impl Suite<'_> {
    pub(super) async fn refreshes(&self) -> Result<(), TierError> {
        self.a_stale_value_is_read_while_one_refreshes_it().await?;
        self.a_refresh_that_is_given_back_leaves_the_value().await?;
        self.an_invalidation_outdates_a_refresh().await?;
        self.an_outdated_tag_outdates_a_refresh().await?;
        self.only_the_last_refresher_may_fill().await?;
        self.a_refreshed_value_is_not_refreshed_again().await?;
        self.who_read_during_a_refresh_is_told_to_look_again().await?;
        self.a_fresh_value_is_refreshed_by_its_id().await?;
        self.a_repeated_fill_changes_nothing().await
    }

    async fn a_stale_value_is_read_while_one_refreshes_it(&self) -> Result<(), TierError> {
        let key = self.lookup("stale", &["a"]);
        let stale = self.stale(&key, "stale").await?;
        assert_eq!(stale.entry.load_time, Duration::from_millis(12), "the time of the load is read");
        let lease = self.refreshing(&key, stale.id).await?;
        let again = self.hit(&key).await?;
        assert!(again.remaining.is_zero() && again.entry.body == "stale", "readers still get it");
        match self.tier.refresh(key.clone(), LEASE, again.id).await? {
            Acquired::Held(left) => assert!(left <= LEASE && !left.is_zero(), "what is left of a refresh is told"),
            other => panic!("one refresh is under way, so another is not granted, but {other:?}"),
        }
        assert!(matches!(self.tier.acquire(key.clone(), LEASE, None).await?, Acquired::Filled), "it is no miss");
        assert!(self.tier.fill(key.clone(), lease, Self::entry("fresh")).await?, "its fill is let in");
        let fresh = self.hit(&key).await?;
        assert!(fresh.entry.body == "fresh" && !fresh.remaining.is_zero() && fresh.stale_for.is_zero());
        Ok(())
    }

    async fn a_refresh_that_is_given_back_leaves_the_value(&self) -> Result<(), TierError> {
        let key = self.lookup("given-back", &[]);
        let stale = self.stale(&key, "stale").await?;
        let lease = self.refreshing(&key, stale.id).await?;
        assert!(self.tier.release(key.clone(), lease).await?, "it stood");
        let stale = self.hit(&key).await?;
        assert_eq!(stale.entry.body, "stale", "the value is still there");
        self.refreshing(&key, stale.id).await.map(drop)
    }

    async fn an_invalidation_outdates_a_refresh(&self) -> Result<(), TierError> {
        let key = self.lookup("stale-invalidated", &[]);
        let stale = self.stale(&key, "stale").await?;
        let lease = self.refreshing(&key, stale.id).await?;
        self.tier.invalidate(entry(&key)).await?;
        assert!(matches!(self.tier.read(key.clone()).await?, Read::Miss { .. }), "what was invalidated is not stale");
        assert!(!self.tier.release(key.clone(), lease).await?, "nor does the refresher still hold anything");
        assert!(!self.tier.fill(key, lease, Self::entry("late")).await?, "its fill is refused");
        let key = self.lookup("stale-outdated", &["b"]);
        self.stale(&key, "stale").await?;
        self.tier.invalidate(tag(&key, 1)).await?;
        assert!(!matches!(self.tier.read(key).await?, Read::Hit(_)), "nor is what a tag outdated");
        Ok(())
    }

    async fn an_outdated_tag_outdates_a_refresh(&self) -> Result<(), TierError> {
        let key = self.lookup("stale-tagged", &["c"]);
        let stale = self.stale(&key, "stale").await?;
        let lease = self.refreshing(&key, stale.id).await?;
        self.tier.invalidate(tag(&key, 1)).await?;
        assert!(!self.tier.release(key, lease).await?, "the stale value is of no use any more");
        let key = self.lookup("stale-tagged-before", &["d"]);
        let stale = self.stale(&key, "stale").await?;
        self.tier.invalidate(tag(&key, 1)).await?;
        let answer = self.tier.refresh(key, LEASE, stale.id).await?;
        assert!(matches!(answer, Acquired::Filled), "what a tag outdated is not refreshed, but {answer:?}");
        Ok(())
    }

    async fn only_the_last_refresher_may_fill(&self) -> Result<(), TierError> {
        let key = self.lookup("refreshers", &[]);
        let stale = self.stale(&key, "stale").await?;
        let short = match self.tier.refresh(key.clone(), Duration::from_millis(1), stale.id).await? {
            Acquired::Granted(lease) => lease,
            other => panic!("a stale value grants its refresh, not {other:?}"),
        };
        let later = self
            .until("a refresh", || async {
                let id = self.hit(&key).await?.id;
                let answer = self.tier.refresh(key.clone(), LEASE, id).await?;
                Ok(if let Acquired::Granted(lease) = answer { Some(lease) } else { None })
            })
            .await?;
        assert!(!self.tier.fill(key.clone(), short, Self::entry("late")).await?, "the earlier one's is refused");
        assert!(self.tier.fill(key, later, Self::entry("fresh")).await?, "the later one's is let in");
        Ok(())
    }

    async fn a_refreshed_value_is_not_refreshed_again(&self) -> Result<(), TierError> {
        let key = self.lookup("refreshed", &[]);
        let stale = self.stale(&key, "stale").await?;
        let lease = self.refreshing(&key, stale.id).await?;
        assert!(self.tier.fill(key.clone(), lease, Self::entry("fresh")).await?, "its fill is let in");
        let answer = self.tier.refresh(key.clone(), LEASE, stale.id).await?;
        assert!(matches!(answer, Acquired::Filled), "who saw the stale one is told to look again, not {answer:?}");
        self.tier.invalidate(entry(&key)).await?;
        let answer = self.tier.refresh(key, LEASE, stale.id).await?;
        assert!(matches!(answer, Acquired::Filled), "so is who comes after an invalidation, not {answer:?}");
        Ok(())
    }

    async fn who_read_during_a_refresh_is_told_to_look_again(&self) -> Result<(), TierError> {
        let key = self.lookup("read-meanwhile", &[]);
        let stale = self.stale(&key, "stale").await?;
        let lease = self.refreshing(&key, stale.id).await?;
        let meanwhile = self.hit(&key).await?;
        assert_eq!(meanwhile.id, stale.id, "a value keeps its id while it is refreshed");
        assert_eq!(meanwhile.tags, stale.tags, "and its tags' versions");
        assert!(self.tier.fill(key.clone(), lease, Self::entry("fresh")).await?, "its fill is let in");
        let answer = self.tier.refresh(key.clone(), LEASE, meanwhile.id).await?;
        assert!(matches!(answer, Acquired::Filled), "a fresh value is not refreshed for a stale one, but {answer:?}");
        let fresh = self.hit(&key).await?;
        assert_ne!(fresh.id, stale.id, "another fill has another id");
        assert_eq!((fresh.id, fresh.tags), (lease.token, lease.tags), "that of its own lease");
        Ok(())
    }

    async fn a_fresh_value_is_refreshed_by_its_id(&self) -> Result<(), TierError> {
        let key = self.lookup("early", &[]);
        self.filled(&key, "first").await?;
        let first = self.hit(&key).await?;
        let lease = self.refreshing(&key, first.id).await?;
        let again = self.hit(&key).await?;
        assert!(again.entry.body == "first" && !again.remaining.is_zero(), "readers still get it, fresh");
        let answer = self.tier.refresh(key.clone(), LEASE, first.id).await?;
        assert!(
            matches!(answer, Acquired::Held(_)),
            "one refresh is under way, so another is not granted, but {answer:?}"
        );
        assert!(self.tier.fill(key.clone(), lease, Self::entry("second")).await?, "its fill is let in");
        assert_eq!(self.hit(&key).await?.entry.body, "second");
        assert!(!self.tier.release(key, lease).await?, "and its lease is over");
        Ok(())
    }

    async fn a_repeated_fill_changes_nothing(&self) -> Result<(), TierError> {
        let key = self.lookup("repeated", &[]);
        let stale = self.stale(&key, "stale").await?;
        let first = self.refreshing(&key, stale.id).await?;
        assert!(self.tier.fill(key.clone(), first, Self::entry("once")).await?, "its fill is let in");
        let id = self.hit(&key).await?.id;
        let second = self.refreshing(&key, id).await?;
        assert!(self.tier.fill(key.clone(), first, Self::entry("twice")).await?, "it is answered like the first time");
        assert_eq!(self.hit(&key).await?.entry.body, "once", "and the value is that of the first time");
        assert!(self.tier.fill(key, second, Self::entry("later")).await?, "nor does it end another's refresh");
        Ok(())
    }

    /// Stores a value that is stale as soon as it can be read so.
    async fn stale(&self, key: &Lookup, body: &'static str) -> Result<StoredEntry, TierError> {
        let lease = self.granted(key).await?;
        let lifetime = Duration::from_millis(1);
        let entry = NewEntry { lifetime, grace: Duration::from_mins(1), ..Self::entry(body) };
        assert!(self.tier.fill(key.clone(), lease, entry).await?, "a standing lease lets a fill in");
        self.until("a fresh value", || async {
            let stored = self.hit(key).await?;
            assert!(stored.stale_for.is_zero() || stored.remaining.is_zero(), "it is stale or fresh, and not both");
            Ok((!stored.stale_for.is_zero()).then_some(stored))
        })
        .await
    }

    async fn hit(&self, key: &Lookup) -> Result<StoredEntry, TierError> {
        match self.tier.read(key.clone()).await? {
            Read::Hit(stored) => Ok(stored),
            other => panic!("a value that is kept is a hit, not {other:?}"),
        }
    }

    async fn refreshing(&self, key: &Lookup, stale: EntryId) -> Result<Lease, TierError> {
        match self.tier.refresh(key.clone(), LEASE, stale).await? {
            Acquired::Granted(lease) => Ok(lease),
            other => panic!("a stale value grants its refresh, not {other:?}"),
        }
    }
}
