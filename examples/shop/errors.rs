//! What can go wrong in a request, each as a status and a body of `{"error": "…"}`.

use std::sync::Arc;

use actix_web::{
    HttpResponse, ResponseError,
    http::{StatusCode, header::ALLOW},
    web::{JsonConfig, PathConfig, QueryConfig, ServiceConfig},
};
use cachet_actix::PreconditionError;
use serde_json::json;
use thiserror::Error;

use crate::db::DbError;

/// It can be cloned: a load that fails is answered to everybody who waited for it, without a second try.
#[derive(Clone, Debug, Error)]
pub(crate) enum ShopError {
    #[error("there is no {0}")]
    NotFound(String),
    #[error("{message}")]
    Rejected { status: StatusCode, message: String },
    /// A 412, finished by cachet.
    #[error(transparent)]
    Precondition(#[from] PreconditionError),
    #[error("this endpoint takes {0}")]
    Method(&'static str),
    #[error("the database could not be asked")]
    Database(#[source] Arc<DbError>),
}

impl ShopError {
    /// There is no such row.
    pub(crate) fn missing(kind: &str, id: u64) -> Self {
        Self::NotFound(format!("{kind} {id}"))
    }

    /// The request makes no sense.
    pub(crate) fn bad_request(message: impl Into<String>) -> Self {
        Self::Rejected { status: StatusCode::BAD_REQUEST, message: message.into() }
    }
}

impl ResponseError for ShopError {
    fn status_code(&self) -> StatusCode {
        match self {
            Self::NotFound(_) => StatusCode::NOT_FOUND,
            Self::Rejected { status, .. } => *status,
            Self::Precondition(stop) => stop.status_code(),
            Self::Method(_) => StatusCode::METHOD_NOT_ALLOWED,
            Self::Database(_) => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }

    fn error_response(&self) -> HttpResponse {
        let mut response = HttpResponse::build(self.status_code());
        match self {
            Self::Precondition(stop) => return stop.error_response(),
            Self::Method(allowed) => _ = response.insert_header((ALLOW, *allowed)),
            Self::Database(reason) => tracing::error!(?reason, "a request failed"),
            _ => {}
        }
        response.json(json!({ "error": self.to_string() }))
    }
}

/// Makes the extractors answer as everything else here does.
pub(crate) fn extractors(config: &mut ServiceConfig) {
    let json = JsonConfig::default()
        // `curl -d '{…}'` alone sends a form's content type.
        .content_type_required(false)
        .content_type(|_| true)
        .error_handler(|error, _| {
            ShopError::Rejected { status: error.status_code(), message: error.to_string() }.into()
        });
    config
        .app_data(json)
        .app_data(PathConfig::default().error_handler(|error, _| ShopError::bad_request(error.to_string()).into()))
        .app_data(QueryConfig::default().error_handler(|error, _| ShopError::bad_request(error.to_string()).into()));
}
