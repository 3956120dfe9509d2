//! A web shop in which each endpoint shows one way to cache.
//!
//! ```sh
//! cargo run --release --example shop
//! curl -i http://127.0.0.1:8080/products/1     # send the ETag back as If-None-Match and get a 304
//! curl http://127.0.0.1:8080/loads             # how often each loader really ran
//! ```
//!
//! The environment configures it:
//!
//! | variable | meaning | default |
//! |---|---|---|
//! | `SHOP_ADDR` | where it listens; port 0 takes a free one | `127.0.0.1:8080` |
//! | `SHOP_DB` | its database file, made on the first start | `shop.db` in the target directory |
//! | `CACHET_REDIS_URL` | the tier that it shares with other nodes | memory only |
//! | `SHOP_EDGE` | Varnish servers in front with `edge.vcl`, such as `http://127.0.0.1:6081`, which a write purges | none |
//! | `RUST_LOG` | what it logs on standard error | `warn` |
//!
//! Two of them with one database and one Redis are two nodes of one shop.

mod catalogue;
mod config;
mod data;
mod db;
mod edge;
mod errors;
mod listing;
mod loads;
mod people;
mod posts;
mod price;
mod routes;
mod seed;
mod stats;
mod writes;

use std::{env, error::Error, path::PathBuf, process::ExitCode};

use actix_web::{App, HttpServer, middleware::Condition};
use cachet_actix::EdgeTags;
use cachet_core::Cachet;
use thiserror::Error;
use tracing_subscriber::EnvFilter;

use crate::{db::DbError, edge::EdgeError};

/// Why the service does not start, or ended.
#[derive(Debug, Error)]
enum ShopEnd {
    #[error("no caching")]
    Cachet(#[from] cachet_core::Error),
    #[error("no database at {path}")]
    Database { path: PathBuf, source: DbError },
    #[error("no edge to purge (SHOP_EDGE)")]
    Edge(#[from] EdgeError),
    #[error("cannot listen on `{address}` (SHOP_ADDR)")]
    Listen { address: String, source: std::io::Error },
    #[error("the server failed")]
    Serve(#[source] std::io::Error),
}

#[actix_web::main]
async fn main() -> ExitCode {
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("warn"));
    tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).init();
    match serve().await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("shop: {}", in_one_line(&error));
            ExitCode::FAILURE
        }
    }
}

async fn serve() -> Result<(), ShopEnd> {
    // Redis comes from CACHET_REDIS_URL; it need not be up, now or later.
    let cachet = Cachet::builder().namespace("shop").build()?.install()?;

    let servers = edge::servers();
    edge::open(&cachet, &servers)?;

    let path = database();
    db::open(&path).map_err(|source| ShopEnd::Database { path: path.clone(), source })?;

    let address = env::var("SHOP_ADDR").unwrap_or_else(|_| "127.0.0.1:8080".to_owned());
    let has_edge = !servers.is_empty();
    let app = move || App::new().wrap(Condition::new(has_edge, EdgeTags::xkey())).configure(routes::routes);
    let server = HttpServer::new(app).bind(&address).map_err(|source| ShopEnd::Listen { address, source })?;

    println!("database: {}", path.display());
    println!("tiers: {}", tiers(&cachet));
    if has_edge {
        println!("in front: {}", servers.join(", "));
    }
    for address in server.addrs() {
        println!("listening on http://{address}");
    }
    server.run().await.map_err(ShopEnd::Serve)
}

fn database() -> PathBuf {
    let target = || PathBuf::from(env::var_os("CARGO_TARGET_DIR").unwrap_or_else(|| "target".into()));
    env::var_os("SHOP_DB").map_or_else(|| target().join("shop.db"), PathBuf::from)
}

/// The tiers that are configured; that Redis is named here does not mean that it is up.
fn tiers(cachet: &Cachet) -> String {
    let tiers = cachet.tiers().join(", ");
    match env::var("CACHET_REDIS_URL") {
        Ok(url) if !url.is_empty() => format!("{tiers} ({})", without_credentials(&url)),
        _ => format!("{tiers} (set CACHET_REDIS_URL for a shared tier)"),
    }
}

/// Scheme, host and port of a URL that was found valid: passwords are in front of the host, or behind it.
fn without_credentials(url: &str) -> String {
    let (scheme, rest) = url.split_once("://").unwrap_or_default();
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    let host = authority.rsplit('@').next().unwrap_or_default();
    format!("{scheme}://{host}")
}

/// The error and what caused it.
fn in_one_line(error: &dyn Error) -> String {
    let causes = std::iter::successors(Some(error), |&error| error.source());
    causes.map(ToString::to_string).collect::<Vec<_>>().join(": ")
}
