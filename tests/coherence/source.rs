//! The source of truth: rows of an `SQLite` database that all nodes read and write, and the cached functions over it.

use std::{
    future::Future,
    path::Path,
    pin::pin,
    sync::{
        OnceLock,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use cachet_core::{Cached, Invalidation, cached, invalidate_tag, invalidates};
use deadpool_sqlite::{
    Config, Pool, Runtime,
    rusqlite::{self, Connection},
};
use serde::{Deserialize, Serialize};
use tokio::sync::watch;

use super::history::{Event, Function, Item, Log, Means, Outcome, now};

/// How many rows there are, and how many of them are written often.
pub(crate) const ROWS: u64 = 24;
pub(crate) const BUSY: u64 = 8;

/// For how long a value is of use in any way, by its function.
pub(crate) fn lifetime(function: Function) -> Duration {
    match function {
        Function::Kept => Duration::from_secs(5),
        Function::Brief => Duration::from_millis(2400),
        Function::Lasting => Duration::from_mins(1),
    }
}

/// The longest load.
pub(crate) const LONGEST_LOAD: Duration = Duration::from_millis(700);

/// What a process works with.
static DATABASE: OnceLock<Pool> = OnceLock::new();
pub(crate) static LOG: OnceLock<Log> = OnceLock::new();
/// Whether loads and commits are held up, where that is for somebody to say and not for chance.
pub(crate) static HELD: OnceLock<watch::Sender<bool>> = OnceLock::new();
static WRITES: AtomicU64 = AtomicU64::new(0);

/// A value, large enough to be evicted now and then.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Row {
    version: u64,
    filler: String,
}

/// Why there is none.
#[derive(Clone, Debug, thiserror::Error)]
#[error("{0}")]
pub(crate) struct Refused(String);

impl From<cachet_core::Error> for Refused {
    fn from(error: cachet_core::Error) -> Self {
        Self(error.to_string())
    }
}

/// Makes the database.
pub(crate) fn create(path: &Path) {
    let database = Connection::open(path).expect("the directory is the test's own");
    let rows = (0..ROWS).map(|row| format!("({row}, 1)")).collect::<Vec<_>>().join(", ");
    let made = database.execute_batch(&format!(
        "PRAGMA journal_mode = WAL; CREATE TABLE rows (id INTEGER PRIMARY KEY, version INTEGER NOT NULL); INSERT INTO rows VALUES {rows}"
    ));
    made.expect("the database is empty");
}

pub(crate) fn open(path: &Path) {
    let pool = Config::new(path).create_pool(Runtime::Tokio1).expect("the database exists");
    assert!(DATABASE.set(pool).is_ok(), "a process opens the database once");
}

fn log() -> &'static Log {
    LOG.get().expect("a process opens its log first")
}

async fn ask<T: Send + 'static>(
    query: impl FnOnce(&Connection) -> rusqlite::Result<T> + Send + 'static,
) -> Result<T, Refused> {
    let connection = DATABASE.get().expect("a process opens the database first").get().await;
    let connection = connection.map_err(|error| Refused(error.to_string()))?;
    let answer = connection.interact(move |connection| {
        // A node that is frozen in mid-write holds the others up for so long.
        connection.busy_timeout(Duration::from_secs(20))?;
        connection.pragma_update(None, "synchronous", "OFF")?;
        query(connection)
    });
    answer.await.map_err(|error| Refused(error.to_string()))?.map_err(|error| Refused(error.to_string()))
}

#[cached(ttl = "5s", tier = "memory,redis", key = "{row}", name = "kept", tags = ["rows", "row:{row}"])]
async fn kept(row: u64) -> Result<Row, Refused> {
    load(Item { row, function: Function::Kept }).await
}

#[cached(ttl = "400ms", stale = "2s", tier = "memory,redis", key = "{row}", name = "brief", tags = ["rows", "row:{row}"])]
async fn brief(row: u64) -> Result<Row, Refused> {
    load(Item { row, function: Function::Brief }).await
}

#[cached(ttl = "1m", tier = "memory,redis", key = "{row}", name = "lasting", tags = ["rows", "row:{row}"])]
async fn lasting(row: u64) -> Result<Row, Refused> {
    load(Item { row, function: Function::Lasting }).await
}

/// Reads the row first and takes its time then, so that what it has read may be outdated by a writer.
async fn load(item: Item) -> Result<Row, Refused> {
    let begun = now();
    let row = item.row;
    let version = ask(move |database| version_of(database, row)).await?;
    log().note(Event::Loading { item, version, at: now() });
    linger(load_time()).await;
    log().note(Event::Loaded { item, begun, ended: now(), version });
    Ok(Row { version, filler: "x".repeat(2000) })
}

