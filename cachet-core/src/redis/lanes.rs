//! Lanes: a few connections that all tasks share.
//!
//! deadpool owns configuration, connecting, health and replacement. A lane keeps one of its connections checked out and
//! hands out clones of it, which are handles of one multiplexed connection: a checkout and a PING for every command
//! would cost several times the throughput.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use deadpool_redis::{
    Connection, Manager, Pool, PoolError, Runtime,
    redis::{self, AsyncConnectionConfig, Client, aio::MultiplexedConnection},
};
use tokio::sync::Mutex;

/// One connection would do for throughput; a second one keeps small answers from waiting behind a large one.
const LANES: usize = 4;

/// An exchange that is given up later than this was waited for in vain; no deadline is as short.
const PATIENCE: Duration = Duration::from_millis(5);

/// How much of a replication id stands in a token.
const INCARNATION: usize = 8;

/// The beginning of a replication id.
pub(super) type Incarnation = [u8; INCARNATION];

#[derive(Debug)]
pub(super) struct Lanes {
    client: Client,
    pool: Pool,
    checkouts: [Mutex<Option<Checkout>>; LANES],
    turn: AtomicUsize,
}

/// A connection that stays checked out.
struct Checkout {
    connection: Connection,
    incarnation: Incarnation,
    broken: Arc<AtomicBool>,
}

/// A lane for one exchange.
pub(super) struct Lane {
    pub(super) connection: MultiplexedConnection,
    /// Which life of the server the connection leads to: a restart or a failover changes it.
    pub(super) incarnation: Incarnation,
    broken: Arc<AtomicBool>,
}

impl Lanes {
    pub(super) fn new(url: &str) -> Result<Self, String> {
        // The one deadline is the caller's; the library's own would cut a longer one short.
        let timeouts = AsyncConnectionConfig::new().set_response_timeout(None).set_connection_timeout(None);
        let manager = Manager::new_with_config(url, timeouts).map_err(|error| error.to_string())?;
        let pool = Pool::builder(manager)
            .max_size(LANES)
            .runtime(Runtime::Tokio1)
            .build()
            .map_err(|error| error.to_string())?;
        let client = Client::open(url).map_err(|error| error.to_string())?;
        Ok(Self { client, pool, checkouts: Default::default(), turn: AtomicUsize::new(0) })
    }

    /// The next lane in turn, connected if need be. Whoever comes while a lane connects waits for that; the caller's
    /// deadline bounds it.
    pub(super) async fn next(&self) -> Result<Lane, PoolError> {
        let turn = self.turn.fetch_add(1, Ordering::Relaxed);
        let mut lane = self.checkouts[turn % LANES].lock().await;
        if let Some(broken) = lane.take_if(|checkout| checkout.broken.load(Ordering::Relaxed)) {
            // Out of the pool for good, which makes room for its successor.
            drop(Connection::take(broken.connection));
        }
        let checkout = match &*lane {
            Some(checkout) => checkout,
            None => lane.insert(self.check_out().await?),
        };
        Ok(Lane {
            connection: (*checkout.connection).clone(),
            incarnation: checkout.incarnation,
            broken: Arc::clone(&checkout.broken),
        })
    }

    /// Where a connection of another kind is made.
    pub(super) fn client(&self) -> &Client {
        &self.client
    }

    async fn check_out(&self) -> Result<Checkout, PoolError> {
        let mut connection = self.pool.get().await?;
        let replication: String =
            redis::cmd("INFO").arg("replication").query_async(&mut connection).await.map_err(PoolError::Backend)?;
        Ok(Checkout {
            incarnation: incarnation_in(&replication).unwrap_or_default(),
            connection,
            broken: Arc::default(),
        })
    }
}

/// The beginning of the replication id in the answer of `INFO replication`.
fn incarnation_in(replication: &str) -> Option<Incarnation> {
    let id = replication.lines().find_map(|line| line.strip_prefix("master_replid:"))?;
    id.as_bytes().first_chunk().copied()
}

impl Lane {
    /// Marks the lane broken unless the exchange comes to its end: one that is given up may have met a connection
    /// whose other end is gone without a word. A caller that merely went away soon says nothing of the kind.
    pub(super) fn in_use(&self) -> InUse {
        InUse { broken: Arc::clone(&self.broken), begun: Instant::now(), outcome: None }
    }
}

pub(super) struct InUse {
    broken: Arc<AtomicBool>,
    begun: Instant,
    /// Whether the lane turned out broken, once that is known.
    outcome: Option<bool>,
}

impl InUse {
    pub(super) fn over(mut self, broken: bool) {
        self.outcome = Some(broken);
    }
}

impl Drop for InUse {
    fn drop(&mut self) {
        if self.outcome.unwrap_or_else(|| self.begun.elapsed() >= PATIENCE) {
            self.broken.store(true, Ordering::Relaxed);
        }
    }
}

impl std::fmt::Debug for Checkout {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Checkout").field("broken", &self.broken).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_incarnation_is_the_beginning_of_the_replication_id() {
        let answer = "# Replication\r\nrole:master\r\nmaster_replid:8371445ee47b6a6d\r\nmaster_replid2:0000\r\n";
        assert_eq!(incarnation_in(answer), Some(*b"8371445e"));
        assert_eq!(incarnation_in("role:master"), None);
        assert_eq!(incarnation_in("master_replid:12"), None);
    }

    #[test]
    fn a_url_that_is_none_is_refused() {
        for url in ["", "localhost", "http://127.0.0.1", "redis://127.0.0.1:port"] {
            assert!(Lanes::new(url).is_err(), "{url}");
        }
    }
}
