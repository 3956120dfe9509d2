//! What the macros' expansion calls. It changes with the macros and is no part of the public interface.

use std::future::{Future, ready};

pub use crate::{
    cache::Tags,
    call::Call,
    key::{CacheKey, KeyBuf, KeyWriter},
    policy::Spec,
    returns::{
        ErrorProbe, ErrorSharing, IsOption, IsResult, IsResultOption, IsResultValue, IsValue, Kind, NotShared,
        NotValidated, OPTION, Otherwise, PLAIN, RESULT, RESULT_OPTION, Returns, Validate, ValidatorProbe, Value,
        is_kept, kind,
    },
};
use crate::{call::Current, entry::Cached, events::Stats, invalidate::Invalidation, loader::Load};

/// One cached function, as a type.
pub trait Function: Sized + 'static {
    /// The function's return type.
    type Returns;
    /// How it splits.
    type Kind: Returns<Self::Returns>;
    /// Which errors followers are given.
    const ERRORS: ErrorSharing<Failure<Self>>;
    /// The function's descriptor.
    fn call() -> &'static Call<Stored<Self>>;
}

/// What a function's tiers store.
pub type Stored<F> = <<F as Function>::Kind as Returns<<F as Function>::Returns>>::Stored;
/// A function's error.
pub type Failure<F> = <<F as Function>::Kind as Returns<<F as Function>::Returns>>::Failure;
/// What a function's `fetch` gives.
pub type Fetched<F> = <<F as Function>::Kind as Returns<<F as Function>::Returns>>::Fetched;

type Outcome<F> = Result<Cached<Stored<F>>, Failure<F>>;

fn negative<F: Function>() -> fn(&Stored<F>) -> bool {
    <F::Kind as Returns<F::Returns>>::is_negative
}

fn cache<F: Function>() -> Current<Stored<F>> {
    F::call().cache()
}

/// A call.
#[inline]
pub async fn call<F, L, Fut>(key: KeyBuf, load: L) -> F::Returns
where
    F: Function,
    L: FnOnce() -> (Tags, Fut),
    Fut: Future<Output = F::Returns>,
{
    let cache = F::call().cache();
    let outcome = match cache.hit_value(&key) {
        Some(value) => Ok(value),
        None => Box::pin(miss::<F, L, Fut>(cache, key, load, false)).await.map(Cached::into_inner),
    };
    F::Kind::join(outcome)
}

/// A call that asks for the ages as well.
pub async fn fetch<F, L, Fut>(key: KeyBuf, load: L) -> Fetched<F>
where
    F: Function,
    L: FnOnce() -> (Tags, Fut),
    Fut: Future<Output = F::Returns>,
{
    let cache = F::call().cache();
    let outcome = match cache.hit(&key) {
        Some(entry) => Ok(cache.describe(&key, entry)),
        None => Box::pin(missed_fetch::<F, L, Fut>(cache, key, load)).await,
    };
    F::Kind::fetched(outcome)
}

async fn missed_fetch<F, L, Fut>(cache: Current<Stored<F>>, key: KeyBuf, load: L) -> Outcome<F>
where
    F: Function,
    L: FnOnce() -> (Tags, Fut),
    Fut: Future<Output = F::Returns>,
{
    let describing = cache.clone();
    miss::<F, L, Fut>(cache, key, load, true).await.map(|cached| describing.validated(cached))
}

/// What `call` and `fetch` do when memory does not answer; kept out of their futures by a box.
async fn miss<F, L, Fut>(cache: Current<Stored<F>>, key: KeyBuf, load: L, described: bool) -> Outcome<F>
where
    F: Function,
    L: FnOnce() -> (Tags, Fut),
    Fut: Future<Output = F::Returns>,
{
    let (tags, loader) = load();
    let future = async move { F::Kind::split(loader.await) };
    cache.fetch(key, tags, Load { future, errors: F::ERRORS, negative: negative::<F>(), described }).await
}

