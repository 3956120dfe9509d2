//! A body that may go on without its caller.

use std::{
    any::Any,
    future::Future,
    marker::PhantomData,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

use super::{
    Failure, Function, Keyed, Missed, Stored,
    call::{Body, described, ended, found, hit_or_error},
};
use crate::{
    cache::{Cache, Ended, Failed, Found, Tags},
    entry::Cached,
    erased::Erased,
    loader::{Run, RunAlone},
    returns::Splits,
};

impl<F: Function> Missed<F> {
    /// The same for a function whose body may go on without its caller.
    ///
    /// # Panics
    ///
    /// Where it may not: the expansion gives such a body or does not come here.
    pub fn load_alone<A>(
        self,
        tags: Tags,
        body: Result<Alone, A>,
    ) -> impl Future<Output = F::Returns> + Send + use<F, A> {
        let (cache, key) = *self.call;
        let body = body.ok().expect("the expansion asks only for what it has given");
        let call = Arc::clone(&cache).call(Keyed { key, tags }, false, body.0);
        let call: Pin<Box<dyn Future<Output = _> + Send>> = Box::pin(call);
        Answered { call, of: PhantomData::<fn() -> F> }
    }

    /// The same for a plain function.
    pub fn run_alone<A>(self, tags: Tags, body: Result<Alone, A>) -> F::Returns {
        pollster::block_on(self.load_alone(tags, body))
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
    Ok(described::<F>(cache, found))
}
