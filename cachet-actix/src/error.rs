//! The crate's errors.

use actix_web::{
    HttpResponse, ResponseError,
    body::BoxBody,
    http::{
        StatusCode,
        header::{HeaderName, HeaderValue},
    },
};
use serde::Serialize;

use crate::{cache_control::CacheControl, respond::Head};

/// A request that ends with its preconditions: the finished 304, 412 or 428.
///
/// It is a [`ResponseError`], so a handler that returns `Result<_, actix_web::Error>` writes `?`. A handler with an
/// error type of its own gives it a variant:
///
/// ```
/// use actix_web::{HttpResponse, ResponseError, http::StatusCode};
/// use cachet_actix::PreconditionError;
///
/// #[derive(Debug, thiserror::Error)]
/// enum ShopError {
///     #[error("no such product")]
///     NotFound,
///     #[error(transparent)]
///     Precondition(#[from] PreconditionError),
/// }
///
/// impl ResponseError for ShopError {
///     fn error_response(&self) -> HttpResponse {
///         match self {
///             Self::NotFound => HttpResponse::NotFound().finish(),
///             Self::Precondition(stop) => stop.error_response(),
///         }
///     }
/// }
/// # let stop = ShopError::from(PreconditionError::Failed);
/// # assert_eq!(stop.error_response().status(), StatusCode::PRECONDITION_FAILED);
/// ```
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PreconditionError {
    /// 304 (RFC 9110 §15.4.5).
    #[error("the client has the current representation")]
    NotModified(NotModified),
    /// 412 (RFC 9110 §15.5.13).
    #[error("the resource is not in the state that the request names")]
    Failed,
    /// 428 (RFC 6585 §3).
    #[error("this request needs an If-Match field with the current entity tag")]
    Required,
}

/// The fields of a 304: those of the 200 in whose place it stands.
#[derive(Clone, Debug)]
pub struct NotModified(Box<Head>);

impl PreconditionError {
    pub(crate) fn not_modified(head: Head) -> Self {
        Self::NotModified(NotModified(Box::new(head)))
    }

    /// Adds the `Cache-Control` that the 200 would have: a 304 has to carry it (RFC 9110 §15.4.5). On a 412 or 428 it
    /// changes nothing.
    ///
    /// ```
    /// # use cachet_actix::{CacheControl, PreconditionError, Preconditions, Validators};
    /// # fn show(pre: Preconditions, current: Validators) -> Result<(), PreconditionError> {
    /// let policy = CacheControl::private().max_age(30);
    /// pre.check(&current).map_err(|stop| stop.cache(policy))?;
    /// # Ok(())
    /// # }
    /// ```
    #[must_use]
    pub fn cache(self, policy: CacheControl) -> Self {
        self.map_head(|head| head.cache(policy))
    }

    /// Adds a field to the `Vary` that the 200 would have. On a 412 or 428 it changes nothing.
    #[must_use]
    pub fn vary(self, field: HeaderName) -> Self {
        self.map_head(|head| head.vary(field))
    }

    /// Adds a field that the 200 would have and that a 304 has to carry too, such as `Content-Location` or `Expires`
    /// (RFC 9110 §15.4.5). One that describes the representation is left out of it. On a 412 or 428 it changes nothing.
    ///
    /// ```
    /// # use actix_web::http::header::{self, HeaderValue};
    /// # use cachet_actix::{PreconditionError, Preconditions, Validators};
    /// # fn show(pre: Preconditions, current: Validators) -> Result<(), PreconditionError> {
    /// let here = HeaderValue::from_static("/greeting.en");
    /// pre.check(&current).map_err(|stop| stop.header(header::CONTENT_LOCATION, here))?;
    /// # Ok(())
    /// # }
    /// ```
    #[must_use]
    pub fn header(self, name: HeaderName, value: HeaderValue) -> Self {
        self.map_head(|head| head.header(name, value))
    }

    fn map_head(self, change: impl FnOnce(Head) -> Head) -> Self {
        match self {
            Self::NotModified(NotModified(head)) => Self::not_modified(change(*head)),
            Self::Failed | Self::Required => self,
        }
    }
}

impl ResponseError for PreconditionError {
    fn status_code(&self) -> StatusCode {
        match self {
            Self::NotModified(_) => StatusCode::NOT_MODIFIED,
            Self::Failed => StatusCode::PRECONDITION_FAILED,
            Self::Required => StatusCode::PRECONDITION_REQUIRED,
        }
    }

    fn error_response(&self) -> HttpResponse<BoxBody> {
        /// The body of a 412 or 428.
        #[derive(Serialize)]
        struct Refusal {
            error: String,
        }

        match self {
            Self::NotModified(NotModified(head)) => head.not_modified(),
            Self::Failed | Self::Required => {
                HttpResponse::build(self.status_code()).json(Refusal { error: self.to_string() })
            }
        }
    }
}

/// A text that is no `Cache-Control` of a response.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CacheControlError {
    /// A member that is neither a name nor `name=value`.
    #[error("`{0}` is no directive; directives are separated by commas and have no space around `=`")]
    Malformed(String),
    /// A name that no response directive has.
    #[error("`{0}` is no Cache-Control directive of responses")]
    Unknown(String),
    /// A directive that is there twice.
    #[error("`{0}` is given twice")]
    Duplicate(&'static str),
    /// A value where none belongs.
    #[error("`{0}` takes no value")]
    ArgumentNotTaken(&'static str),
    /// A lifetime that is missing or no number.
    #[error("`{0}` takes a number of seconds, without quotes")]
    NotSeconds(&'static str),
    /// A limitation that is not a quoted list of field names.
    #[error("`{0}` takes nothing, or field names in quotes")]
    NotFields(&'static str),
    /// `public` and `private` at once.
    #[error("`public` and `private` contradict each other")]
    PublicAndPrivate,
}
