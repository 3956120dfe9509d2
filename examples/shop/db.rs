//! The database: one pool for the process, opened at start.
//!
//! It is a process-wide handle, so that a cached function's arguments are its key and nothing else.

use std::{
    path::Path,
    sync::{Arc, OnceLock},
    thread,
    time::{Duration, Instant},
};

use deadpool_sqlite::{
    Config, CreatePoolError, Pool, PoolError, Runtime,
    rusqlite::{self, Connection, ErrorCode},
};
use thiserror::Error;

use crate::{errors::ShopError, seed};

/// How long another process is waited for that fills the same file.
const PATIENCE: Duration = Duration::from_mins(1);

static POOL: OnceLock<Pool> = OnceLock::new();

/// Why the database could not be asked.
#[derive(Debug, Error)]
pub(crate) enum DbError {
    #[error("cannot create the database's directory")]
    Directory(#[source] std::io::Error),
    #[error("the file holds version {0} of the catalogue, which this program does not know")]
    Version(u32),
    #[error("cannot create the pool of connections")]
    Create(#[from] CreatePoolError),
    #[error("no connection to be had")]
    Pool(#[from] PoolError),
    #[error("a query panicked")]
    Panicked,
    #[error("sqlite failed")]
    Sqlite(#[from] rusqlite::Error),
}

/// Opens the database at `path`, making it and its directory if they are not there.
pub(crate) fn open(path: &Path) -> Result<(), DbError> {
    if let Some(directory) = path.parent() {
        std::fs::create_dir_all(directory).map_err(DbError::Directory)?;
    }
    let mut connection = Connection::open(path)?;
    // Another process may be filling the same empty file just now.
    connection.busy_timeout(PATIENCE)?;
    seed::fill(&mut connection)?;
    write_ahead(&connection)?;

    let pool = Config::new(path).create_pool(Runtime::Tokio1)?;
    POOL.set(pool).expect("main opens the database once");
    Ok(())
}

/// Readers go on while somebody writes; the file remembers it.
///
/// Who: two processes that have made one database. When: each changes the mode, for which `SQLite` waits for nobody,
/// whatever the timeout says. What helps: to try again, as the other one is done in a moment.
fn write_ahead(connection: &Connection) -> Result<(), DbError> {
    let begun = Instant::now();
    loop {
        match connection.pragma_update(None, "journal_mode", "WAL") {
            Err(error) if is_busy(&error) && begun.elapsed() < PATIENCE => thread::sleep(Duration::from_millis(5)),
            done => return Ok(done?),
        }
    }
}

fn is_busy(error: &rusqlite::Error) -> bool {
    matches!(error.sqlite_error_code(), Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked))
}

/// Runs `query` on a connection of the pool, on a thread that may block.
pub(crate) async fn run<T, F>(query: F) -> Result<T, ShopError>
where
    F: FnOnce(&mut Connection) -> Result<T, ShopError> + Send + 'static,
    T: Send + 'static,
{
    let pool = POOL.get().expect("main opens the database before it listens");
    let connection = pool.get().await.map_err(DbError::from)?;
    connection.interact(query).await.map_err(|_| DbError::Panicked)?
}

/// The number as the database stores it. Numbers past `i64::MAX` become negative ones, which no row has.
pub(crate) fn row_id(id: u64) -> i64 {
    id.cast_signed()
}

impl From<DbError> for ShopError {
    fn from(error: DbError) -> Self {
        Self::Database(Arc::new(error))
    }
}

impl From<rusqlite::Error> for ShopError {
    fn from(error: rusqlite::Error) -> Self {
        DbError::from(error).into()
    }
}
