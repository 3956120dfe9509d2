//! The command line.

use std::{error::Error, time::Duration};

use actix_web::http::header::HeaderName;
use http::Uri;
use lexopt::{Arg, Parser, ValueExt};

pub(crate) struct Options {
    pub(crate) listen: String,
    pub(crate) upstream: Uri,
    pub(crate) honours: bool,
    pub(crate) stale_if_error: Duration,
    pub(crate) redis: Option<String>,
    pub(crate) targets: Vec<HeaderName>,
    pub(crate) max_bytes: u64,
    pub(crate) max_entry_bytes: usize,
    pub(crate) workers: Option<usize>,
    pub(crate) debug: bool,
}

impl Options {
    pub(crate) fn read() -> Result<Self, Box<dyn Error>> {
        let mut options = Self {
            listen: "127.0.0.1:8081".to_owned(),
            upstream: Uri::from_static("http://127.0.0.1:8000"),
            honours: false,
            stale_if_error: Duration::ZERO,
            redis: None,
            targets: vec![HeaderName::from_static("cdn-cache-control")],
            max_bytes: 256 << 20,
            max_entry_bytes: 16 << 20,
            workers: None,
            debug: false,
        };
        let mut arguments = Parser::from_env();
        while let Some(argument) = arguments.next()? {
            match argument {
                Arg::Long("listen") => options.listen = arguments.value()?.string()?,
                Arg::Long("upstream") => options.upstream = arguments.value()?.parse_with(upstream)?,
                Arg::Long("honour-request-directives") => options.honours = true,
                Arg::Long("stale-if-error") => {
                    options.stale_if_error = Duration::from_secs(arguments.value()?.parse()?);
                }
                Arg::Long("redis") => options.redis = Some(arguments.value()?.string()?),
                Arg::Long("targets") => options.targets = arguments.value()?.parse_with(names)?,
                Arg::Long("max-bytes") => options.max_bytes = arguments.value()?.parse()?,
                Arg::Long("max-entry-bytes") => options.max_entry_bytes = arguments.value()?.parse()?,
                Arg::Long("workers") => options.workers = Some(arguments.value()?.parse()?),
                Arg::Long("debug") => options.debug = true,
                other => return Err(other.unexpected().into()),
            }
        }
        Ok(options)
    }
}

/// An origin: scheme, authority, and perhaps a path that is put before each request's.
fn upstream(text: &str) -> Result<Uri, String> {
    let uri: Uri = text.parse().map_err(|error| format!("{error}"))?;
    match (uri.scheme_str(), uri.authority(), uri.query()) {
        (Some("http"), Some(_), None) => Ok(uri),
        _ => Err("an upstream looks like http://127.0.0.1:8000".to_owned()),
    }
}

fn names(text: &str) -> Result<Vec<HeaderName>, String> {
    let names = text.split(',').map(str::trim).filter(|name| !name.is_empty());
    names.map(|name| name.parse().map_err(|_| format!("`{name}` is no field name"))).collect()
}
