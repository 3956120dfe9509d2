//! What a request is looked up by, and what memory has of it.

use actix_web::HttpRequest;
use cachet_core::{
    __private::{Function, Keyed, RESULT, Shape, hit_response},
    Cached,
};

use super::{Handled, Unstored, http::Http, variants::variant_at_hand};
use crate::{stored::StoredResponse, validators::reads};

/// What a request asks for, as far as that is known without waiting.
pub(super) enum Sought {
    /// An entry.
    Entry(Keyed),
    /// A variant of this, or nothing that is kept.
    Unknown(Keyed),
}

impl Sought {
    pub(super) fn of<F>(request: &HttpRequest, http: &Http, function: &F, call: Keyed) -> Self
    where
        F: Function<Returns = Handled, Shape = Shape<{ RESULT }>>,
    {
        if !reads(request.method()) || http.may_be_personal(request).is_some() {
            Self::Unknown(call)
        } else if http.varies() {
            variant_at_hand(function, http, request, call)
        } else {
            Self::Entry(call)
        }
    }

    /// What memory has of it.
    pub(super) fn at_hand<F>(&self, function: &F) -> Option<Result<Cached<StoredResponse>, Unstored>>
    where
        F: Function<Returns = Handled, Shape = Shape<{ RESULT }>>,
    {
        let Self::Entry(call) = self else { return None };
        hit_response(function, call).filter(|found| !found.as_ref().is_ok_and(|entry| entry.is_index()))
    }
}