/// Invalidates and loads anew.
pub async fn refresh<F, L, Fut>(key: KeyBuf, load: L) -> F::Returns
where
    F: Function,
    L: FnOnce() -> (Tags, Fut),
    Fut: Future<Output = F::Returns>,
{
    let cache = cache::<F>();
    // Queued or done, this node loads anew.
    let _ = cache.invalidate(&key).await;
    F::Kind::join(Box::pin(miss::<F, L, Fut>(cache, key, load, false)).await.map(Cached::into_inner))
}

/// What the tiers hold.
pub async fn peek<F: Function>(key: KeyBuf, tags: Tags) -> Option<Cached<Stored<F>>> {
    cache::<F>().peek(&key, &tags).await
}

/// Puts a value into the tiers.
pub async fn put<F: Function>(key: KeyBuf, tags: Tags, value: Stored<F>) -> Invalidation {
    cache::<F>().put(key, tags, value, negative::<F>()).await
}

/// Invalidates one key.
pub async fn invalidate<F: Function>(key: KeyBuf) -> Invalidation {
    cache::<F>().invalidate(&key).await
}

/// Invalidates every key of the function.
pub async fn clear<F: Function>() -> Invalidation {
    cache::<F>().clear().await
}

/// The function's counters.
pub fn stats<F: Function>() -> Stats {
    cache::<F>().stats()
}

/// A call of a plain `fn`.
#[inline]
pub fn call_blocking<F, L, B>(key: KeyBuf, load: L) -> F::Returns
where
    F: Function,
    L: FnOnce() -> (Tags, B),
    B: FnOnce() -> F::Returns,
{
    let cache = F::call().cache();
    let outcome = match cache.hit_value(&key) {
        Some(value) => Ok(value),
        None => miss_blocking::<F, L, B>(cache, key, load, false).map(Cached::into_inner),
    };
    F::Kind::join(outcome)
}

/// A call of a plain `fn` that asks for the ages as well.
pub fn fetch_blocking<F, L, B>(key: KeyBuf, load: L) -> Fetched<F>
where
    F: Function,
    L: FnOnce() -> (Tags, B),
    B: FnOnce() -> F::Returns,
{
    let cache = F::call().cache();
    if let Some(entry) = cache.hit(&key) {
        return F::Kind::fetched(Ok(cache.describe(&key, entry)));
    }
    let describing = cache.clone();
    F::Kind::fetched(miss_blocking::<F, L, B>(cache, key, load, true).map(|cached| describing.validated(cached)))
}

/// The flow without a runtime: memory is its only tier, so it waits for nothing but another caller's flight.
#[cold]
fn miss_blocking<F, L, B>(cache: Current<Stored<F>>, key: KeyBuf, load: L, described: bool) -> Outcome<F>
where
    F: Function,
    L: FnOnce() -> (Tags, B),
    B: FnOnce() -> F::Returns,
{
    let lazily = move || {
        let (tags, loader) = load();
        (tags, async move { ready(loader()).await })
    };
    pollster::block_on(miss::<F, _, _>(cache, key, lazily, described))
}

/// Invalidates and loads anew, in a plain `fn`.
pub fn refresh_blocking<F, L, B>(key: KeyBuf, load: L) -> F::Returns
where
    F: Function,
    L: FnOnce() -> (Tags, B),
    B: FnOnce() -> F::Returns,
{
    let cache = cache::<F>();
    let _ = cache.invalidate_memory(&key);
    F::Kind::join(miss_blocking::<F, L, B>(cache, key, load, false).map(Cached::into_inner))
}

/// What memory holds.
pub fn peek_blocking<F: Function>(key: &KeyBuf) -> Option<Cached<Stored<F>>> {
    cache::<F>().peek_memory(key)
}

/// Puts a value into memory.
pub fn put_blocking<F: Function>(key: KeyBuf, tags: Tags, value: Stored<F>) -> Invalidation {
    pollster::block_on(put::<F>(key, tags, value))
}

/// Invalidates one key of a plain `fn`.
pub fn invalidate_blocking<F: Function>(key: &KeyBuf) -> Invalidation {
    cache::<F>().invalidate_memory(key)
}

/// Invalidates every key of a plain `fn`.
pub fn clear_blocking<F: Function>() -> Invalidation {
    cache::<F>().clear_memory()
}
