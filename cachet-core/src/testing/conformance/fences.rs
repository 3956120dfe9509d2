//! What a tier promises of fences.

use std::time::Duration;

use super::{LEASE, Suite, entry, tag};
use crate::tier::{Acquired, Lookup, Read, Target, TierError, WriterId};

const SHORT: Duration = Duration::from_millis(5);

impl Suite<'_> {
    pub(super) async fn fences(&self) -> Result<(), TierError> {
        self.a_fence_drops_the_value_and_takes_no_load().await?;
        self.a_load_that_began_before_a_fence_is_not_stored().await?;
        self.a_fence_stands_until_its_last_writer_is_out().await?;
        self.an_invalidation_leaves_a_fence_standing().await?;
        self.a_lift_without_a_fence_invalidates().await?;
        self.a_fence_ends_by_itself().await?;
        self.a_dead_writer_is_out_when_its_own_time_is_over().await?;
        self.a_fenced_tag_fences_its_entries().await?;
        self.a_load_that_began_before_its_tag_was_fenced_stays_invisible().await?;
        self.a_fenced_tag_outlasts_an_invalidation_and_ends_by_itself().await
    }

    async fn fence(&self, target: Target, writer: WriterId) -> Result<(), TierError> {
        self.tier.fence(vec![target], writer, LEASE).await
    }

    async fn lift(&self, target: Target, writer: WriterId) -> Result<(), TierError> {
        self.tier.lift(vec![target], writer).await
    }

    async fn assert_fenced(&self, lookup: &Lookup, why: &str) -> Result<(), TierError> {
        let read = self.tier.read(lookup.clone()).await?;
        assert!(matches!(read, Read::Fenced), "{why}: a reader is told of the fence, not {read:?}");
        match self.tier.acquire(lookup.clone(), LEASE, None).await? {
            Acquired::Fenced(left) => assert!(left <= LEASE && !left.is_zero(), "{why}: what is left of it is told"),
            other => panic!("{why}: no lease is granted under a fence, but {other:?}"),
        }
        Ok(())
    }

    async fn assert_empty(&self, lookup: &Lookup, why: &str) -> Result<(), TierError> {
        let read = self.tier.read(lookup.clone()).await?;
        assert!(matches!(read, Read::Miss { dead: None }), "{why}: nothing is left, not {read:?}");
        Ok(())
    }

    async fn a_fence_drops_the_value_and_takes_no_load(&self) -> Result<(), TierError> {
        let (key, writer) = (self.lookup("fenced", &[]), WriterId::unique());
        self.filled(&key, "before").await?;
        self.fence(entry(&key), writer).await?;
        self.assert_fenced(&key, "a value is dropped").await?;
        self.lift(entry(&key), writer).await?;
        self.assert_empty(&key, "the fence is lifted").await?;
        self.filled(&key, "after").await?;
        assert!(matches!(self.tier.read(key).await?, Read::Hit(_)), "a later load is stored");
        Ok(())
    }

    async fn a_load_that_began_before_a_fence_is_not_stored(&self) -> Result<(), TierError> {
        let (key, writer) = (self.lookup("fenced-late", &[]), WriterId::unique());
        let before = self.granted(&key).await?;
        self.fence(entry(&key), writer).await?;
        assert!(!self.tier.fill(key.clone(), before, Self::entry("old")).await?, "its fill is refused");
        assert!(!self.tier.release(key.clone(), before).await?, "nor can it release the fence");
        self.assert_fenced(&key, "the late fill changed nothing").await?;
        self.lift(entry(&key), writer).await?;
        assert!(!self.tier.fill(key.clone(), before, Self::entry("old")).await?, "refused after the fence as well");
        self.assert_empty(&key, "the old load left nothing").await
    }

    async fn a_fence_stands_until_its_last_writer_is_out(&self) -> Result<(), TierError> {
        let key = self.lookup("fenced-twice", &[]);
        let writers = [WriterId::unique(), WriterId::unique(), WriterId::unique()];
        for writer in writers {
            self.fence(entry(&key), writer).await?;
            self.fence(entry(&key), writer).await?;
        }
        for writer in writers {
            self.assert_fenced(&key, "a writer is still in").await?;
            self.lift(entry(&key), writer).await?;
        }
        self.assert_empty(&key, "every writer is out, those that fenced twice as well").await
    }

    async fn an_invalidation_leaves_a_fence_standing(&self) -> Result<(), TierError> {
        let (key, writer) = (self.lookup("fenced-invalidated", &[]), WriterId::unique());
        self.fence(entry(&key), writer).await?;
        self.tier.invalidate(entry(&key)).await?;
        self.tier.invalidate_many(vec![entry(&key), entry(&key)]).await?;
        self.assert_fenced(&key, "it was only invalidated").await?;
        self.lift(entry(&key), writer).await
    }

    async fn a_lift_without_a_fence_invalidates(&self) -> Result<(), TierError> {
        let (key, writer, stranger) = (self.lookup("lifted", &[]), WriterId::unique(), WriterId::unique());
        self.lift(entry(&key), stranger).await?;
        self.assert_empty(&key, "nothing was there").await?;
        let lease = self.granted(&key).await?;
        self.lift(entry(&key), stranger).await?;
        assert!(!self.tier.fill(key.clone(), lease, Self::entry("old")).await?, "a lease is gone");
        self.filled(&key, "old").await?;
        self.lift(entry(&key), stranger).await?;
        self.assert_empty(&key, "a value is gone").await?;
        self.fence(entry(&key), writer).await?;
        self.lift(entry(&key), stranger).await?;
        self.assert_fenced(&key, "another's fence is not lifted").await?;
        self.lift(entry(&key), writer).await
    }

    async fn a_fence_ends_by_itself(&self) -> Result<(), TierError> {
        let key = self.lookup("fenced-short", &[]);
        self.filled(&key, "before").await?;
        self.tier.fence(vec![entry(&key)], WriterId::unique(), SHORT).await?;
        self.ends_by_itself(&key, "a fence").await
    }

    async fn a_dead_writer_is_out_when_its_own_time_is_over(&self) -> Result<(), TierError> {
        let (key, dead, living) = (self.lookup("fenced-dead", &[]), WriterId::unique(), WriterId::unique());
        self.fence(entry(&key), living).await?;
        self.tier.fence(vec![entry(&key)], dead, SHORT).await?;
        match self.tier.acquire(key.clone(), LEASE, None).await? {
            Acquired::Fenced(left) => assert!(left > LEASE / 2, "a short fence does not shorten a long one"),
            other => panic!("no lease is granted under a fence, but {other:?}"),
        }
        self.lift(entry(&key), living).await?;
        self.ends_by_itself(&key, "a dead writer's share of a fence").await
    }

    async fn a_fenced_tag_fences_its_entries(&self) -> Result<(), TierError> {
        let (one, other) = (self.lookup("tag-fenced", &["f"]), self.lookup("tag-unfenced", &["g"]));
        let empty = self.lookup("tag-fenced-empty", &["f", "g"]);
        let writers = [WriterId::unique(), WriterId::unique()];
        self.filled(&one, "before").await?;
        self.filled(&other, "before").await?;
        for writer in writers {
            // One exchange for targets of both kinds.
            self.tier.fence(vec![tag(&one, 1), entry(&self.lookup("tag-fenced-too", &[]))], writer, LEASE).await?;
        }
        for writer in writers {
            self.assert_fenced(&one, "its tag is fenced").await?;
            self.assert_fenced(&empty, "one of its tags is fenced").await?;
            self.assert_fenced(&self.lookup("tag-fenced-too", &[]), "it was fenced beside a tag").await?;
            assert!(matches!(self.tier.read(other.clone()).await?, Read::Hit(_)), "other tags' entries live on");
            self.tier.lift(vec![tag(&one, 1), entry(&self.lookup("tag-fenced-too", &[]))], writer).await?;
        }
        self.assert_empty(&self.lookup("tag-fenced-too", &[]), "its fence is lifted").await?;
        self.filled(&empty, "after").await?;
        assert!(matches!(self.tier.read(empty).await?, Read::Hit(_)), "no lease was left under the fence");
        let dead = self.dead(&one).await?;
        let Acquired::Granted(lease) = self.tier.acquire(one.clone(), LEASE, Some(dead)).await? else {
            panic!("a dead entry is given up for a lease");
        };
        assert!(self.tier.fill(one.clone(), lease, Self::entry("after")).await?, "a later load stores");
        assert!(matches!(self.tier.read(one).await?, Read::Hit(_)), "and is read");
        Ok(())
    }

    async fn a_load_that_began_before_its_tag_was_fenced_stays_invisible(&self) -> Result<(), TierError> {
        let (key, writer) = (self.lookup("tag-fenced-late", &["h"]), WriterId::unique());
        let before = self.granted(&key).await?;
        self.fence(tag(&key, 1), writer).await?;
        self.assert_fenced(&key, "the load under way is of no use to others").await?;
        let stood = self.tier.fill(key.clone(), before, Self::entry("old")).await?;
        assert!(!stood, "nobody who came after the fence is given its value");
        self.assert_fenced(&key, "what it stored is dead").await?;
        self.lift(tag(&key, 1), writer).await?;
        let read = self.tier.read(key.clone()).await?;
        assert!(matches!(read, Read::Miss { .. }), "it stays dead after the fence, not {read:?}");
        self.granted(&self.lookup("tag-fenced-new-version", &["h"])).await?;
        let read = self.tier.read(key).await?;
        assert!(matches!(read, Read::Miss { .. }), "and under the tag's next version, not {read:?}");
        Ok(())
    }

    async fn a_fenced_tag_outlasts_an_invalidation_and_ends_by_itself(&self) -> Result<(), TierError> {
        let key = self.lookup("tag-fenced-short", &["i"]);
        let writer = WriterId::unique();
        self.fence(tag(&key, 1), writer).await?;
        self.tier.invalidate(tag(&key, 1)).await?;
        self.assert_fenced(&key, "its tag was only invalidated").await?;
        self.lift(tag(&key, 1), writer).await?;
        self.tier.fence(vec![tag(&key, 1)], writer, SHORT).await?;
        self.ends_by_itself(&key, "a tag's fence").await?;
        self.filled(&key, "after").await
    }
}
