//! One server: a few connections that all tasks share.
//!
//! deadpool owns connecting, health and replacement. A lane keeps one of its connections checked out and hands out clones
//! of it, which are handles of one multiplexed connection: a checkout and a PING for every command would cost several
//! times the throughput.

use std::{
    fmt, io,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use deadpool_redis::{
    Connection, Manager, Pool, PoolError, Runtime,
    redis::{
        self, AsyncConnectionConfig, Client, ConnectionInfo, Pipeline, RedisError, RedisResult, Value,
        aio::MultiplexedConnection,
    },
};
use tokio::{sync::Mutex, time::timeout};

use super::Lives;

/// One connection would do for throughput; a second one keeps small answers from waiting behind a large one.
const LANES: usize = 4;

/// How long a connection's incarnation is believed without a word of the server.
const CONFIRMED: Duration = Duration::from_millis(500);

/// The longest that one connection is waited for, before another one is tried.
pub(super) const CONNECTING: Duration = Duration::from_secs(2);

/// An exchange that is given up later than this was waited for in vain; no deadline is as short.
const PATIENCE: Duration = Duration::from_millis(5);

/// How much of a replication id stands in a token.
const INCARNATION: usize = 8;

/// The beginning of a replication id.
pub(in crate::redis) type Incarnation = [u8; INCARNATION];

pub(super) struct Server {
    pool: Pool,
    client: Client,
    checkouts: [Arc<Mutex<Option<Checkout>>>; LANES],
    lives: Lives,
    turn: AtomicUsize,
    suspect: AtomicBool,
}

/// What a server answers, a command's own failure included.
pub(super) struct Answers {
    pub(super) values: Vec<RedisResult<Value>>,
    pub(super) incarnation: Incarnation,
}

/// A connection that stays checked out.
struct Checkout {
    connection: Connection,
    incarnation: Incarnation,
    confirmed: Arc<Confirmation>,
    broken: Arc<AtomicBool>,
}

/// A lane for one exchange.
struct Lane {
    connection: MultiplexedConnection,
    incarnation: Incarnation,
    confirmed: Arc<Confirmation>,
    broken: Arc<AtomicBool>,
}

impl Server {
    pub(super) fn new(info: ConnectionInfo, lives: Lives) -> RedisResult<Self> {
        // The one deadline is the caller's; the library's own would cut a longer one short.
        let timeouts = AsyncConnectionConfig::new().set_response_timeout(None).set_connection_timeout(None);
        let client = Client::open(info.clone())?;
        let pool = Pool::builder(Manager::new_with_config(info, timeouts)?)
            .max_size(LANES)
            .runtime(Runtime::Tokio1)
            .build()
            .map_err(io::Error::other)?;
        let (turn, suspect) = Default::default();
        Ok(Self { pool, client, checkouts: Default::default(), lives, turn, suspect })
    }

    /// Where a connection of another kind is made.
    pub(super) fn client(&self) -> &Client {
        &self.client
    }

    /// Whether the last exchange failed or was given up: another server may have taken this one's place.
    pub(super) fn is_suspect(&self) -> bool {
        self.suspect.load(Ordering::Relaxed)
    }

    /// Sends the commands of a pipeline that ignores errors, in one round trip.
    ///
    /// Who: a server that was demoted, took over another's data, and was promoted again. When: while a connection to it
    /// stays open. What stops its earlier values: the connection's incarnation is asked for again behind the commands,
    /// so that it is never older than [`CONFIRMED`]. Scripts look at it themselves.
    pub(super) async fn send(&self, commands: &Pipeline) -> RedisResult<Answers> {
        let mut in_use = InUse { suspect: &self.suspect, broken: None, begun: Instant::now(), is_sound: None };
        let outcome = self.send_on(commands, &mut in_use).await;
        in_use.is_sound.get_or_insert(outcome.is_ok());
        outcome
    }

    async fn send_on(&self, commands: &Pipeline, in_use: &mut InUse<'_>) -> RedisResult<Answers> {
        let lane = self.next().await?;
        in_use.broken = Some(Arc::clone(&lane.broken));
        let asked = Instant::now();
        let mut connection = lane.connection.clone();
        let sending = commands.query_async::<Vec<RedisResult<Value>>>(&mut connection);
        let (values, incarnation) = if lane.confirmed.is_due() {
            let mut connection = lane.connection.clone();
            // Both are written before either is answered, in this order.
            let (values, now) = tokio::join!(sending, incarnation_of(&mut connection, self.lives));
            let now = now?;
            lane.confirmed.renew(asked);
            (values?, now)
        } else {
            (sending.await?, lane.incarnation)
        };
        if let Some(error) = values.iter().find_map(|value| value.as_ref().err().filter(|error| is_demotion(error))) {
            return Err(error.clone());
        }
        in_use.is_sound = Some(incarnation == lane.incarnation);
        self.suspect.store(false, Ordering::Relaxed);
        Ok(Answers { values, incarnation })
    }

    /// The next lane in turn, connected if need be. Whoever comes while a lane connects waits for that.
    ///
    /// The caller's deadline bounds the waiting but not the connecting: a handshake that takes longer than any deadline
    /// would else begin again with every caller, and never come to its end.
    async fn next(&self) -> RedisResult<Lane> {
        let turn = self.turn.fetch_add(1, Ordering::Relaxed);
        let mut lane = Arc::clone(&self.checkouts[turn % LANES]).lock_owned().await;
        if let Some(broken) = lane.take_if(|checkout| checkout.broken.load(Ordering::Relaxed)) {
            // Out of the pool for good, which makes room for its successor.
            drop(Connection::take(broken.connection));
        }
        if let Some(checkout) = &*lane {
            return Ok(checkout.lane());
        }
        let (pool, lives) = (self.pool.clone(), self.lives);
        let connecting = tokio::spawn(async move { Ok(lane.insert(check_out(&pool, lives).await?).lane()) });
        connecting.await.map_err(io::Error::other)?
    }
}

async fn check_out(pool: &Pool, lives: Lives) -> RedisResult<Checkout> {
    let asked = Instant::now();
    let connecting = async {
        pool.get().await.map_err(|error| match error {
            PoolError::Backend(error) => error,
            other => io::Error::other(other).into(),
        })
    };
    let mut connection = within(CONNECTING, connecting).await?;
    match within(CONNECTING, incarnation_of(&mut connection, lives)).await {
        Ok(incarnation) => {
            let confirmed = Arc::new(Confirmation::at(asked));
            Ok(Checkout { connection, incarnation, confirmed, broken: Arc::default() })
        }
        Err(error) => {
            // Out of the pool, which would give it to the next one.
            drop(Connection::take(connection));
            Err(error)
        }
    }
}

pub(super) async fn within<T, E: Into<RedisError>>(
    limit: Duration,
    step: impl Future<Output = Result<T, E>>,
) -> RedisResult<T> {
    match timeout(limit, step).await {
        Ok(outcome) => outcome.map_err(Into::into),
        Err(_) => Err(io::Error::from(io::ErrorKind::TimedOut).into()),
    }
}

impl Checkout {
    fn lane(&self) -> Lane {
        Lane {
            connection: (*self.connection).clone(),
            incarnation: self.incarnation,
            confirmed: Arc::clone(&self.confirmed),
            broken: Arc::clone(&self.broken),
        }
    }
}

/// When a connection's incarnation was asked for, and whether somebody is about to.
struct Confirmation {
    since: Instant,
    asked: AtomicU64,
    asking: AtomicBool,
}

impl Confirmation {
    fn at(since: Instant) -> Self {
        Self { since, asked: AtomicU64::new(0), asking: AtomicBool::new(false) }
    }

    /// One asks from half the time on, so that not everybody has to when it is over.
    fn is_due(&self) -> bool {
        let age = self.since.elapsed().saturating_sub(Duration::from_millis(self.asked.load(Ordering::Relaxed)));
        age >= CONFIRMED || (age >= CONFIRMED / 2 && !self.asking.swap(true, Ordering::Relaxed))
    }

    fn renew(&self, asked: Instant) {
        let millis = asked.saturating_duration_since(self.since).as_millis();
        self.asked.fetch_max(u64::try_from(millis).unwrap_or_default(), Ordering::Relaxed);
        self.asking.store(false, Ordering::Relaxed);
    }
}

/// Marks lane and server unless the exchange comes to its end: one that is given up may have met a connection whose
/// other end is gone without a word. A caller that merely went away soon says nothing of the kind.
struct InUse<'a> {
    suspect: &'a AtomicBool,
    broken: Option<Arc<AtomicBool>>,
    begun: Instant,
    /// How the exchange came to its end; `None` for one that was given up.
    is_sound: Option<bool>,
}

