//! What the macros' expansion calls. It changes with the macros and is no part of the public interface.

pub use actix_web::HttpResponse;

pub use crate::{
    handler::{Handled, Http, Incoming, Unstored, is_final, probed, respond, tag_by},
    stored::StoredResponse,
};
