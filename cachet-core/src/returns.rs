//! How a function's return type splits into what is stored and what is not.
//!
//! A function returns `T`, `Option<T>`, `Result<T, E>` or `Result<Option<T>, E>`, under these names or an alias: what
//! counts is the type. The attribute sees only its spelling, so the expansion asks the compiler, in one of two ways:
//! as a constant ([`__shape!`](crate::__shape)), where inherent constants stand before those of a trait, or as a value
//! ([`__probe!`](crate::__probe)), where a method is found on the fewest references first. The second also works where
//! the type mentions generics.

use std::{any::Any, convert::Infallible, marker::PhantomData, sync::Arc};

use serde::Serialize;

use crate::{
    entry::{AnyValue, Cached},
    error::Error,
    validator::Validator,
};

/// A value that the tiers can keep.
#[diagnostic::on_unimplemented(
    message = "a cached value is given to many callers: its type must be `Clone`, `Send`, `Sync` and `'static`, which \
               `{Self}` is not",
    label = "cannot be kept",
    note = "derive `Clone` for it, or return it in an `Arc`"
)]
pub trait Value: Clone + Send + Sync + 'static {}

#[diagnostic::do_not_recommend]
impl<T: Clone + Send + Sync + 'static> Value for T {}

/// Any `T`.
pub const PLAIN: u8 = 0;
/// `Option<T>`.
pub const OPTION: u8 = 1;
/// `Result<T, E>`.
pub const RESULT: u8 = 2;
/// `Result<Option<T>, E>`.
pub const RESULT_OPTION: u8 = 3;

/// A return type's shape, one of the four constants.
#[derive(Clone, Copy)]
pub struct Shape<const SHAPE: u8>;

/// How a return type `R` of some shape splits.
#[diagnostic::on_unimplemented(
    message = "a cached value is given to many callers: its type must be `Clone`, `Send`, `Sync` and `'static`, which \
               `{R}` is not",
    label = "cannot be kept",
    note = "derive `Clone` for what is inside, or return it in an `Arc`"
)]
pub trait Splits<R> {
    /// What is stored.
    type Stored: Value;
    /// What is inside, where that is an `Option`; else the same.
    type Value;
    /// What is not, unless `error_ttl` says so: the loader's error.
    type Failure: 'static;
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
    fn is_negative(stored: &Self::Stored) -> bool {
        Self::value(stored).is_none()
    }
    /// The value, if there is one.
    fn value(stored: &Self::Stored) -> Option<&Self::Value>;
}

/// The shapes that have an error.
#[diagnostic::on_unimplemented(
    message = "`stale_if_error` serves a value when the load fails, and this function returns no error; write `timeout` \
               beside it, or `stale`",
    label = "no error"
)]
pub trait Fails {}

#[diagnostic::do_not_recommend]
impl Fails for Shape<RESULT> {}
#[diagnostic::do_not_recommend]
impl Fails for Shape<RESULT_OPTION> {}

/// The same shapes, to those that keep errors.
#[diagnostic::on_unimplemented(
    message = "`error_ttl` keeps errors, and this function returns none; remove it",
    label = "no error"
)]
pub trait Errs {}

#[diagnostic::do_not_recommend]
impl Errs for Shape<RESULT> {}
#[diagnostic::do_not_recommend]
impl Errs for Shape<RESULT_OPTION> {}

/// The shapes that can say that there is no value.
#[diagnostic::on_unimplemented(
    message = "`negative_ttl` keeps a `None`, and this function returns no `Option`; remove it, or return \
               `Option<T>` or `Result<Option<T>, E>`",
    label = "no `Option`"
)]
pub trait Absent {}

#[diagnostic::do_not_recommend]
impl Absent for Shape<OPTION> {}
#[diagnostic::do_not_recommend]
impl Absent for Shape<RESULT_OPTION> {}

#[diagnostic::do_not_recommend]
impl<T: Value> Splits<T> for Shape<PLAIN> {
    type Stored = T;
    type Value = T;
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

    fn value(stored: &T) -> Option<&T> {
        Some(stored)
    }
}

#[diagnostic::do_not_recommend]
impl<T: Value> Splits<Option<T>> for Shape<OPTION> {
    type Stored = Option<T>;
    type Value = T;
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

