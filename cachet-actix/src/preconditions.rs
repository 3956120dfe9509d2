//! The extractor of a request's preconditions.

use std::{
    convert::Infallible,
    future::{Ready, ready},
    time::SystemTime,
};

use actix_web::{
    FromRequest, HttpRequest,
    dev::Payload,
    http::{
        Method,
        header::{HeaderMap, HeaderName, HeaderValue, IF_MATCH, IF_MODIFIED_SINCE, IF_NONE_MATCH, IF_UNMODIFIED_SINCE},
    },
};

use crate::{
    error::PreconditionError,
    range::RangeRequest,
    respond::Head,
    validators::{Conditions, Validators, Verdict, date, evaluate, reads},
};

/// The preconditions of a request (RFC 9110 §13), as an extractor that never fails.
///
/// A handler asks it as soon as it knows the validators of the current state: after the checks that would answer with
/// an error anyway, and before the work (§13.2.1).
///
/// ```
/// use actix_web::{Responder, web::Json};
/// use cachet_actix::{PreconditionError, Preconditions, Validated, Validators};
///
/// async fn show(pre: Preconditions) -> Result<impl Responder, PreconditionError> {
///     let current = Validators::etag("v7");      // cheap: a version column
///     pre.check(&current)?;                      // Err is the finished 304 or 412
///     let body = Json("what took long");         // skipped for a client that has it
///     Ok(Validated::new(body, current))
/// }
/// # let _ = show;
/// ```
#[derive(Clone, Debug)]
pub struct Preconditions {
    method: Method,
    conditions: Conditions,
    range: Option<RangeRequest>,
}

impl Preconditions {
    /// Holds the request's preconditions against the current state.
    ///
    /// # Errors
    ///
    /// With [`PreconditionError::NotModified`] for a GET or HEAD whose client has the current representation, and with
    /// [`PreconditionError::Failed`] where the client's condition does not hold, so that the method must not be
    /// performed. Both are finished answers: `?` hands them to actix-web.
    pub fn check(&self, current: &Validators) -> Result<(), PreconditionError> {
        match self.verdict(current, SystemTime::now()) {
            Verdict::Perform => Ok(()),
            Verdict::NotModified => Err(PreconditionError::not_modified(Head::from(current.clone()))),
            Verdict::Failed => Err(PreconditionError::Failed),
        }
    }

    /// The same for a write that may not go ahead blindly: the client must say by `If-Match` which state it means to
    /// replace.
    ///
    /// # Errors
    ///
    /// With [`PreconditionError::Required`] where there is no `If-Match` (RFC 6585 §3), and as [`check`](Self::check)
    /// does.
    pub fn require_match(&self, current: &Validators) -> Result<(), PreconditionError> {
        if self.conditions.if_match.is_empty() {
            return Err(PreconditionError::Required);
        }
        self.check(current)
    }

    pub(crate) fn of(request: &HttpRequest) -> Self {
        Self::read(request.method(), request.headers())
    }

    pub(crate) fn read(method: &Method, headers: &HeaderMap) -> Self {
        let conditions = Conditions {
            if_match: lines(headers, IF_MATCH),
            if_none_match: lines(headers, IF_NONE_MATCH),
            if_modified_since: single_date(headers, IF_MODIFIED_SINCE),
            if_unmodified_since: single_date(headers, IF_UNMODIFIED_SINCE),
        };
        Self { method: method.clone(), conditions, range: RangeRequest::read(method, headers) }
    }

    /// Whether the method only reads.
    pub(crate) fn reads(&self) -> bool {
        reads(&self.method)
    }

    /// Whether the client says what it has.
    pub(crate) fn name_something(&self) -> bool {
        !self.conditions.if_none_match.is_empty() || self.conditions.if_modified_since.is_some()
    }

    /// The part that is asked for. It comes last, when every precondition holds (RFC 9110 §13.2.2).
    pub(crate) fn range(&self) -> Option<&RangeRequest> {
        self.range.as_ref()
    }

    pub(crate) fn verdict(&self, current: &Validators, now: SystemTime) -> Verdict {
        evaluate(&self.method, &self.conditions, current, now)
    }

    /// The verdict on an answer that is already there: it comes too late for a method that does more than read.
    pub(crate) fn verdict_on_answer(&self, current: &Validators, now: SystemTime) -> Verdict {
        if self.reads() { self.verdict(current, now) } else { Verdict::Perform }
    }
}

impl FromRequest for Preconditions {
    type Error = Infallible;
    type Future = Ready<Result<Self, Infallible>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        ready(Ok(Self::of(request)))
    }
}

fn lines(headers: &HeaderMap, name: HeaderName) -> Vec<HeaderValue> {
    headers.get_all(name).cloned().collect()
}

/// A date field counts if it is there once and valid (RFC 9110 §13.1.3, §13.1.4).
fn single_date(headers: &HeaderMap, name: HeaderName) -> Option<SystemTime> {
    let mut lines = headers.get_all(name);
    let only = lines.next().filter(|_| lines.len() == 0)?;
    date(only)
}
