//! What a tier promises of exchanges for many entries: the answers of the single ones, in order.

use super::{LEASE, Suite, entry, tag};
use crate::tier::{Acquired, EntryId, Lease, Lookup, MAX_BATCH, Read, TierError, WriterId};

/// An answer in one word, to compare several.
fn word(read: &Read) -> String {
    match read {
        Read::Hit(stored) => String::from_utf8_lossy(&stored.entry.body).into_owned(),
        Read::Leased => "leased".into(),
        Read::Fenced => "fenced".into(),
        Read::Miss { dead: None } => "nothing".into(),
        Read::Miss { dead: Some(_) } => "dead".into(),
    }
}

fn word_of(acquired: &Acquired) -> &'static str {
    match acquired {
        Acquired::Granted(_) => "granted",
        Acquired::Held(_) => "held",
        Acquired::Filled => "filled",
        Acquired::Fenced(_) => "fenced",
    }
}

impl Suite<'_> {
    pub(super) async fn batches(&self) -> Result<(), TierError> {
        self.a_batch_is_answered_as_its_keys_would_be_one_by_one().await?;
        self.a_batch_of_fills_is_answered_one_by_one().await?;
        self.a_batch_of_invalidations_invalidates_each().await?;
        self.an_empty_batch_has_no_answers().await?;
        self.a_batch_may_be_as_large_as_is_asked_for().await
    }

    async fn a_batch_is_answered_as_its_keys_would_be_one_by_one(&self) -> Result<(), TierError> {
        let (one, two) = (self.lookup("many-1", &[]), self.lookup("many-2", &["m"]));
        let (nothing, leased) = (self.lookup("many-3", &["m"]), self.lookup("many-4", &["m", "n"]));
        let (dead, fenced) = (self.lookup("many-5", &["o"]), self.lookup("many-6", &[]));
        let (tag_fenced, writer) = (self.lookup("many-7", &["p"]), WriterId::unique());
        for (lookup, body) in [(&one, "one"), (&two, "two"), (&dead, "dead")] {
            self.filled(lookup, body).await?;
        }
        self.granted(&leased).await?;
        self.tier.invalidate(tag(&dead, 1)).await?;
        self.tier.fence(vec![entry(&fenced), tag(&tag_fenced, 1)], writer, LEASE).await?;
        let id = self.dead(&dead).await?;

        let lookups = [&two, &nothing, &leased, &dead, &one, &fenced, &tag_fenced, &two].map(Lookup::clone);
        let answers = self.tier.read_many(lookups.to_vec()).await?;
        let expected = ["two", "nothing", "leased", "dead", "one", "fenced", "fenced", "two"];
        assert_eq!(answers.iter().map(word).collect::<Vec<_>>(), expected, "a batch of reads");
        for (lookup, batched) in lookups.into_iter().zip(&answers) {
            assert_eq!(word(&self.tier.read(lookup).await?), word(batched), "a read by itself");
        }
        assert!(
            matches!((&answers[3], &answers[0]), (Read::Miss { dead: Some(dead) }, Read::Hit(hit))
                if *dead == id && !hit.remaining.is_zero() && hit.remaining <= hit.entry.lifetime),
            "ids and what is left belong to their keys"
        );

        let wanted = [&two, &nothing, &leased, &dead, &fenced, &tag_fenced, &nothing];
        let wanted = wanted.map(|lookup| (lookup.clone(), (lookup.key == dead.key).then_some(id))).to_vec();
        let acquired = self.tier.acquire_many(wanted.clone(), LEASE).await?;
        let expected = ["filled", "granted", "held", "granted", "fenced", "fenced", "held"];
        assert_eq!(acquired.iter().map(word_of).collect::<Vec<_>>(), expected, "a batch of leases");
        self.the_granted_can_be_filled(wanted, acquired).await?;

        self.tier.lift(vec![entry(&fenced), tag(&tag_fenced, 1)], writer).await?;
        self.filled(&fenced, "no lease was left under the fence").await?;
        self.filled(&tag_fenced, "nor under the tag's").await
    }

    async fn the_granted_can_be_filled(
        &self,
        wanted: Vec<(Lookup, Option<EntryId>)>,
        acquired: Vec<Acquired>,
    ) -> Result<(), TierError> {
        for ((lookup, _), acquired) in wanted.into_iter().zip(acquired) {
            if let Acquired::Granted(lease) = acquired {
                assert!(
                    self.tier.fill(lookup.clone(), lease, Self::entry("filled")).await?,
                    "a lease of a batch stands"
                );
                let read = self.tier.read(lookup).await?;
                assert_eq!(word(&read), "filled", "and notes its own tags' versions");
            }
        }
        Ok(())
    }

    async fn a_batch_of_fills_is_answered_one_by_one(&self) -> Result<(), TierError> {
        let (one, outdated, other) =
            (self.lookup("fill-1", &["q"]), self.lookup("fill-2", &[]), self.lookup("fill-3", &["q"]));
        let [first, second, third] =
            [self.granted(&one).await?, self.granted(&outdated).await?, self.granted(&other).await?];
        self.tier.invalidate(entry(&outdated)).await?;
        let fills = [(&one, first, "1"), (&outdated, second, "2"), (&other, third, "3"), (&one, first, "1")];
        let fills = fills.map(|(lookup, lease, body)| (lookup.clone(), lease, Self::entry(body)));
        let stood = self.tier.fill_many(fills.to_vec()).await?;
        assert_eq!(stood, [true, false, true, true], "a fill whose lease is gone is refused, one repeated is not");
        let read = self.tier.read_many(vec![other, outdated, one]).await?;
        assert_eq!(read.iter().map(word).collect::<Vec<_>>(), ["3", "nothing", "1"], "each value is under its key");
        Ok(())
    }

    async fn a_batch_of_invalidations_invalidates_each(&self) -> Result<(), TierError> {
        let (one, other) = (self.lookup("invalidate-1", &[]), self.lookup("invalidate-2", &["r"]));
        self.filled(&one, "old").await?;
        self.filled(&other, "old").await?;
        self.tier.invalidate_many(vec![entry(&one), tag(&other, 1)]).await?;
        let read = self.tier.read_many(vec![one, other]).await?;
        assert_eq!(read.iter().map(word).collect::<Vec<_>>(), ["nothing", "dead"], "neither is served");
        Ok(())
    }

    async fn an_empty_batch_has_no_answers(&self) -> Result<(), TierError> {
        assert!(self.tier.read_many(Vec::new()).await?.is_empty(), "no lookups, no answers");
        assert!(self.tier.acquire_many(Vec::new(), LEASE).await?.is_empty(), "no lookups, no leases");
        assert!(self.tier.fill_many(Vec::new()).await?.is_empty(), "no fills, no answers");
        self.tier.invalidate_many(Vec::new()).await?;
        self.tier.fence(Vec::new(), WriterId::unique(), LEASE).await?;
        self.tier.lift(Vec::new(), WriterId::unique()).await
    }

    async fn a_batch_may_be_as_large_as_is_asked_for(&self) -> Result<(), TierError> {
        // Every entry has tags of its own, so there are more tags than entries.
        let lookups: Vec<Lookup> = (0..MAX_BATCH)
            .map(|at| self.lookup(&format!("large-{at}"), &[&format!("s-{at}"), &format!("t-{at}")]))
            .collect();
        let wanted = lookups.iter().map(|lookup| (lookup.clone(), None)).collect();
        let acquired = self.tier.acquire_many(wanted, LEASE).await?;
        let leases: Vec<Lease> = acquired
            .into_iter()
            .map(|acquired| match acquired {
                Acquired::Granted(lease) => lease,
                other => panic!("each key of a large batch grants its lease, not {other:?}"),
            })
            .collect();
        let fills = lookups.iter().zip(leases).map(|(lookup, lease)| (lookup.clone(), lease, Self::entry("large")));
        assert_eq!(self.tier.fill_many(fills.collect()).await?, [true; MAX_BATCH], "each is stored");
        let targets = lookups[1..].iter().map(entry).collect();
        let read = self.tier.read_many(lookups.clone()).await?;
        assert!(read.len() == MAX_BATCH && read.iter().all(|read| word(read) == "large"), "and each is read");
        self.tier.invalidate_many(targets).await?;
        let read = self.tier.read_many(lookups).await?;
        assert!(word(&read[0]) == "large" && read[1..].iter().all(|read| word(read) == "nothing"), "or invalidated");
        Ok(())
    }
}
