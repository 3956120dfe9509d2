//! The configuration: a plain `fn`, cached in memory, and for a day by every client.

use std::collections::BTreeMap;

use actix_web::Responder;
use cachet_actix::{CacheControl, CachedJson};
use cachet_core::cached;
use serde::Serialize;

use crate::loads;

#[derive(Clone, Debug, Serialize)]
struct AppConfig {
    feature_flags: BTreeMap<&'static str, bool>,
    api_version: &'static str,
}

/// No argument, so there is one entry.
#[cached(ttl = "1d", capacity = 1, name = "config")]
fn app_config() -> AppConfig {
    loads::count("config");
    AppConfig { feature_flags: BTreeMap::from([("new_ui", true)]), api_version: "1.0" }
}

/// `GET /config`
pub(crate) async fn show() -> impl Responder {
    CachedJson::new(app_config::fetch()).cache(CacheControl::public().max_age(86_400))
}
