//! Why a purge did not come about.

use std::error::Error;

/// A purge that failed, or a purger that cannot be.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PurgeError {
    /// An address that is no URL with `http` or `https` and a host.
    #[error("the edge's address is no absolute http or https URL")]
    Address,
    /// A name or token with bytes that no field and no path may have.
    #[error("the {0} has characters that cannot be sent")]
    Characters(&'static str),
    /// The edge was not reached, or its answer broke off.
    #[error("the exchange with the edge failed")]
    Exchange(#[source] Box<dyn Error + Send + Sync>),
    /// The edge answered, and did not purge.
    #[error("the edge refused the purge with status {status}")]
    Refused {
        /// The answer's status.
        status: u16,
    },
    /// There was no answer within [`timeout`](crate::EdgeBuilder::timeout).
    #[error("the edge did not answer in time")]
    TimedOut,
}
