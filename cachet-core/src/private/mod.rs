//! What the macros' expansion calls. It changes with the macros and is no part of the public interface.
//!
//! This is the thin shell that knows a function's types: it asks the [`Cache`](crate::cache::Cache), which knows none.

mod alone;
mod call;
mod front;
mod function;
mod start;
mod store;

pub use self::front::{Debt, follow, in_front, invalidate_tag_and, runtime_in_front};
pub(crate) use self::{alone::fetch_alone, call::fetch_with, function::cache};
pub use self::{
    alone::{Alone, alone, alone_blocking},
    call::{Behind, Loading, Missed, block_on, fetch_response, hit, hit_response, hit_unless_early},
    function::{Failure, Fetched, Function, Key, Keyed, Load, LoadingMethod, Method, Stored, Whole, loading, method},
};
pub use self::{
    start::fetch_start,
    store::{Filling, Store},
};
pub use crate::batch::{Pairs, batch};
pub use crate::unique::unique;
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