    fn value(stored: &Option<T>) -> Option<&T> {
        stored.as_ref()
    }
}

#[diagnostic::do_not_recommend]
impl<T: Value, E: 'static> Splits<Result<T, E>> for Shape<RESULT> {
    type Stored = T;
    type Value = T;
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

    fn value(stored: &T) -> Option<&T> {
        Some(stored)
    }
}

#[diagnostic::do_not_recommend]
impl<T: Value, E: 'static> Splits<Result<Option<T>, E>> for Shape<RESULT_OPTION> {
    type Stored = Option<T>;
    type Value = T;
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

    fn value(stored: &Option<T>) -> Option<&T> {
        stored.as_ref()
    }
}

/// Asks whether `R` is an `Option`.
pub struct IsOption<R>(PhantomData<R>);
/// Asks whether `R` is a `Result`.
pub struct IsResult<R>(PhantomData<R>);
/// Asks whether `R` is a `Result` over an `Option`.
pub struct IsResultOption<R>(PhantomData<R>);

/// The answer of a probe that does not know the type.
pub trait Otherwise {
    /// It is not.
    const ANSWER: bool = false;
}

impl<R> Otherwise for IsOption<R> {}
impl<R> Otherwise for IsResult<R> {}
impl<R> Otherwise for IsResultOption<R> {}

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

/// The shape, from the probes' answers.
pub const fn shape(option: bool, result: bool, result_option: bool) -> u8 {
    match (option, result, result_option) {
        (true, _, _) => OPTION,
        (_, _, true) => RESULT_OPTION,
        (_, true, _) => RESULT,
        _ => PLAIN,
    }
}

/// The shape of a return type without generics, as a constant.
#[doc(hidden)]
#[macro_export]
macro_rules! __shape {
    ($returned:ty) => {{
        #[allow(unused_imports)]
        use $crate::__private::Otherwise as _;
        $crate::__private::shape(
            $crate::__private::IsOption::<$returned>::ANSWER,
            $crate::__private::IsResult::<$returned>::ANSWER,
            $crate::__private::IsResultOption::<$returned>::ANSWER,
        )
    }};
}

/// Asks a return type for its shape, its error's sharing and its value's validator, by method calls.
pub struct Probe<R>(PhantomData<R>);

impl<R> Probe<R> {
    /// A probe of `R`.
    #[expect(clippy::new_without_default, reason = "the macro names it")]
    pub const fn new() -> Self {
        Self(PhantomData)
    }
}

/// A probe's answer: what the expansion could not know of the return type.
pub struct Probed<S> {
    /// How it splits.
    pub shape: S,
    /// How its error is shared, if it can be.
    pub share: Option<Share>,
    /// How its value is validated, if it can be.
    pub validate: Option<Validate>,
}

/// `Result<Option<T>, E>`.
pub trait ProbeResultOption {
    /// Its shape.
    fn shape(&self) -> Shape<RESULT_OPTION> {
        Shape
    }
}

impl<T, E> ProbeResultOption for &&&Probe<Result<Option<T>, E>> {}

/// `Result<T, E>`.
pub trait ProbeResult {
    /// Its shape.
    fn shape(&self) -> Shape<RESULT> {
        Shape
    }
}

impl<T, E> ProbeResult for &&Probe<Result<T, E>> {}

/// `Option<T>`.
pub trait ProbeOption {
    /// Its shape.
    fn shape(&self) -> Shape<OPTION> {
        Shape
    }
}

impl<T> ProbeOption for &Probe<Option<T>> {}

/// Any `T`.
pub trait ProbePlain {
    /// Its shape.
    fn shape(&self) -> Shape<PLAIN> {
        Shape
    }
}

impl<R> ProbePlain for Probe<R> {}

/// An error that can be cloned.
pub trait ProbeShared {
    /// How it is shared.
    fn share(&self) -> Option<Share>;
}

impl<T, E: Clone + Send + Sync + 'static> ProbeShared for &Probe<Result<T, E>> {
    fn share(&self) -> Option<Share> {
        Some(SharedError::share::<E>)
    }
}

/// No error, or one that cannot be cloned or sent.
pub trait ProbeUnshared {
    /// It is not shared.
    fn share(&self) -> Option<Share> {
        None
    }
}

