//! One call: the hit, and the way past memory with the function's body.

use std::{
    any::Any,
    future::{Future, poll_fn},
    marker::PhantomData,
    mem,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

use super::{Failure, Function, Keyed, Stored, cache};
use crate::{
    cache::{Cache, Failed, Found, Miss, Tags},
    call::{Current, Described},
    entry::{Cached, Entry, Origin},
    erased::{Erased, erase},
    key::KeyBuf,
    loader::Run,
    returns::{SharedError, Splits},
};

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
    pub(super) call: Box<(Current, KeyBuf)>,
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
}

/// A call on its way past memory. It is a type of its own and no `async` block: the compiler looks at each function's
/// anew, and there is less to see in it.
pub struct Loading<F: Function, L> {
    /// Before the flight, so that a cancelled body is gone when another one begins.
    body: Body<F::Returns, F::Shape, L>,
    miss: Miss,
}

/// A function's body, and the error that it ended in.
pub(super) struct Body<R, S: Splits<R>, L> {
    pub(super) future: Pin<Box<L>>,
    pub(super) error: Option<S::Failure>,
    pub(super) of: PhantomData<fn() -> R>,
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
pub(super) fn found<R, S: Splits<R>>(
    outcome: Result<Found, Failed>,
    left: &mut Option<S::Failure>,
) -> Result<Found, S::Failure> {
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

pub(super) fn ended<R, S: Splits<R>>(outcome: Result<Found, Failed>, left: &mut Option<S::Failure>) -> R {
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
    Ok(described::<F>(cache, found))
}

pub(super) fn hit_or_error<F: Function>(entry: Arc<Entry>) -> Result<Found, Failure<F>> {
    match failure(&entry) {
        Some(error) => Err(error),
        None => Ok(Found { entry, origin: Origin::Memory }),
    }
}

/// What was found with its ages and its validator.
pub(super) fn described<F: Function>(cache: &Cache, found: Found) -> Cached<Stored<F>> {
    cache.validate(&found.entry);
    found.entry.cached(cache.now(), found.origin).expect("a function's entries hold its values")
}

/// A handler's call that memory answers, without a future for it.
pub fn hit_response<F: Function>(function: &F, call: &Keyed) -> Option<Result<Cached<Stored<F>>, Failure<F>>> {
    let cache = cache(function);
    let entry = cache.hit(&call.key)?;
    Some(hit_or_error::<F>(entry).map(|found| described::<F>(&cache, found)))
}

/// A refresh behind an answer, which its caller spawns on this thread.
pub type Behind = Pin<Box<dyn Future<Output = ()>>>;

/// The same for a handler, whose body may go on without its caller and yet stays on its thread. The loader is made where
/// it is needed.
pub async fn fetch_response<F, L>(
    function: &F,
    call: Keyed,
    loader: impl FnOnce() -> L,
) -> (Result<Cached<Stored<F>>, Failure<F>>, Option<Behind>)
where
    F: Function<Returns: 'static, Shape: 'static>,
    L: Future<Output = F::Returns> + 'static,
{
    let cache = cache(function);
    let seen = |found: Result<Found, Failure<F>>| found.map(|found| described::<F>(&cache, found));
    if let Some(entry) = cache.hit(&call.key) {
        return (seen(hit_or_error::<F>(entry)), None);
    }
    if let Some(entry) = cache.stale_at_once(&call.key) {
        let body = Body::<F::Returns, F::Shape, L> { future: Box::pin(loader()), error: None, of: PhantomData };
        let behind = cache.refresh_here(call, &entry, body);
        return (seen(Ok(Found { entry, origin: Origin::Memory })), behind);
    }
    let mut loading = Loading::<F, L>::new(&cache, call.clone(), true, loader());
    let outcome = poll_fn(|cx| loading.miss.poll(cx, &mut loading.body)).await;
    let found = found::<F::Returns, F::Shape>(outcome, &mut loading.body.error);
    let behind = match &found {
        // The shared tier's, within `stale`: the body has not run.
        Ok(found) if found.origin == Origin::Shared && found.entry.staleness(cache.now()).is_some() => {
            cache.refresh_here(call, &found.entry, loading.body)
        }
        _ => None,
    };
    (seen(found), behind)
}

/// Runs a future to its end on this thread, for a plain function that writes.
pub fn block_on<T>(future: impl Future<Output = T>) -> T {
    pollster::block_on(future)
}
