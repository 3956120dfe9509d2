//! What stands between a runtime and the caches in front of it.

use super::{Function, Keyed, cache};
pub use crate::fronts::Debt;
use crate::{invalidate::Invalidation, runtime::Cachet};

/// Tells a follower from now on what this runtime invalidates itself: once the tiers have it, under the names that
/// answers carry, and with what the shared tier has not been told yet. A number that follows already is not added.
pub fn follow(runtime: &Cachet, number: u128, follower: impl Fn(&[String], Option<Debt>) + Send + Sync + 'static) {
    runtime.fronts().follow(number, follower);
}

/// Invalidates a tag, and tells all who follow but one; `then` runs when the tiers have it, even if the caller goes away.
pub async fn invalidate_tag_and(
    runtime: &Cachet,
    tag: &str,
    but: u128,
    then: impl FnOnce(Option<Debt>) + Send + 'static,
) -> Invalidation {
    runtime.invalidate_tag_and(tag, Some(but), then).await
}

/// What followers are told when a call's entry is invalidated, or its function, or all: the answer made of it carries
/// that. There is nothing where none follows.
pub fn in_front<F: Function>(function: &F, call: &Keyed) -> Vec<String> {
    cache(function).in_front(&call.key)
}

/// The same of an answer that is made of no entry.
pub fn runtime_in_front(runtime: &Cachet) -> Option<String> {
    runtime.fronts().are_followed().then(|| runtime.name_in_front())
}
