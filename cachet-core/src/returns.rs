//! How a function's return type splits into what is stored, what is an error, and what callers get.
//!
//! The macro cannot know types, only tokens, and an alias hides a `Result` from it. So the type itself decides: the
//! probes below hold inherent constants for the types that they know, and method resolution falls back to a trait's
//! constant for all others.

use std::{any::Any, convert::Infallible, marker::PhantomData, sync::Arc};

use serde::Serialize;

use crate::{entry::Cached, validator::Validator};

/// A value that the tiers can keep.
pub trait Value: Clone + Send + Sync + 'static {}

impl<T: Clone + Send + Sync + 'static> Value for T {}

/// Any `T`.
pub const PLAIN: u8 = 0;
/// `Option<T>`.
pub const OPTION: u8 = 1;
/// `Result<T, E>`.
pub const RESULT: u8 = 2;
/// `Result<Option<T>, E>`.
pub const RESULT_OPTION: u8 = 3;

/// A return type's kind, one of the four constants.
pub struct Kind<const KIND: u8>;

/// How a return type `R` of some kind splits.
pub trait Returns<R> {
    /// What is stored.
    type Stored: Value;
    /// What is not: the loader's error.
    type Failure;
    /// What `fetch` gives.
    type Fetched;

    /// Parts the value from the error.
    #[expect(clippy::missing_errors_doc, reason = "the error is the loader's own")]
    fn split(returned: R) -> Result<Self::Stored, Self::Failure>;
    /// Puts them together again.
    fn join(outcome: Result<Self::Stored, Self::Failure>) -> R;
    /// The same with ages.
    fn fetched(outcome: Result<Cached<Self::Stored>, Self::Failure>) -> Self::Fetched;
    /// Whether the value says that there is none, so that only `negative_ttl` keeps it.
    fn is_negative(stored: &Self::Stored) -> bool;
}

impl<T: Value> Returns<T> for Kind<PLAIN> {
    type Stored = T;
    type Failure = Infallible;
    type Fetched = Cached<T>;

    #[inline]
    fn split(returned: T) -> Result<T, Infallible> {
        Ok(returned)
    }

    #[inline]
    fn join(outcome: Result<T, Infallible>) -> T {
        match outcome {
            Ok(value) => value,
        }
    }

    fn fetched(outcome: Result<Cached<T>, Infallible>) -> Cached<T> {
        match outcome {
            Ok(cached) => cached,
        }
    }

    fn is_negative(_: &T) -> bool {
        false
    }
}

impl<T: Value> Returns<Option<T>> for Kind<OPTION> {
    type Stored = Option<T>;
    type Failure = Infallible;
    type Fetched = Option<Cached<T>>;

    #[inline]
    fn split(returned: Option<T>) -> Result<Option<T>, Infallible> {
        Ok(returned)
    }

    #[inline]
    fn join(outcome: Result<Option<T>, Infallible>) -> Option<T> {
        match outcome {
            Ok(value) => value,
        }
    }

    fn fetched(outcome: Result<Cached<Option<T>>, Infallible>) -> Option<Cached<T>> {
        match outcome {
            Ok(cached) => cached.transpose(),
        }
    }

    fn is_negative(stored: &Option<T>) -> bool {
        stored.is_none()
    }
}

impl<T: Value, E> Returns<Result<T, E>> for Kind<RESULT> {
    type Stored = T;
    type Failure = E;
    type Fetched = Result<Cached<T>, E>;

    #[inline]
    fn split(returned: Result<T, E>) -> Result<T, E> {
        returned
    }

    #[inline]
    fn join(outcome: Result<T, E>) -> Result<T, E> {
        outcome
    }

    fn fetched(outcome: Result<Cached<T>, E>) -> Result<Cached<T>, E> {
        outcome
    }

    fn is_negative(_: &T) -> bool {
        false
    }
}

impl<T: Value, E> Returns<Result<Option<T>, E>> for Kind<RESULT_OPTION> {
    type Stored = Option<T>;
    type Failure = E;
    type Fetched = Result<Option<Cached<T>>, E>;

    #[inline]
    fn split(returned: Result<Option<T>, E>) -> Result<Option<T>, E> {
        returned
    }

    #[inline]
    fn join(outcome: Result<Option<T>, E>) -> Result<Option<T>, E> {
        outcome
    }

    fn fetched(outcome: Result<Cached<Option<T>>, E>) -> Result<Option<Cached<T>>, E> {
        outcome.map(Cached::transpose)
    }

    fn is_negative(stored: &Option<T>) -> bool {
        stored.is_none()
    }
}

/// Asks whether `R` is an `Option`.
pub struct IsOption<R>(PhantomData<R>);
/// Asks whether `R` is a `Result`.
pub struct IsResult<R>(PhantomData<R>);
/// Asks whether `R` is a `Result` over an `Option`.
pub struct IsResultOption<R>(PhantomData<R>);

/// Asks whether `R` can be kept.
pub struct IsValue<R>(PhantomData<R>);
/// Asks whether `R` is a `Result` over what can be kept.
pub struct IsResultValue<R>(PhantomData<R>);

/// The answer of a probe that does not know the type.
pub trait Otherwise {
    /// It is not.
    const ANSWER: bool = false;
}

