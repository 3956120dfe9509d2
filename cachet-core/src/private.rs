//! What the macros' expansion calls. It changes with the macros and is no part of the public interface.
//!
//! This is the thin shell that knows a function's types. It asks the [`Cache`], which knows none, and runs the loader
//! between the two halves of its flow.

use std::{any::Any, future::Future, marker::PhantomData, pin::Pin};

pub use crate::{
    arguments::Arguments,
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

/// One cached function, whose key is made of the arguments `K`.
pub trait Function<K: Arguments> {
    /// The function's return type.
    type Returns;
    /// How it splits.
    type Shape: Splits<Self::Returns>;
    /// The function's static.
    fn site(&self) -> &'static Site;
    /// What the attribute says.
    fn spec(&self) -> Spec<Self::Returns, Self::Shape>;
    /// The key of a call.
    fn key(&self, args: K::Refs<'_>) -> KeyBuf;
    /// The tags of a call.
    fn tags(&self, _args: K::Refs<'_>) -> Tags {
        Tags::new()
    }
}

/// The function's body, which takes the arguments `A`.
pub trait Load<K: Arguments, A>: Function<K> {
    /// Those of the arguments that the key is made of.
    fn keyed<'r>(&self, args: &'r A) -> K::Refs<'r>
    where
        K: 'r;
    /// Runs it.
    fn load(&self, args: A) -> impl Future<Output = Self::Returns>;
}

/// What a function's tiers store.
pub type Stored<F, K> = <<F as Function<K>>::Shape as Splits<<F as Function<K>>::Returns>>::Stored;
/// A function's error.
pub type Failure<F, K> = <<F as Function<K>>::Shape as Splits<<F as Function<K>>::Returns>>::Failure;
/// What a function's `fetch` gives.
pub type Fetched<F, K> = <<F as Function<K>>::Shape as Splits<<F as Function<K>>::Returns>>::Fetched;

/// A cached method: what an `impl` block has no room for as a type, as closures.
pub struct Method<R, S, Sp, Ke, Ta, Pa, Lo> {
    site: &'static Site,
    spec: Sp,
    key: Ke,
    tags: Ta,
    keyed: Pa,
    load: Lo,
    of: PhantomData<fn() -> (R, S)>,
}

/// Describes a method.
pub fn method<R, S, K, A, Sp, Ke, Ta, Pa, Lo, Fut>(
    site: &'static Site,
    spec: Sp,
    key: Ke,
    tags: Ta,
    keyed: Pa,
    load: Lo,
) -> Method<R, S, Sp, Ke, Ta, Pa, Lo>
where
    S: Splits<R>,
    K: Arguments,
    Sp: Fn() -> Spec<R, S>,
    Ke: for<'r> Fn(K::Refs<'r>) -> KeyBuf,
    Ta: for<'r> Fn(K::Refs<'r>) -> Tags,
    Pa: for<'r> Fn(&'r A) -> K::Refs<'r>,
    Lo: Fn(A) -> Fut,
    Fut: Future<Output = R>,
{
    Method { site, spec, key, tags, keyed, load, of: PhantomData }
}

impl<R, S, K, Sp, Ke, Ta, Pa, Lo> Function<K> for Method<R, S, Sp, Ke, Ta, Pa, Lo>
where
    S: Splits<R>,
    K: Arguments,
    Sp: Fn() -> Spec<R, S>,
    Ke: for<'r> Fn(K::Refs<'r>) -> KeyBuf,
    Ta: for<'r> Fn(K::Refs<'r>) -> Tags,
{
    type Returns = R;
    type Shape = S;

    fn site(&self) -> &'static Site {
        self.site
    }

    fn spec(&self) -> Spec<R, S> {
        (self.spec)()
    }

    fn key(&self, args: K::Refs<'_>) -> KeyBuf {
        (self.key)(args)
    }

    fn tags(&self, args: K::Refs<'_>) -> Tags {
        (self.tags)(args)
    }
}