impl Drop for InUse<'_> {
    fn drop(&mut self) {
        if !self.is_sound.unwrap_or_else(|| self.begun.elapsed() < PATIENCE) {
            self.suspect.store(true, Ordering::Relaxed);
            if let Some(broken) = &self.broken {
                broken.store(true, Ordering::Relaxed);
            }
        }
    }
}

/// Which life of the server a connection leads to: a restart or a failover changes it. Values of a replica are nobody's.
async fn incarnation_of(connection: &mut impl redis::aio::ConnectionLike, lives: Lives) -> RedisResult<Incarnation> {
    let replication: String = redis::cmd("INFO").arg("replication").query_async(connection).await?;
    if replication.lines().any(|line| line == "role:slave") {
        return Err(io::Error::new(io::ErrorKind::NotConnected, "the server is a replica").into());
    }
    if lives == Lives::AreOne {
        return Ok([b'0'; INCARNATION]);
    }
    Ok(incarnation_in(&replication).unwrap_or_default())
}

/// The beginning of the replication id in the answer of `INFO replication`.
pub(super) fn incarnation_in(replication: &str) -> Option<Incarnation> {
    let id = replication.lines().find_map(|line| line.strip_prefix("master_replid:"))?;
    id.as_bytes().first_chunk().copied()
}

/// Whether the server says that it is the master no more.
fn is_demotion(error: &RedisError) -> bool {
    matches!(error.code(), Some("READONLY" | "MASTERDOWN"))
}

impl fmt::Debug for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let address = self.client.get_connection_info().addr();
        f.debug_struct("Server").field("address", address).field("suspect", &self.suspect).finish_non_exhaustive()
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
}
