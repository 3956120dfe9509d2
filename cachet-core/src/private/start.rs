//! A call that may be answered by the beginning of its value.

use serde::de::DeserializeOwned;

use super::{Function, Keyed, Stored, cache};
use crate::{
    entry::{Cached, Origin},
    erased::erase,
};

/// What only the shared tier holds, as far as the first `bytes` of its encoding tell: `value` makes something of what
/// they begin with, and `serves` says whether that is enough for an answer.
pub async fn fetch_start<F, T>(
    function: &F,
    call: &Keyed,
    bytes: usize,
    value: impl FnOnce(T) -> Stored<F>,
    serves: impl FnOnce(&Cached<Stored<F>>) -> bool,
) -> Option<Cached<Stored<F>>>
where
    F: Function,
    T: DeserializeOwned,
{
    let cache = cache(function);
    if !cache.wants_start(call) {
        return None;
    }
    let start = cache.start(call, bytes).await?;
    let entry = cache.entry_of_start(erase(value(cache.begins_with(&start)?)), &start);
    let cached = entry.cached(cache.now(), Origin::Shared).filter(serves)?;
    cache.answered_by_start();
    Some(cached)
}