impl<R, S, K, A, Sp, Ke, Ta, Pa, Lo, Fut> Load<K, A> for Method<R, S, Sp, Ke, Ta, Pa, Lo>
where
    S: Splits<R>,
    K: Arguments,
    Sp: Fn() -> Spec<R, S>,
    Ke: for<'r> Fn(K::Refs<'r>) -> KeyBuf,
    Ta: for<'r> Fn(K::Refs<'r>) -> Tags,
    Pa: for<'r> Fn(&'r A) -> K::Refs<'r>,
    Lo: Fn(A) -> Fut,
    Fut: Future<Output = R>,
{
    fn keyed<'r>(&self, args: &'r A) -> K::Refs<'r>
    where
        K: 'r,
    {
        (self.keyed)(args)
    }

    fn load(&self, args: A) -> impl Future<Output = R> {
        (self.load)(args)
    }
}

/// The function's cache in the current runtime.
#[inline]
pub(crate) fn cache<F: Function<K>, K: Arguments>(function: &F) -> Current {
    function.site().cache(typeid::of::<F>(), || function.spec().into_settings())
}

/// A call that memory answers; else what it takes to go on.
#[inline]
#[expect(clippy::missing_errors_doc, reason = "a miss is none")]
pub fn hit<F: Function<K>, K: Arguments>(function: F, args: K::Refs<'_>) -> Result<F::Returns, Box<Missed<F>>> {
    let (cache, key) = (cache::<F, K>(&function), function.key(args));
    match cache.hit(&key).and_then(|entry| returned::<F::Returns, F::Shape>(&entry)) {
        Some(returned) => Ok(returned),
        None => Err(Missed::of::<K>(function, cache, key, args)),
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
    function: F,
    cache: Current,
    key: KeyBuf,
    tags: Tags,
}

impl<F> Missed<F> {
    #[cold]
    fn of<K: Arguments>(function: F, cache: Current, key: KeyBuf, args: K::Refs<'_>) -> Box<Self>
    where
        F: Function<K>,
    {
        let tags = function.tags(args);
        Box::new(Self { function, cache, key, tags })
    }

    /// Asks the other tiers, or loads.
    pub fn load<K: Arguments, A>(self: Box<Self>, args: A) -> Pin<Box<impl Future<Output = F::Returns>>>
    where
        F: Load<K, A>,
    {
        Box::pin(async move {
            let Self { function, cache, key, tags } = *self;
            let outcome = miss::<F::Returns, F::Shape, _>(&cache, &key, &tags, false, function.load(args)).await;
            F::Shape::join(outcome.map(|found| value::<F, K>(&found)))
        })
    }

    /// The same for a plain function: memory is its only tier, so it waits for nothing but another caller's flight.
    pub fn run<K: Arguments, A>(self: Box<Self>, args: A) -> F::Returns
    where
        F: Load<K, A>,
    {
        pollster::block_on(self.load(args))
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

fn value<F: Function<K>, K: Arguments>(found: &Found) -> Stored<F, K> {
    found.entry.value.downcast_ref::<Stored<F, K>>().expect("a function's entries hold its values").clone()
}

/// What was found with its ages and its validator.
fn described<F: Function<K>, K: Arguments>(cache: &Cache, found: &Found) -> Cached<Stored<F, K>> {
    cache.validate(&found.entry);
    found.entry.cached(cache.now(), found.origin).expect("a function's entries hold its values")
}

/// A call that asks for the ages as well, around a loader that is at hand.
#[expect(clippy::missing_errors_doc, reason = "the error is the loader's own")]
pub async fn fetch_with<F: Function<K>, K: Arguments, L: Future<Output = F::Returns>>(
    function: &F,
    key: KeyBuf,
    tags: Tags,
    loader: L,
) -> Result<Cached<Stored<F, K>>, Failure<F, K>> {
    let cache = cache::<F, K>(function);
    let found = match cache.hit(&key) {
        Some(entry) => match failure(&entry) {
            Some(error) => return Err(error),
            None => Found { entry, origin: Origin::Memory },
        },
        None => Box::pin(miss::<F::Returns, F::Shape, L>(&cache, &key, &tags, true, loader)).await?,
    };
    Ok(described::<F, K>(&cache, &found))
}
