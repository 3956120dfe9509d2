//! The caches in front, if there are any: Varnish servers that keep answers until a write makes them old.

use std::{env, sync::OnceLock};

use cachet_actix::{Edge, Purge, PurgeError, Varnish};
use cachet_core::Cachet;
use thiserror::Error;

static EDGE: OnceLock<Edge> = OnceLock::new();

/// Why the caches in front cannot be purged.
#[derive(Debug, Error)]
pub(crate) enum EdgeError {
    #[error("its addresses")]
    Addresses(#[from] PurgeError),
    #[error("no thread to purge from")]
    Thread(#[from] std::io::Error),
}

/// The servers that `SHOP_EDGE` names, separated by commas.
pub(crate) fn servers() -> Vec<String> {
    let written = env::var("SHOP_EDGE").unwrap_or_default();
    written.split(',').map(str::trim).filter(|server| !server.is_empty()).map(str::to_owned).collect()
}

/// Has the servers purged of whatever this node invalidates.
pub(crate) fn open(cachet: &Cachet, servers: &[String]) -> Result<(), EdgeError> {
    if !servers.is_empty() {
        let edge = Edge::builder(Varnish::new(servers)?).start()?;
        edge.follow(cachet);
        EDGE.set(edge).expect("main opens the edge once");
    }
    Ok(())
}

/// Waits until they are purged of what was invalidated before, and says whether they are.
pub(crate) async fn purged() -> bool {
    match EDGE.get() {
        Some(edge) => edge.purged().await == Purge::Done,
        None => true,
    }
}
