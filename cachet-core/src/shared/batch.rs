//! Many entries at once: one exchange for each [`MAX_BATCH`] of them, under a deadline of its own.
//!
//! The answers are in the order of what was asked; `None` stands where the tier could not be asked. After an exchange
//! that failed the rest is not asked at all, so that a hung tier costs one deadline.
#![allow(dead_code, reason = "for functions with `batch`")]

use std::{future::Future, sync::Arc};

use super::{Grant, HeldLease, Shared};
use crate::tier::{EntryId, Lookup, MAX_BATCH, NewEntry, Read, Tier, TierError};

impl Shared {
    pub(crate) async fn read_many(&self, lookups: Vec<Lookup>) -> Vec<Option<Read>> {
        self.ask_for_many("read", lookups, |tier, some| async move { tier.read_many(some).await }).await
    }

    /// Asks for leases, each with the entry that was found dead. A lease is a guard as that of [`Shared::acquire`].
    pub(crate) async fn acquire_many(&self, wanted: Vec<(Lookup, Option<EntryId>)>) -> Vec<Option<Grant>> {
        let exchange = |tier: Arc<dyn Tier>, some: Vec<(Lookup, Option<EntryId>)>| {
            let shared = self.clone();
            async move {
                let acquired = tier.acquire_many(some.clone(), shared.0.lease).await?;
                let grants = acquired.into_iter().zip(some);
                Ok(grants.map(|(acquired, (lookup, _))| Grant::of(acquired, shared.clone(), lookup)).collect())
            }
        };
        self.ask_for_many("acquire", wanted, exchange).await
    }

    /// Stores values, and says of each whether its lease still stood.
    pub(crate) async fn fill_many(&self, fills: Vec<(HeldLease, NewEntry)>) -> Vec<Option<bool>> {
        let exchange = |tier: Arc<dyn Tier>, some: Vec<(HeldLease, NewEntry)>| {
            let fills = some.into_iter().filter_map(|(lease, entry)| lease.into_fill(entry)).collect();
            async move { tier.fill_many(fills).await }
        };
        self.ask_for_many("fill", fills, exchange).await
    }

    async fn ask_for_many<A, T, F>(
        &self,
        operation: &'static str,
        asked: Vec<A>,
        exchange: impl Fn(Arc<dyn Tier>, Vec<A>) -> F,
    ) -> Vec<Option<T>>
    where
        T: Send + 'static,
        F: Future<Output = Result<Vec<T>, TierError>> + Send + 'static,
    {
        let count = asked.len();
        let mut asked = asked.into_iter();
        let mut answers = Vec::with_capacity(count);
        while answers.len() < count {
            let some: Vec<A> = asked.by_ref().take(MAX_BATCH).collect();
            let end = answers.len() + some.len();
            let Some(more) = self.ask(operation, |tier| exchange(tier, some)).await else { break };
            answers.extend(more.into_iter().map(Some));
            // A tier that gives too few or too many answers does not shift those of the next exchange.
            answers.resize_with(end, || None);
        }
        answers.resize_with(count, || None);
        answers
    }
}
