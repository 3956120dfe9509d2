//! What the macros' expansion calls. It changes with the macros and is no part of the public interface.
//!
//! This is the thin shell that knows a function's types. It asks the [`Cache`], which knows none, and runs the loader
//! between the two halves of its flow.

use std::{any::Any, future::Future, marker::PhantomData, pin::Pin};

pub use crate::batch::{Pairs, batch};
pub use crate::write::{AnyOutcome, Outcome, ResultOutcome, Write, Writing, copied};
pub use crate::{
    cache::Tags,
    call::Site,
    controls::{Controls, MethodControls, PlainControls, PlainMethodControls},
    key::{CacheKey, KeyBuf, KeyWriter},
    policy::Spec,
    returns::{
        IsOption, IsResult, IsResultOption, OPTION, Otherwise, PLAIN, Probe, ProbeOption, ProbePlain, ProbeResult,
        ProbeResultOption, ProbeShared, ProbeUnshared, ProbeUnvalidated, ProbeValidated, ProbeValidatedResult, Probed,
        RESULT, RESULT_OPTION, Shape, SharedError, Splits, Value, shape,
    },
};
use crate::{
    cache::{Begun, Cache, Found},
    call::Current,
    entry::{Cached, Entry, Origin},
    erased::erase,
    loader,
};

/// One cached function.
///
/// The three traits about one function are apart because of its lifetimes. A future that is to be `Send` may mention
/// no two types whose lifetimes have to be the same, and those of the key's arguments are among those of all.
pub trait Function {
    /// The function's return type.
    type Returns;
    /// How it splits.
    type Shape: Splits<Self::Returns>;
    /// The function's static.
    fn site(&self) -> &'static Site;
    /// What the attribute says.
    fn spec(&self) -> Spec<Self::Returns, Self::Shape>;
}

/// Its key, which is made of the arguments `K`.
pub trait Key<K>: Function {
    /// What a call with these arguments is looked up by.
    fn keyed(&self, args: &K) -> Keyed;
}

/// Its body, which takes the arguments `A`.
pub trait Load<A>: Function {
    /// What a call with these arguments is looked up by.
    fn keyed_by_all(&self, args: &A) -> Keyed;
    /// Runs it.
    fn load(&self, args: A) -> impl Future<Output = Self::Returns>;
}

/// What a function's tiers store.
pub type Stored<F> = <<F as Function>::Shape as Splits<<F as Function>::Returns>>::Stored;
/// A function's error.
pub type Failure<F> = <<F as Function>::Shape as Splits<<F as Function>::Returns>>::Failure;
/// What a function's `fetch` gives.
pub type Fetched<F> = <<F as Function>::Shape as Splits<<F as Function>::Returns>>::Fetched;

/// A cached method: what an `impl` block has no room for as a type, as closures.
pub struct Method<R, S, Sp, Ke> {
    site: &'static Site,
    spec: Sp,
    keyed: Ke,
    of: PhantomData<fn() -> (R, S)>,
}

/// The same with its body.
pub struct LoadingMethod<M, Pa, Lo> {
    method: M,
    keyed: Pa,
    load: Lo,
}

/// Describes a method by its static, what the attribute says, and its key.
pub fn method<R, S, K, Sp, Ke>(site: &'static Site, spec: Sp, keyed: Ke) -> Method<R, S, Sp, Ke>
where
    S: Splits<R>,
    Sp: Fn() -> Spec<R, S>,
    Ke: Fn(&K) -> Keyed,
{
    Method { site, spec, keyed, of: PhantomData }
}

/// Describes a method without controls, which nobody asks for its key by its arguments alone.
pub fn method_alone<R, S, Sp>(site: &'static Site, spec: Sp) -> impl Function<Returns = R, Shape = S>
where
    S: Splits<R>,
    Sp: Fn() -> Spec<R, S>,
{
    Method { site, spec, keyed: (), of: PhantomData }
}

/// Adds the body.
pub fn loading<M, A, Pa, Lo, Fut>(method: M, keyed: Pa, load: Lo) -> LoadingMethod<M, Pa, Lo>
where
    M: Function,
    Pa: Fn(&A) -> Keyed,
    Lo: Fn(A) -> Fut,
    Fut: Future<Output = M::Returns>,
{
    LoadingMethod { method, keyed, load }
}

impl<R, S: Splits<R>, Sp: Fn() -> Spec<R, S>, Ke> Function for Method<R, S, Sp, Ke> {
    type Returns = R;
    type Shape = S;

    fn site(&self) -> &'static Site {
        self.site
    }

    fn spec(&self) -> Spec<R, S> {
        (self.spec)()
    }
}

impl<R, S: Splits<R>, K, Sp: Fn() -> Spec<R, S>, Ke: Fn(&K) -> Keyed> Key<K> for Method<R, S, Sp, Ke> {
    fn keyed(&self, args: &K) -> Keyed {
        (self.keyed)(args)
    }
}

impl<M: Function, Pa, Lo> Function for LoadingMethod<M, Pa, Lo> {
    type Returns = M::Returns;
    type Shape = M::Shape;

    fn site(&self) -> &'static Site {
        self.method.site()
    }

    fn spec(&self) -> Spec<Self::Returns, Self::Shape> {
        self.method.spec()
    }
}

impl<M: Key<K>, K, Pa, Lo> Key<K> for LoadingMethod<M, Pa, Lo> {
    fn keyed(&self, args: &K) -> Keyed {
        self.method.keyed(args)
    }
}

