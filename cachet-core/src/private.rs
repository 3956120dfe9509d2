//! What the macros' expansion calls. It changes with the macros and is no part of the public interface.
//!
//! This is the thin shell that knows a function's types. It asks the [`Cache`], which knows none, and runs the loader
//! between the two halves of its flow.

use std::{
    any::Any,
    future::{Future, poll_fn},
    marker::PhantomData,
    mem,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

pub use crate::batch::{Pairs, batch};
pub use crate::write::{AnyOutcome, Outcome, ResultOutcome, Write, Writing, copied};
pub use crate::{
    cache::Tags,
    call::{Described, Site},
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
    cache::{Cache, Ended, Failed, Found, Miss},
    call::Current,
    entry::{Cached, Entry, Origin},
    erased::{Erased, erase},
    loader::{Run, RunAlone},
};

/// One cached function.
///
/// The traits about one function are apart because of its lifetimes. A future that is to be `Send` may mention no two
/// types whose lifetimes have to be the same, and those of the key's arguments are among those of all.
pub trait Function {
    /// The function's return type.
    type Returns;
    /// How it splits.
    type Shape: Splits<Self::Returns>;
    /// Its static, and what the attribute says.
    fn described(&self) -> Described<Self::Returns, Self::Shape>;
}

/// Its key, which is made of the arguments `K`.
pub trait Key<K>: Function {
    /// What a call with these arguments is looked up by.
    fn key(&self, args: &K) -> KeyBuf;
    /// What it is invalidated by beside its key.
    fn tags(&self, args: &K) -> Tags {
        let _ = args;
        Tags::new()
    }
}

/// Its body, which takes the arguments `A`.
pub trait Load<A>: Function {
    /// Writes what a call with these arguments is looked up by, into an empty key. In place, because a hit has no time
    /// to copy a buffer.
    fn write_key_of(&self, args: &A, key: &mut KeyBuf);
    /// The same, as a value.
    fn key_of(&self, args: &A) -> KeyBuf {
        let mut key = KeyBuf::bytes();
        self.write_key_of(args, &mut key);
        key
    }
    /// What it is invalidated by beside its key.
    fn tags_of(&self, args: &A) -> Tags {
        let _ = args;
        Tags::new()
    }
    /// Runs it.
    fn load(&self, args: A) -> impl Future<Output = Self::Returns>;
    /// The same for a function whose body may go on without its caller; others give the arguments back.
    #[expect(clippy::missing_errors_doc, reason = "there is none")]
    fn alone(&self, args: A) -> Result<Alone, A> {
        Err(args)
    }
}

/// A body that may go on without its caller, with arguments of its own.
pub struct Alone(Box<dyn RunAlone>);

/// The body of a function that returns `R`.
pub fn alone<R, S>(body: impl Future<Output = R> + Send + 'static) -> Alone
where
    R: 'static,
    S: Splits<R, Failure: Send> + 'static,
{
    Alone(Box::new(Body::<R, S, _> { future: Box::pin(body), error: None, of: PhantomData }))
}

/// The same of a plain function, which blocks the thread that it runs on.
pub fn alone_blocking<R, S>(body: impl FnOnce() -> R + Send + 'static) -> Alone
where
    R: 'static,
    S: Splits<R, Failure: Send> + 'static,
{
    let future = Box::pin(async { body() });
    Alone(Box::new(Blocking(Body::<R, S, _> { future, error: None, of: PhantomData })))
}

struct Blocking<B>(B);

impl<R, S, L> RunAlone for Body<R, S, L>
where
    S: Splits<R, Failure: Send>,
    L: Future<Output = R> + Send,
{
    fn as_run(&mut self) -> &mut dyn Run {
        self
    }

    fn into_error(self: Box<Self>) -> Box<dyn Any + Send> {
        Box::new(self.error.expect("it is asked for after the body left it here"))
    }

    fn is_blocking(&self) -> bool {
        false
    }
}

impl<R, S, L> RunAlone for Blocking<Body<R, S, L>>
where
    S: Splits<R, Failure: Send>,
    L: Future<Output = R> + Send,
{
    fn as_run(&mut self) -> &mut dyn Run {
        &mut self.0
    }

    fn into_error(self: Box<Self>) -> Box<dyn Any + Send> {
        Box::new(self.0).into_error()
    }

    fn is_blocking(&self) -> bool {
        true
    }
}

impl<B: Run> Run for Blocking<B> {
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Result<Box<dyn Erased>, &dyn Any>> {
        self.0.poll(cx)
    }
}

/// A function whose key is made of all of its arguments.
#[derive(Default)]
pub struct Whole<F>(F);

impl<F: Function> Function for Whole<F> {
    type Returns = F::Returns;
    type Shape = F::Shape;

    fn described(&self) -> Described<F::Returns, F::Shape> {
        self.0.described()
    }
}

impl<F: Load<A>, A> Key<A> for Whole<F> {
    fn key(&self, args: &A) -> KeyBuf {
        self.0.key_of(args)
    }

    fn tags(&self, args: &A) -> Tags {
        self.0.tags_of(args)
    }
}

impl<F: Load<A>, A> Load<A> for Whole<F> {
    fn write_key_of(&self, args: &A, key: &mut KeyBuf) {
        self.0.write_key_of(args, key);
    }

    fn tags_of(&self, args: &A) -> Tags {
        self.0.tags_of(args)
    }

    fn load(&self, args: A) -> impl Future<Output = F::Returns> {
        self.0.load(args)
    }

    fn alone(&self, args: A) -> Result<Alone, A> {
        self.0.alone(args)
    }
}

/// What a function's tiers store.
pub type Stored<F> = <<F as Function>::Shape as Splits<<F as Function>::Returns>>::Stored;
/// A function's error.
pub type Failure<F> = <<F as Function>::Shape as Splits<<F as Function>::Returns>>::Failure;
/// What a function's `fetch` gives.
pub type Fetched<F> = <<F as Function>::Shape as Splits<<F as Function>::Returns>>::Fetched;

/// A function without controls, which nobody asks for its key.
impl<R, S: Splits<R>> Function for Described<R, S> {
    type Returns = R;
    type Shape = S;

    fn described(&self) -> Self {
        *self
    }
}

/// A cached method: what an `impl` block has no room for as a type, as closures.
pub struct Method<R, S, Ke> {
    described: Described<R, S>,
    keyed: Ke,
}

/// The same with its body.
pub struct LoadingMethod<M, Pa, Lo, Al> {
    method: M,
    keyed: Pa,
    load: Lo,
    alone: Al,
}

/// Describes a method by its static, what the attribute says, and its key.
pub fn method<R, S, K, Ke>(described: Described<R, S>, keyed: Ke) -> Method<R, S, Ke>
where
    S: Splits<R>,
    Ke: Fn(&K) -> Keyed,
{
    Method { described, keyed }
}

/// Adds the body.
pub fn loading<M, A, Pa, Lo, Al, Fut>(method: M, keyed: Pa, load: Lo, alone: Al) -> LoadingMethod<M, Pa, Lo, Al>
where
    M: Function,
    Pa: Fn(&A) -> Keyed,
    Lo: Fn(A) -> Fut,
    Al: Fn(A) -> Result<Alone, A>,
    Fut: Future<Output = M::Returns>,
{
    LoadingMethod { method, keyed, load, alone }
}

impl<R, S: Splits<R>, Ke> Function for Method<R, S, Ke> {
    type Returns = R;
    type Shape = S;

    fn described(&self) -> Described<R, S> {
        self.described
    }
}

impl<R, S: Splits<R>, K, Ke: Fn(&K) -> Keyed> Key<K> for Method<R, S, Ke> {
    fn key(&self, args: &K) -> KeyBuf {
        (self.keyed)(args).key
    }

    fn tags(&self, args: &K) -> Tags {
        (self.keyed)(args).tags
    }
}

impl<M: Function, Pa, Lo, Al> Function for LoadingMethod<M, Pa, Lo, Al> {
    type Returns = M::Returns;
    type Shape = M::Shape;

    fn described(&self) -> Described<M::Returns, M::Shape> {
        self.method.described()
    }
}

impl<M: Key<K>, K, Pa, Lo, Al> Key<K> for LoadingMethod<M, Pa, Lo, Al> {
    fn key(&self, args: &K) -> KeyBuf {
        self.method.key(args)
    }

    fn tags(&self, args: &K) -> Tags {
        self.method.tags(args)
    }
}

impl<M, A, Pa, Lo, Al, Fut> Load<A> for LoadingMethod<M, Pa, Lo, Al>
where
    M: Function,
    Pa: Fn(&A) -> Keyed,
    Lo: Fn(A) -> Fut,
    Al: Fn(A) -> Result<Alone, A>,
    Fut: Future<Output = M::Returns>,
{
    fn write_key_of(&self, args: &A, key: &mut KeyBuf) {
        *key = (self.keyed)(args).key;
    }

    fn tags_of(&self, args: &A) -> Tags {
        (self.keyed)(args).tags
    }

    fn load(&self, args: A) -> impl Future<Output = M::Returns> {
        (self.load)(args)
    }

    fn alone(&self, args: A) -> Result<Alone, A> {
        (self.alone)(args)
    }
}

/// The function's cache in the current runtime.
pub(crate) fn cache<F: Function>(function: &F) -> Current {
    function.described().cache()
}

/// The key and the tags of one call.
#[derive(Clone)]
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

/// A call that memory answers; else what it takes to go on, the key with it.
#[inline]
#[expect(clippy::missing_errors_doc, reason = "a miss is none")]
pub fn hit<F: Function>(function: &F, key: &mut KeyBuf) -> Result<F::Returns, Missed<F>> {
    let described = function.described();
    match answered::<F::Returns, F::Shape>(described, key) {
        Some(returned) => Ok(returned),
        None => Err(Missed { call: missed(described, key), of: PhantomData }),
    }
}

/// The same of a function whose values are refreshed early: a call whose turn it is goes on like one that found none.
#[inline]
#[expect(clippy::missing_errors_doc, reason = "a miss is none")]
pub fn hit_unless_early<F: Function>(function: &F, key: &mut KeyBuf) -> Result<F::Returns, Missed<F>> {
    let described = function.described();
    let entry = described.cache().hit_unless_early(key);
    match entry.and_then(|entry| returned::<F::Returns, F::Shape>(&entry)) {
        Some(returned) => Ok(returned),
        None => Err(Missed { call: missed(described, key), of: PhantomData }),
    }
}

/// The part of a hit that functions of one type share.
#[inline]
fn answered<R, S: Splits<R>>(function: Described<R, S>, key: &KeyBuf) -> Option<R> {
    returned::<R, S>(&*function.hit(key)?)
}

#[cold]
#[expect(clippy::unnecessary_box_returns, reason = "it is made here, once a type, and not in every function")]
fn missed<R, S: Splits<R>>(function: Described<R, S>, key: &mut KeyBuf) -> Box<(Current, KeyBuf)> {
    Box::new((function.cache(), mem::replace(key, KeyBuf::bytes())))
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
    call: Box<(Current, KeyBuf)>,
    of: PhantomData<fn() -> F>,
}

impl<F: Function> Missed<F> {
    /// Asks the other tiers, or loads.
    pub fn load<L: Future<Output = F::Returns>>(self, tags: Tags, loader: L) -> Loading<F, L> {
        let (cache, key) = *self.call;
        Loading::new(&cache, Keyed { key, tags }, false, loader)
    }

    /// The same for a plain function: memory is its only tier, so it waits for nothing but another caller's flight.
    pub fn run(self, tags: Tags, loader: impl FnOnce() -> F::Returns) -> F::Returns {
        pollster::block_on(self.load(tags, async { loader() }))
    }

    /// The same for a function whose body may go on without its caller.
    ///
    /// # Panics
    ///
    /// Where it may not: the expansion gives such a body or does not come here.
    pub fn load_alone<A>(
        self,
        tags: Tags,
        body: Result<Alone, A>,
    ) -> impl Future<Output = F::Returns> + Send + use<F, A>
    where
        F::Shape: Splits<F::Returns, Failure: Send>,
    {
        let (cache, key) = *self.call;
        let body = body.ok().expect("the expansion asks only for what it has given");
        let call = Arc::clone(&cache).call(Keyed { key, tags }, false, body.0);
        let call: Pin<Box<dyn Future<Output = _> + Send>> = Box::pin(call);
        Answered { call, of: PhantomData::<fn() -> F> }
    }

    /// The same for a plain function.
    pub fn run_alone<A>(self, tags: Tags, body: Result<Alone, A>) -> F::Returns
    where
        F::Shape: Splits<F::Returns, Failure: Send>,
    {
        pollster::block_on(self.load_alone(tags, body))
    }
}

/// A call of a function whose body may go on without its caller.
struct Answered<F> {
    call: Pin<Box<dyn Future<Output = Result<Found, Ended>> + Send>>,
    of: PhantomData<fn() -> F>,
}

impl<F: Function> Future for Answered<F> {
    type Output = F::Returns;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<F::Returns> {
        self.call.as_mut().poll(cx).map(|outcome| {
            let (outcome, mut left) = parted::<F>(outcome);
            ended::<F::Returns, F::Shape>(outcome, &mut left)
        })
    }
}

/// The outcome, and its own load's error.
fn parted<F: Function>(outcome: Result<Found, Ended>) -> (Result<Found, Failed>, Option<Failure<F>>) {
    match outcome {
        Ok(found) => (Ok(found), None),
        Err(Ended::Shared(error)) => (Err(Failed::Shared(error)), None),
        Err(Ended::Own(error)) => (Err(Failed::Own), error.downcast().ok().map(|error| *error)),
    }
}

/// A call on its way past memory. It is a type of its own and no `async` block: the compiler looks at each function's
/// anew, and there is less to see in it.
pub struct Loading<F: Function, L> {
    miss: Miss,
    body: Body<F::Returns, F::Shape, L>,
}

/// A function's body, and the error that it ended in.
struct Body<R, S: Splits<R>, L> {
    future: Pin<Box<L>>,
    error: Option<S::Failure>,
    of: PhantomData<fn() -> R>,
}

/// What is pinned in it is in a box.
impl<F: Function, L> Unpin for Loading<F, L> {}

impl<F: Function, L: Future<Output = F::Returns>> Loading<F, L> {
    fn new(cache: &Arc<Cache>, call: Keyed, described: bool, loader: L) -> Self {
        let body = Body { future: Box::pin(loader), error: None, of: PhantomData };
        Self { miss: Miss::new(cache, call, described), body }
    }
}

impl<F: Function, L: Future<Output = F::Returns>> Future for Loading<F, L> {
    type Output = F::Returns;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<F::Returns> {
        let this = self.get_mut();
        this.miss.poll(cx, &mut this.body).map(|outcome| ended::<F::Returns, F::Shape>(outcome, &mut this.body.error))
    }
}

impl<R, S: Splits<R>, L: Future<Output = R>> Run for Body<R, S, L> {
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Result<Box<dyn Erased>, &dyn Any>> {
        self.future.as_mut().poll(cx).map(|returned| erased::<R, S>(returned, &mut self.error))
    }
}

/// What a body returned, its error left behind.
fn erased<R, S: Splits<R>>(returned: R, left: &mut Option<S::Failure>) -> Result<Box<dyn Erased>, &dyn Any> {
    match S::split(returned) {
        Ok(value) => Ok(erase(value)),
        Err(error) => Err(left.insert(error)),
    }
}

/// What a call found, with the body's error put back.
fn found<R, S: Splits<R>>(outcome: Result<Found, Failed>, left: &mut Option<S::Failure>) -> Result<Found, S::Failure> {
    match outcome {
        Ok(found) => match failure(&found.entry) {
            Some(error) => Err(error),
            None => Ok(found),
        },
        Err(Failed::Shared(error)) => Err(error.take().expect("a flight's error is of its function's type")),
        Err(Failed::Own) => Err(left.take().expect("the body left its error here")),
        Err(Failed::Spared) => unreachable!("a call waits for its value"),
    }
}

fn ended<R, S: Splits<R>>(outcome: Result<Found, Failed>, left: &mut Option<S::Failure>) -> R {
    S::join(found::<R, S>(outcome, left).map(|found| value::<R, S>(&found)))
}

fn value<R, S: Splits<R>>(found: &Found) -> S::Stored {
    found.entry.value.downcast_ref::<S::Stored>().expect("a function's entries hold its values").clone()
}

/// A call that asks for the ages as well.
pub(crate) async fn fetch_with<F: Function, L: Future<Output = F::Returns>>(
    cache: &Arc<Cache>,
    call: Keyed,
    loader: L,
) -> Result<Cached<Stored<F>>, Failure<F>> {
    let found = if let Some(entry) = cache.hit(&call.key) {
        hit_or_error::<F>(entry)?
    } else {
        let mut loading = Loading::<F, L>::new(cache, call, true, loader);
        let outcome = poll_fn(|cx| loading.miss.poll(cx, &mut loading.body)).await;
        found::<F::Returns, F::Shape>(outcome, &mut loading.body.error)?
    };
    Ok(described::<F>(cache, &found))
}

/// The same of a function whose body may go on without its caller.
pub(crate) async fn fetch_alone<F: Function>(
    cache: &Arc<Cache>,
    call: Keyed,
    body: Alone,
) -> Result<Cached<Stored<F>>, Failure<F>> {
    let found = if let Some(entry) = cache.hit_unless_early(&call.key) {
        hit_or_error::<F>(entry)?
    } else {
        let (outcome, mut left) = parted::<F>(Arc::clone(cache).call(call, true, body.0).await);
        found::<F::Returns, F::Shape>(outcome, &mut left)?
    };
    Ok(described::<F>(cache, &found))
}

fn hit_or_error<F: Function>(entry: Arc<Entry>) -> Result<Found, Failure<F>> {
    match failure(&entry) {
        Some(error) => Err(error),
        None => Ok(Found { entry, origin: Origin::Memory }),
    }
}

/// What was found with its ages and its validator.
fn described<F: Function>(cache: &Cache, found: &Found) -> Cached<Stored<F>> {
    cache.validate(&found.entry);
    found.entry.cached(cache.now(), found.origin).expect("a function's entries hold its values")
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