fn version_of(database: &Connection, row: u64) -> rusqlite::Result<u64> {
    database.query_row("SELECT version FROM rows WHERE id = ?", [row.cast_signed()], number_in)
}

fn number_in(found: &rusqlite::Row<'_>) -> rusqlite::Result<u64> {
    found.get(0).map(i64::cast_unsigned)
}

/// Waits for that time, or until those who are held up may go on.
async fn linger(time: Duration) {
    match HELD.get() {
        // The sender is never dropped, so the wait ends with the condition only.
        Some(held) => drop(held.subscribe().wait_for(|is_held| !is_held).await),
        None => tokio::time::sleep(time).await,
    }
}

fn load_time() -> Duration {
    let span = match fastrand::u8(0..100) {
        0..60 => 1..5,
        60..90 => 10..40,
        90..98 => 100..200,
        _ => return LONGEST_LOAD,
    };
    Duration::from_millis(fastrand::u64(span))
}

/// One call, and its place in the history.
pub(crate) async fn read(item: Item) {
    let begun = now();
    let answer: Result<Cached<Row>, Refused> = match item.function {
        Function::Kept => kept::fetch(item.row).await,
        Function::Brief => brief::fetch(item.row).await,
        Function::Lasting => noting_a_wait(item, lasting::fetch(item.row)).await,
    };
    let ended = now();
    log().note(match answer {
        Ok(row) => Event::Read { item, begun, ended, version: row.version, origin: row.origin() },
        Err(_) => Event::Failed { item, begun, ended },
    });
}

/// Notes when the call waits for something: it has joined a load by then, or begun one.
async fn noting_a_wait<T>(item: Item, call: impl Future<Output = T>) -> T {
    let mut call = pin!(call);
    let mut is_noted = false;
    std::future::poll_fn(|cx| {
        let answer = call.as_mut().poll(cx);
        if answer.is_pending() && !std::mem::replace(&mut is_noted, true) {
            log().note(Event::Waiting { item, at: now() });
        }
        answer
    })
    .await
}

/// One write, and its place in the history. Gives its number.
pub(crate) async fn write(row: u64, means: Means) -> u64 {
    let number = WRITES.fetch_add(1, Ordering::Relaxed);
    log().note(Event::Write { number, row, means, at: now() });
    let outcome = match means {
        Means::Fence => write_fenced(row, number).await.map(|()| Outcome::Untold),
        Means::Strictly => write_strictly(row, number).await.map(|()| Outcome::Untold),
        Means::Keys | Means::Tag | Means::Everything => write_first(row, number, means).await,
    };
    log().note(Event::Returned { number, outcome: outcome.unwrap_or(Outcome::Refused), at: now() });
    number
}

#[invalidates(kept(row), brief(row), lasting(row))]
async fn write_fenced(row: u64, number: u64) -> Result<(), Refused> {
    commit(row, number).await
}

#[invalidates(kept(row), brief(row), lasting(row), strict)]
async fn write_strictly(row: u64, number: u64) -> Result<(), Refused> {
    commit(row, number).await
}

async fn write_first(row: u64, number: u64, means: Means) -> Result<Outcome, Refused> {
    commit(row, number).await?;
    let outcomes = match means {
        Means::Tag => vec![invalidate_tag(format!("row:{row}")).await],
        Means::Everything => vec![invalidate_tag("rows").await],
        _ => vec![kept::invalidate(row).await, brief::invalidate(row).await, lasting::invalidate(row).await],
    };
    let is_done = outcomes.into_iter().all(Invalidation::is_done);
    Ok(if is_done { Outcome::Done } else { Outcome::Queued })
}

/// Writes the row, and lingers a while before the cache is told.
async fn commit(row: u64, number: u64) -> Result<(), Refused> {
    let begun = now();
    let version = ask(move |database| {
        let sql = "UPDATE rows SET version = version + 1 WHERE id = ? RETURNING version";
        database.query_row(sql, [row.cast_signed()], number_in)
    });
    let version = version.await?;
    log().note(Event::Committed { number, version, begun, ended: now() });
    linger(Duration::from_millis(fastrand::u64(0..30))).await;
    Ok(())
}

/// Notes when nothing is left to be sent of a write.
pub(crate) async fn note_sent(number: u64, patience: Duration) {
    if cachet_core::Cachet::current().is_ready(patience).await {
        log().note(Event::Sent { number, at: now() });
    }
}