impl<R> Otherwise for IsOption<R> {}
impl<R> Otherwise for IsResult<R> {}
impl<R> Otherwise for IsResultOption<R> {}
impl<R> Otherwise for IsValue<R> {}
impl<R> Otherwise for IsResultValue<R> {}

impl<T: Value> IsValue<T> {
    /// It can.
    pub const ANSWER: bool = true;
}

impl<T: Value, E> IsResultValue<Result<T, E>> {
    /// It is.
    pub const ANSWER: bool = true;
}

impl<T> IsOption<Option<T>> {
    /// It is.
    pub const ANSWER: bool = true;
}

impl<T, E> IsResult<Result<T, E>> {
    /// It is.
    pub const ANSWER: bool = true;
}

impl<T, E> IsResultOption<Result<Option<T>, E>> {
    /// It is.
    pub const ANSWER: bool = true;
}

/// Whether a type of this kind can be kept, from the probes' answers.
pub const fn is_kept(kind: u8, value: bool, result_value: bool) -> bool {
    if kind == RESULT || kind == RESULT_OPTION { result_value } else { value }
}

/// The kind, from the probes' answers.
pub const fn kind(option: bool, result: bool, result_option: bool) -> u8 {
    match (option, result, result_option) {
        (true, _, _) => OPTION,
        (_, _, true) => RESULT_OPTION,
        (_, true, _) => RESULT,
        _ => PLAIN,
    }
}

/// The kind of a return type.
#[doc(hidden)]
#[macro_export]
macro_rules! __kind {
    ($returned:ty) => {{
        #[allow(unused_imports)]
        use $crate::__private::Otherwise as _;
        let kind = $crate::__private::kind(
            $crate::__private::IsOption::<$returned>::ANSWER,
            $crate::__private::IsResult::<$returned>::ANSWER,
            $crate::__private::IsResultOption::<$returned>::ANSWER,
        );
        let value = $crate::__private::IsValue::<$returned>::ANSWER;
        let result_value = $crate::__private::IsResultValue::<$returned>::ANSWER;
        ::core::assert!(
            $crate::__private::is_kept(kind, value, result_value),
            "a cached value is given to many callers: its type must be `Clone`, `Send`, `Sync` and `'static`; derive \
             `Clone` for it, or return it in an `Arc`"
        );
        kind
    }};
}

/// An error on its way to the followers of a flight.
pub(crate) type SharedError = Arc<dyn Any + Send + Sync>;

/// Whether a load's error can be given to everyone who waited for it.
///
/// An error that can be cloned is shared; where it cannot, each waiting caller loads in turn.
pub struct ErrorSharing<E> {
    share: Option<fn(&E) -> SharedError>,
    take: fn(&SharedError) -> Option<E>,
    only: fn(&E) -> bool,
}

impl<E> ErrorSharing<E> {
    /// No error is shared.
    pub const fn none() -> Self {
        Self { share: None, take: |_| None, only: |_| false }
    }

    pub(crate) fn share(&self, error: &E) -> Option<SharedError> {
        self.share.filter(|_| (self.only)(error)).map(|share| share(error))
    }

    pub(crate) fn take(&self, shared: &SharedError) -> Option<E> {
        (self.take)(shared)
    }
}

impl<E: Clone + Send + Sync + 'static> ErrorSharing<E> {
    /// Every error is shared.
    pub const fn cloned() -> Self {
        Self::only(|_| true)
    }

    /// The errors that pass are shared.
    pub const fn only(passes: fn(&E) -> bool) -> Self {
        Self {
            share: Some(|error| Arc::new(error.clone())),
            take: |shared| shared.downcast_ref::<E>().cloned(),
            only: passes,
        }
    }
}

/// Asks whether errors of type `E` can be shared.
pub struct ErrorProbe<E>(PhantomData<E>);

/// The answer for errors that cannot be cloned or sent.
pub trait NotShared<E> {
    /// They cannot.
    const SHARING: ErrorSharing<E> = ErrorSharing::none();
}

impl<E> NotShared<E> for ErrorProbe<E> {}

impl<E: Clone + Send + Sync + 'static> ErrorProbe<E> {
    /// They can.
    pub const SHARING: ErrorSharing<E> = ErrorSharing::cloned();
}

/// Whether errors of a type can be shared.
#[doc(hidden)]
#[macro_export]
macro_rules! __errors {
    ($error:ty) => {{
        #[allow(unused_imports)]
        use $crate::__private::NotShared as _;
        $crate::__private::ErrorProbe::<$error>::SHARING
    }};
}

/// Computes the validator of a stored value.
pub type Validate<S> = fn(&S) -> Option<Validator>;

/// Asks whether values of type `S` have a validator.
pub struct ValidatorProbe<S>(PhantomData<S>);

/// The answer for values that do not implement `Serialize`.
pub trait NotValidated<S> {
    /// They have none.
    const VALIDATE: Option<Validate<S>> = None;
}

impl<S> NotValidated<S> for ValidatorProbe<S> {}

impl<S: Serialize> ValidatorProbe<S> {
    /// Their content hash.
    pub const VALIDATE: Option<Validate<S>> = Some(Validator::of::<S>);
}

/// How values of a type are validated.
#[doc(hidden)]
#[macro_export]
macro_rules! __validator {
    ($stored:ty) => {{
        #[allow(unused_imports)]
        use $crate::__private::NotValidated as _;
        $crate::__private::ValidatorProbe::<$stored>::VALIDATE
    }};
}
