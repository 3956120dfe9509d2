//! A cached function as types: what its expansion implements.

use std::future::Future;

use super::Alone;
use crate::{
    cache::Tags,
    call::{Current, Described},
    key::{KeyBuf, KeyWriter},
    returns::Splits,
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

    /// What it may be invalidated by.
    pub fn tags(&self) -> &[String] {
        &self.tags
    }

    /// The same with more in its key.
    #[must_use]
    pub fn with(mut self, write: impl FnOnce(&mut KeyWriter)) -> Self {
        write(self.key.writer());
        self
    }
}
