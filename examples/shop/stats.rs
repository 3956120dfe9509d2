//! cachet's own counters.

use std::collections::BTreeMap;

use actix_web::web::Json;
use cachet_core::{Cachet, Stats};

/// `GET /stats`: an object from function name to counters, for the functions that were called.
pub(crate) async fn show() -> Json<BTreeMap<String, Stats>> {
    Json(Cachet::current().stats().into_iter().collect())
}