impl<M, A, Pa, Lo, Fut> Load<A> for LoadingMethod<M, Pa, Lo>
where
    M: Function,
    Pa: Fn(&A) -> Keyed,
    Lo: Fn(A) -> Fut,
    Fut: Future<Output = M::Returns>,
{
    fn keyed_by_all(&self, args: &A) -> Keyed {
        (self.keyed)(args)
    }

    fn load(&self, args: A) -> impl Future<Output = M::Returns> {
        (self.load)(args)
    }
}

/// The function's cache in the current runtime.
#[inline]
pub(crate) fn cache<F: Function>(function: &F) -> Current {
    function.site().cache(typeid::of::<F>(), &|| function.spec().into_settings())
}

/// The key and the tags of one call.
pub struct Keyed {
    pub(crate) key: KeyBuf,
    pub(crate) tags: Tags,
}

impl Keyed {
    /// Puts the two together.
    pub fn new(key: KeyBuf, tags: Tags) -> Self {
        Self { key, tags }
    }
}

/// A call that memory answers; else what it takes to go on.
#[inline]
#[expect(clippy::missing_errors_doc, reason = "a miss is none")]
pub fn hit<F: Function>(function: &F, key: KeyBuf, tags: impl FnOnce() -> Tags) -> Result<F::Returns, Box<Missed<F>>> {
    let cache = cache(function);
    match cache.hit(&key).and_then(|entry| returned::<F::Returns, F::Shape>(&entry)) {
        Some(returned) => Ok(returned),
        None => Err(Box::new(Missed { of: PhantomData, cache, key, tags: tags() })),
    }
}

/// A copy of what an entry holds, value or error.
#[inline]
fn returned<R, S: Splits<R>>(entry: &Entry) -> Option<R> {
    match entry.value.downcast_ref::<S::Stored>() {
        Some(value) => Some(S::join(Ok(value.clone()))),
        None => failure(entry).map(|error| S::join(Err(error))),
    }
}

#[cold]
fn failure<E: 'static>(entry: &Entry) -> Option<E> {
    entry.value.downcast_ref::<SharedError>()?.take()
}

/// A call that memory did not answer.
pub struct Missed<F> {
    of: PhantomData<fn() -> F>,
    cache: Current,
    key: KeyBuf,
    tags: Tags,
}

impl<F> Missed<F> {
    /// Asks the other tiers, or loads.
    pub fn load<L>(self: Box<Self>, loader: L) -> Pin<Box<impl Future<Output = F::Returns>>>
    where
        F: Function,
        L: Future<Output = F::Returns>,
    {
        Box::pin(async move {
            let Self { cache, key, tags, .. } = *self;
            let outcome = miss::<F::Returns, F::Shape, L>(&cache, &key, &tags, false, loader).await;
            F::Shape::join(outcome.map(|found| value::<F>(&found)))
        })
    }

    /// The same for a plain function: memory is its only tier, so it waits for nothing but another caller's flight.
    pub fn run<L>(self: Box<Self>, loader: L) -> F::Returns
    where
        F: Function,
        L: Future<Output = F::Returns>,
    {
        pollster::block_on(self.load(loader))
    }
}

/// The flow around one run of the loader.
async fn miss<R, S: Splits<R>, L: Future<Output = R>>(
    cache: &Cache,
    key: &KeyBuf,
    tags: &[String],
    described: bool,
    loader: L,
) -> Result<Found, S::Failure> {
    match cache.begin(key, tags).await {
        Begun::Found(found) => match failure(&found.entry) {
            Some(error) => Err(error),
            None => Ok(found),
        },
        Begun::Failed(error) => Err(error.take().expect("a flight's error is of its function's type")),
        Begun::Lead(lead) => match loader::run::<R, S, L>(cache, loader).await {
            Ok(value) => {
                let entry = lead.fill(erase(value), described).await;
                Ok(Found { entry, origin: Origin::Loaded })
            }
            Err(error) => {
                lead.fail(&error as &dyn Any).await;
                Err(error)
            }
        },
    }
}

fn value<F: Function>(found: &Found) -> Stored<F> {
    found.entry.value.downcast_ref::<Stored<F>>().expect("a function's entries hold its values").clone()
}

/// What was found with its ages and its validator.
fn described<F: Function>(cache: &Cache, found: &Found) -> Cached<Stored<F>> {
    cache.validate(&found.entry);
    found.entry.cached(cache.now(), found.origin).expect("a function's entries hold its values")
}

/// A call that asks for the ages as well, around a loader that is at hand.
pub(crate) async fn fetch_with<F: Function, L: Future<Output = F::Returns>>(
    cache: &Cache,
    Keyed { key, tags }: Keyed,
    loader: L,
) -> Result<Cached<Stored<F>>, Failure<F>> {
    let found = match cache.hit(&key) {
        Some(entry) => match failure(&entry) {
            Some(error) => return Err(error),
            None => Found { entry, origin: Origin::Memory },
        },
        None => Box::pin(miss::<F::Returns, F::Shape, L>(cache, &key, &tags, true, loader)).await?,
    };
    Ok(described::<F>(cache, &found))
}

/// The same for a handler.
#[expect(clippy::missing_errors_doc, reason = "the error is the loader's own")]
pub async fn fetch_response<F: Function, L: Future<Output = F::Returns>>(
    function: &F,
    call: Keyed,
    loader: L,
) -> Result<Cached<Stored<F>>, Failure<F>> {
    fetch_with::<F, L>(&cache(function), call, loader).await
}

/// Runs a future to its end on this thread, for a plain function that writes.
pub fn block_on<T>(future: impl Future<Output = T>) -> T {
    pollster::block_on(future)
}
