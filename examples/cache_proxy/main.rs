//! A caching reverse proxy: [`ResponseCache`] in front of any HTTP/1.1 origin, for services without a proxy of their own
//! and for conformance runs.
//!
//! ```text
//! cargo run --release --example cache_proxy -- --listen 127.0.0.1:8081 --upstream http://127.0.0.1:8000
//! ```
//!
//! | flag | meaning |
//! |---|---|
//! | `--listen ADDRESS` | where clients connect; `127.0.0.1:8081` without it |
//! | `--upstream URL` | the origin; `http://127.0.0.1:8000` without it. Its path is put before that of each request |
//! | `--honour-request-directives` | does what a request's `Cache-Control` asks for; without it, clients cannot force work |
//! | `--stale-if-error SECONDS` | for how long a stale answer serves where the origin fails and the answer says nothing about it; without it, not at all |
//! | `--redis URL` | shares what is stored with every proxy of the same Redis |
//! | `--targets A,B` | the fields that speak to this cache, first one first; `cdn-cache-control` without it, none for an empty list |
//! | `--max-bytes N` | the bound of the memory tier; 256 MiB without it |
//! | `--max-entry-bytes N` | the largest body that is stored; 16 MiB without it |
//! | `--workers N` | threads; one for each CPU without it |
//! | `--debug` | shows the key in `Cache-Status` |
//!
//! Bodies are streamed both ways, and stored while they are sent. Fields of one connection and trailers are not passed
//! on, `Via` and `Host` are. Interim answers (1xx) of the origin are passed over. An answer in a transfer coding other than
//! `chunked`, or one that switches protocols, is a 502; one whose end only the connection tells, or that has a length beside
//! its coding, is passed on and not stored. A method that changes something invalidates what is stored of its URI, and
//! CONNECT is a 501. Ctrl-C ends it.

mod fields;
mod forward;
mod options;

use std::{error::Error, process::ExitCode};

use actix_web::{App, HttpServer, web};
use cachet_actix::ResponseCache;
use cachet_core::Cachet;

use self::{forward::Upstream, options::Options};

#[actix_web::main]
async fn main() -> ExitCode {
    match run().await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("cache_proxy: {error}");
            ExitCode::FAILURE
        }
    }
}

async fn run() -> Result<(), Box<dyn Error>> {
    tracing_subscriber::fmt::init();
    let options = Options::read()?;
    let tiers = Cachet::builder().namespace("cache_proxy");
    let tiers = match &options.redis {
        Some(url) => tiers.redis(url),
        None => tiers.memory_only(),
    };
    let mut responses = ResponseCache::new(&tiers.build()?)
        .targets(options.targets)
        .max_bytes(options.max_bytes)
        .max_entry_bytes(options.max_entry_bytes)
        .stale_if_error(options.stale_if_error);
    if options.honours {
        responses = responses.honour_request_directives();
    }
    if options.debug {
        responses = responses.debug();
    }
    let upstream = web::Data::new(Upstream::new(options.upstream));
    let server = HttpServer::new(move || {
        App::new().wrap(responses.clone()).app_data(upstream.clone()).default_service(web::to(forward::forward))
    });
    let server = match options.workers {
        Some(workers) => server.workers(workers),
        None => server,
    };
    let server = server.bind(&options.listen)?;
    for address in server.addrs() {
        println!("listening on http://{address}");
    }
    Ok(server.run().await?)
}
