//! A 304 of what only the shared tier holds: the beginning of the stored response, which has its fields, is enough for it.

use actix_web::HttpRequest;
use cachet_core::{
    __private::{Function, Keyed, RESULT, Shape, fetch_start},
    Cached,
};

use super::{Handled, answer::is_short};
use crate::{preconditions::Preconditions, stored::StoredResponse};

/// So much of a stored response is read; one with more fields than that is read whole.
const MOST_BYTES: usize = 4096;

/// The stored response without its body, where the client has that.
pub(super) async fn known_to_client<F>(
    function: &F,
    preconditions: &Preconditions,
    request: &HttpRequest,
    call: &Keyed,
) -> Option<Cached<StoredResponse>>
where
    F: Function<Returns = Handled, Shape = Shape<{ RESULT }>>,
{
    if !preconditions.revalidates() {
        return None;
    }
    let serves = |entry: &Cached<StoredResponse>| is_short(preconditions, request, entry);
    fetch_start(function, call, MOST_BYTES, StoredResponse::without_body, serves).await
}
