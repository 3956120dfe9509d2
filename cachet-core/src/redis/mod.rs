//! The Redis tier: the protocol's exchanges, each one round trip.

mod lanes;
mod layout;
mod script;

use std::{future::Future, time::Duration};

use bytes::Bytes;
use deadpool_redis::redis::{self, ErrorKind, RedisError, ServerErrorKind};

use self::{
    lanes::{Lane, Lanes},
    layout::Stored,
    script::Scripts,
};
use crate::tier::{Acquired, EntryId, Fault, Lease, Lookup, NewEntry, Read, Target, Tier, TierError, TierFuture};

const NAME: &str = "redis";

/// A Redis or Valkey server as the shared tier.
#[derive(Debug)]
pub(crate) struct RedisTier {
    lanes: Lanes,
    scripts: Scripts,
}

impl RedisTier {
    /// Checks the URL; connects when first asked.
    pub(crate) fn new(url: &str) -> Result<Self, String> {
        Ok(Self { lanes: Lanes::new(url)?, scripts: Scripts::new() })
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

    async fn read(&self, lookup: &Lookup) -> Result<Read, TierError> {
        let (value, ttl, versions, incarnation) = self
            .exchange("read", |mut lane| async move {
                let mut pipeline = redis::pipe();
                pipeline.get(&*lookup.key).pttl(&*lookup.key).mget(&*lookup.tags);
                let (value, ttl, versions): (Option<Bytes>, i64, Vec<Option<Bytes>>) =
                    pipeline.query_async(&mut lane.connection).await?;
                Ok((value, ttl, versions, lane.incarnation))
            })
            .await?;
        let remaining = Duration::from_millis(u64::try_from(ttl).unwrap_or_default());
        Ok(match value.map(Stored::parse) {
            None => Read::Miss { dead: None },
            Some(Stored::Lease) => Read::Leased,
            Some(Stored::Value { id, tags, entry })
                if id.0.starts_with(&incarnation)
                    && script::digest(&lookup.tags, &versions) == Some(tags)
                    && !remaining.is_zero() =>
            {
                Read::Hit(crate::tier::StoredEntry { id, entry, remaining })
            }
            Some(Stored::Value { id, .. } | Stored::Foreign { id }) => Read::Miss { dead: Some(id) },
        })
    }

    async fn acquire(&self, lookup: &Lookup, lease: Duration, dead: Option<EntryId>) -> Result<Acquired, TierError> {
        self.exchange("acquire", |lane| async move {
            // Two commands at once on one connection: one round trip. The versions are read before the load begins,
            // which is all that matters of their order.
            let (mut first, mut second) = (lane.connection.clone(), lane.connection);
            let (answer, versions) = tokio::try_join!(
                self.scripts.acquire(&mut first, &lookup.key, lease, dead),
                self.scripts.tag_versions(&mut second, &lookup.tags),
            )?;
            Ok(match answer {
                script::Answer::Granted(token) => {
                    let tags = script::digest_of(&lookup.tags, &versions);
                    Acquired::Granted(Lease { token, tags })
                }
                script::Answer::Held(remaining) => Acquired::Held(remaining),
                script::Answer::Filled => Acquired::Filled,
            })
        })
        .await
    }
}

impl Tier for RedisTier {
    fn name(&self) -> &'static str {
        NAME
    }

    fn read(&self, lookup: Lookup) -> TierFuture<'_, Read> {
        Box::pin(async move { self.read(&lookup).await })
    }

    fn acquire(&self, lookup: Lookup, lease: Duration, dead: Option<EntryId>) -> TierFuture<'_, Acquired> {
        Box::pin(async move { self.acquire(&lookup, lease, dead).await })
    }

    fn fill(&self, lookup: Lookup, lease: Lease, entry: NewEntry) -> TierFuture<'_, bool> {
        Box::pin(self.exchange("fill", move |mut lane| async move {
            let value = layout::write(lease.token, &lease.tags, &entry);
            self.scripts.fill(&mut lane.connection, &lookup.key, lease.token, &value, entry.lifetime).await
        }))
    }

    fn release(&self, lookup: Lookup, lease: Lease) -> TierFuture<'_, bool> {
        Box::pin(self.exchange("release", move |mut lane| async move {
            self.scripts.release(&mut lane.connection, &lookup.key, lease.token).await
        }))
    }

    /// Entries and tags alike are invalidated by removing the key: an absent tag gets a version that never was before.
    fn invalidate(&self, target: Target) -> TierFuture<'_, ()> {
        Box::pin(self.exchange("invalidate", move |mut lane| async move {
            let (Target::Entry(key) | Target::Tag(key)) = target;
            redis::cmd("DEL").arg(&*key).query_async(&mut lane.connection).await
        }))
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
