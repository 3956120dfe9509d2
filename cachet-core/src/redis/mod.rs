//! The Redis tier: the protocol's exchanges, each one round trip.

mod backplane;
mod fence;
mod lanes;
mod layout;
mod lease;
mod read;
mod script;
mod tags;

use std::{future::Future, time::Duration};

use deadpool_redis::redis::{self, ErrorKind, RedisError, ServerErrorKind};

use self::{
    backplane::Voice,
    fence::Fences,
    lanes::{Lane, Lanes},
    lease::Leases,
    tags::Tags,
};
use crate::tier::{
    Acquired, Backplane, EntryId, Fault, Lease, Lookup, NewEntry, Read, Target, Tier, TierError, TierFuture, WriterId,
};

const NAME: &str = "redis";

/// A Redis or Valkey server as the shared tier.
#[derive(Debug)]
pub(crate) struct RedisTier {
    lanes: Lanes,
    voice: Voice,
    leases: Leases,
    tags: Tags,
    fences: Fences,
}

impl RedisTier {
    /// Checks the URL; connects when first asked. The nodes of a namespace tell each other what they change.
    /// One that several runtimes of a process share hands on what any of them changes.
    pub(crate) fn new(url: &str, namespace: &str, is_alone: bool) -> Result<Self, String> {
        let voice = Voice::new(namespace, is_alone);
        Ok(Self { lanes: Lanes::new(url)?, voice, leases: Leases::new(), tags: Tags::new(), fences: Fences::new() })
    }

    /// Runs one exchange on a lane, which is replaced if it turns out broken or the exchange is given up.
    async fn exchange<T, F>(&self, operation: &'static str, run: impl FnOnce(Lane) -> F) -> Result<T, TierError>
    where
        F: Future<Output = Result<T, RedisError>>,
    {
        let lane = self.lanes.next().await.map_err(|source| TierError {
            tier: NAME,
            operation: "connect",
            fault: Fault::Outage,
            source: source.into(),
        });
        let lane = match lane {
            Ok(lane) => lane,
            // Connecting is refused for wrong credentials too, which is no outage.
            Err(error) => return Err(denied_while_connecting(error)),
        };
        let in_use = lane.in_use();
        let outcome = run(lane).await;
        in_use.over(outcome.as_ref().is_err_and(is_broken));
        outcome.map_err(|error| fault_of(operation, error))
    }
}

impl Tier for RedisTier {
    fn name(&self) -> &'static str {
        NAME
    }

    fn read(&self, lookup: Lookup) -> TierFuture<'_, Read> {
        Box::pin(async move { self.read(&lookup).await })
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
        Box::pin(async move { self.fill(&lookup, lease, &entry).await })
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
        Box::pin(
            self.exchange(
                "probe",
                |mut lane| async move { redis::cmd("PING").query_async(&mut lane.connection).await },
            ),
        )
    }
}

/// Reads bytes as what a key holds, and as a message of the backplane.
#[cfg(feature = "testing")]
pub(crate) fn read_untrusted(bytes: &[u8]) {
    let _ = layout::Stored::parse(bytes::Bytes::copy_from_slice(bytes));
    backplane::read_untrusted(bytes);
}

/// Whether the connection that gave this error should be replaced.
fn is_broken(error: &RedisError) -> bool {
    error.is_io_error() || error.is_connection_dropped() || error.is_unrecoverable_error()
}

fn fault_of(operation: &'static str, error: RedisError) -> TierError {
    TierError { tier: NAME, operation, fault: class_of(&error), source: Box::new(error) }
}

fn class_of(error: &RedisError) -> Fault {
    if error.is_io_error() || error.is_timeout() || error.is_connection_dropped() {
        return Fault::Outage;
    }
    match (error.kind(), error.code()) {
        (_, Some("OOM")) => Fault::Full,
        (ErrorKind::AuthenticationFailed, _) | (_, Some("NOAUTH" | "WRONGPASS" | "NOPERM")) => Fault::Denied,
        (
            ErrorKind::Server(ServerErrorKind::BusyLoading | ServerErrorKind::MasterDown | ServerErrorKind::ReadOnly),
            _,
        )
        | (_, Some("LOADING" | "MASTERDOWN" | "READONLY" | "BUSY")) => Fault::Outage,
        _ => Fault::Reply,
    }
}

fn denied_while_connecting(error: TierError) -> TierError {
    let denied = error.source.downcast_ref::<deadpool_redis::PoolError>().is_some_and(
        |source| matches!(source, deadpool_redis::PoolError::Backend(error) if class_of(error) == Fault::Denied),
    );
    if denied { TierError { fault: Fault::Denied, ..error } } else { error }
}
