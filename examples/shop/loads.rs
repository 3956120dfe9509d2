//! How often each cached function's body really ran, counted by the bodies themselves.
//!
//! Independent of cachet's own counters (those are at `/stats`), so that the one can be held against the other.

use std::{
    collections::BTreeMap,
    sync::{Mutex, MutexGuard, PoisonError},
};

use actix_web::web::Json;

type Counts = BTreeMap<&'static str, u64>;

static COUNTS: Mutex<Counts> = Mutex::new(Counts::new());

/// Counts one run of the body of `function`.
pub(crate) fn count(function: &'static str) {
    *counts().entry(function).or_default() += 1;
}

/// `GET /loads`: an object from function name to count.
pub(crate) async fn show() -> Json<Counts> {
    Json(counts().clone())
}

fn counts() -> MutexGuard<'static, Counts> {
    // No code panics between taking the lock and the end of an update.
    COUNTS.lock().unwrap_or_else(PoisonError::into_inner)
}
