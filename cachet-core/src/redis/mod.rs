//! The Redis tier: the protocol's exchanges, each one round trip.

mod backplane;
mod classes;
mod config;
mod fence;
mod fill;
mod gather;
mod lanes;
mod layout;
mod lease;
mod read;
mod script;
mod start;
mod tags;
#[cfg(feature = "testing")]
mod untrusted;

use std::{sync::Arc, time::Duration};

use deadpool_redis::redis::{Pipeline, RedisError};

pub use self::config::Redis;
#[cfg(all(test, feature = "testing"))]
pub(crate) use self::untrusted::written;
#[cfg(feature = "testing")]
pub(crate) use self::untrusted::{read_entry, read_reply};
use self::{
    backplane::Voice,
    classes::class_of,
    fence::Fences,
    fill::Fills,
    gather::Gathering,
    lanes::{Lanes, Reply},
    lease::Leases,
    script::Calls,
    tags::Tags,
};
use crate::tier::{
    Acquired, Backplane, EntryId, Lease, Lookup, NewEntry, Read, Target, Tier, TierError, TierFuture, WriterId,
};

const NAME: &str = "redis";

/// Redis or Valkey as the shared tier.
#[derive(Debug)]
pub(crate) struct RedisTier {
    lanes: Arc<Lanes>,
    voice: Voice,
    leases: Leases,
    fills: Fills,
    tags: Tags,
    fences: Fences,
    gathering: Gathering,
    /// The most bytes that are read of an entry's key.
    longest: usize,
}

impl RedisTier {
    /// Checks the configuration; connects when first asked. The nodes of a namespace tell each other what they change; a
    /// tier that several runtimes of a process share hands on what any of them changes. No body is longer than `body`
    /// bytes.
    pub(crate) fn new(redis: &Redis, namespace: &str, is_alone: bool, body: usize) -> Result<Self, String> {
        let lanes = Lanes::new(redis.place()?, redis.lives()).map_err(|error| error.to_string())?;
        let is_cluster = lanes.is_cluster();
        Ok(Self {
            lanes: Arc::new(lanes),
            voice: Voice::new(namespace, is_alone),
            leases: Leases::new(redis.lives()),
            fills: Fills::new(is_cluster),
            tags: Tags::new(redis.lives()),
            fences: Fences::new(is_cluster),
            gathering: Gathering::default(),
            longest: layout::longest(body),
        })
    }

    /// Sends calls and makes something of their replies.
    async fn exchange<T>(
        &self,
        operation: &'static str,
        calls: &Calls<'_>,
        read: impl FnOnce(Vec<Reply>) -> Result<T, RedisError>,
    ) -> Result<T, TierError> {
        calls.send(&self.lanes).await.and_then(read).map_err(|error| fault_of(operation, error))
    }
}

impl Tier for RedisTier {
    fn name(&self) -> &'static str {
        NAME
    }

    fn read(&self, lookup: Lookup) -> TierFuture<'_, Read> {
        Box::pin(self.read(lookup))
    }

    fn read_start(&self, lookup: Lookup, bytes: usize) -> TierFuture<'_, Read> {
        Box::pin(async move { self.read_start(&lookup, bytes).await })
    }

    fn read_many(&self, lookups: Vec<Lookup>) -> TierFuture<'_, Vec<Read>> {
        Box::pin(async move { self.read_many(&lookups).await })
    }

    fn acquire(&self, lookup: Lookup, lease: Duration, dead: Option<EntryId>) -> TierFuture<'_, Acquired> {
        Box::pin(async move { self.acquire(&lookup, lease, dead).await })
    }

    fn refresh(&self, lookup: Lookup, lease: Duration, stale: EntryId) -> TierFuture<'_, Acquired> {
        Box::pin(async move { self.refresh(&lookup, lease, stale).await })
    }

    fn acquire_many(&self, wanted: Vec<(Lookup, Option<EntryId>)>, lease: Duration) -> TierFuture<'_, Vec<Acquired>> {
        Box::pin(async move { self.acquire_many(&wanted, lease).await })
    }

    fn fill(&self, lookup: Lookup, lease: Lease, entry: NewEntry) -> TierFuture<'_, bool> {
        Box::pin(async move { Ok(self.fill_many(&[(lookup, lease, entry)]).await? == [true]) })
    }

    fn fill_many(&self, fills: Vec<(Lookup, Lease, NewEntry)>) -> TierFuture<'_, Vec<bool>> {
        Box::pin(async move { self.fill_many(&fills).await })
    }

    fn renew(&self, lookup: Lookup, lease: Lease, time: Duration) -> TierFuture<'_, bool> {
        Box::pin(async move { self.renew(&lookup, lease, time).await })
    }

    fn release(&self, lookup: Lookup, lease: Lease) -> TierFuture<'_, bool> {
        Box::pin(async move { self.release(&lookup, lease).await })
    }

    fn invalidate(&self, target: Target) -> TierFuture<'_, ()> {
        Box::pin(async move { self.invalidate(&[target]).await })
    }

    fn invalidate_many(&self, targets: Vec<Target>) -> TierFuture<'_, ()> {
        Box::pin(async move { self.invalidate(&targets).await })
    }

    fn fence(&self, targets: Vec<Target>, writer: WriterId, time: Duration) -> TierFuture<'_, ()> {
        Box::pin(async move { self.fence(&targets, writer, time).await })
    }

    fn lift(&self, targets: Vec<Target>, writer: WriterId) -> TierFuture<'_, ()> {
        Box::pin(async move { self.lift(&targets, writer).await })
    }

    fn backplane(&self) -> Option<&dyn Backplane> {
        Some(self)
    }

    fn probe(&self) -> TierFuture<'_, ()> {
        let mut ping = Pipeline::new();
        ping.ignore_errors().cmd("PING");
        Box::pin(async move { self.lanes.probe(&ping).await.map_err(|error| fault_of("probe", error)) })
    }
}

fn fault_of(operation: &'static str, error: RedisError) -> TierError {
    TierError { tier: NAME, operation, fault: class_of(&error), source: Box::new(error) }
}