impl<R> ProbeUnshared for Probe<R> {}

/// A `Result` over what serde can write.
pub trait ProbeValidatedResult {
    /// How its value is validated.
    fn validate(&self) -> Option<Validate>;
}

impl<T: Serialize + 'static, E> ProbeValidatedResult for &&Probe<Result<T, E>> {
    fn validate(&self) -> Option<Validate> {
        Some(validate::<T>)
    }
}

/// What serde can write.
pub trait ProbeValidated {
    /// How it is validated.
    fn validate(&self) -> Option<Validate>;
}

impl<T: Serialize + 'static> ProbeValidated for &Probe<T> {
    fn validate(&self) -> Option<Validate> {
        Some(validate::<T>)
    }
}

/// What serde cannot write.
pub trait ProbeUnvalidated {
    /// It has no validator.
    fn validate(&self) -> Option<Validate> {
        None
    }
}

impl<R> ProbeUnvalidated for Probe<R> {}

/// What there is to know of a return type, generics or not.
#[doc(hidden)]
#[macro_export]
macro_rules! __probe {
    ($returned:ty) => {{
        #[allow(unused_imports)]
        use $crate::__private::{
            ProbeOption as _, ProbePlain as _, ProbeResult as _, ProbeResultOption as _, ProbeShared as _,
            ProbeUnshared as _, ProbeUnvalidated as _, ProbeValidated as _, ProbeValidatedResult as _,
        };
        let probe = $crate::__private::Probe::<$returned>::new();
        $crate::__private::Probed {
            shape: (&&&&probe).shape(),
            share: (&&probe).share(),
            validate: (&&&probe).validate(),
        }
    }};
}

/// Computes the validator of a stored value.
pub(crate) type Validate = fn(&AnyValue) -> Option<Validator>;

fn validate<T: Serialize + 'static>(value: &AnyValue) -> Option<Validator> {
    Validator::of(value.downcast_ref::<T>()?)
}

/// Makes an error one that can be handed out many times; `None` for one that is its own caller's.
pub(crate) type Share = fn(&dyn Any) -> Option<SharedError>;

/// An error that a function can fail with when the shared tier cannot be asked.
#[diagnostic::on_unimplemented(
    message = "`on_outage = \"fail\"` needs an error to fail with: a `Result` whose error is `Clone + Send + Sync` and \
               `From<cachet_core::Error>`, which `{Self}` is not",
    label = "has no error for an outage",
    note = "implement `From<cachet_core::Error>` for it, or write `on_outage = \"load\"`"
)]
pub trait OutageError: Clone + Send + Sync + 'static {
    /// The error.
    fn outage() -> Self;
}

#[diagnostic::do_not_recommend]
impl<E: Clone + From<Error> + Send + Sync + 'static> OutageError for E {
    fn outage() -> Self {
        Error::Outage.into()
    }
}

/// An error on its way to the followers of a flight, or kept for `error_ttl`.
#[derive(Clone)]
pub struct SharedError(Arc<dyn Copied>);

impl SharedError {
    /// Shares an error of type `E`.
    pub fn share<E: Clone + Send + Sync + 'static>(error: &dyn Any) -> Option<Self> {
        error.downcast_ref::<E>().map(|error| Self::new(error.clone()))
    }

    pub(crate) fn new<E: Clone + Send + Sync + 'static>(error: E) -> Self {
        Self(Arc::new(Holding(error)))
    }

    /// A copy of the error, if it is of type `E`.
    pub(crate) fn take<E: 'static>(&self) -> Option<E> {
        self.0.copied().downcast().ok().map(|error| *error)
    }

    pub(crate) fn as_any(&self) -> &AnyValue {
        self.0.as_any()
    }
}

/// An error of some type that can be cloned.
trait Copied: Send + Sync {
    fn copied(&self) -> Box<dyn Any>;
    fn as_any(&self) -> &AnyValue;
}

/// An error as such: a blanket implementation would hold for an `Arc` of one as well.
struct Holding<E>(E);

impl<E: Clone + Send + Sync + 'static> Copied for Holding<E> {
    fn copied(&self) -> Box<dyn Any> {
        Box::new(self.0.clone())
    }

    fn as_any(&self) -> &AnyValue {
        &self.0
    }
}
