//! The caches in front: what they know an answer by, and how they forget it.

mod error;
mod field;
mod later;
mod queue;
mod tags;
mod worker;

#[cfg(feature = "edge")]
mod by_url;
#[cfg(feature = "edge")]
mod client;
#[cfg(feature = "edge")]
mod cloudflare;
#[cfg(feature = "edge")]
mod fastly;
#[cfg(feature = "edge")]
mod varnish;

use std::{future::Future, pin::Pin};

#[cfg(feature = "edge")]
pub use self::{by_url::PurgeByUrl, cloudflare::Cloudflare, fastly::Fastly, varnish::Varnish};
pub use self::{
    error::PurgeError,
    queue::{Edge, EdgeBuilder, Purge},
    tags::{EdgeTags, EdgeTagsService},
};

/// What [`EdgePurger::purge`] gives.
pub type Purging<'a> = Pin<Box<dyn Future<Output = Result<(), PurgeError>> + Send + 'a>>;

/// Makes caches in front forget what they hold under some tags.
///
/// [`Edge`] calls it from a thread of its own with a tokio runtime, one call at a time.
///
/// ```
/// use cachet_actix::{EdgePurger, EdgeTags, Purging};
///
/// struct Printed;
///
/// impl EdgePurger for Printed {
///     fn purge<'a>(&'a self, tags: &'a [String], soft: bool) -> Purging<'a> {
///         Box::pin(async move {
///             for tag in tags {
///                 println!("purge {} {}", EdgeTags::escape(tag), if soft { "softly" } else { "" });
///             }
///             Ok(())
///         })
///     }
/// }
/// ```
pub trait EdgePurger: Send + Sync + 'static {
    /// Purges all that carries any of the tags, of which there are 1 to 256, as cachet knows them:
    /// [`EdgeTags::escape`] gives what the edge knows them by. A soft purge lets the edge serve what it holds as stale
    /// while it asks for the new; a purger whose edge has no such thing purges.
    ///
    /// # Errors
    ///
    /// One for all: the tags are purged again later, also those that were reached.
    fn purge<'a>(&'a self, tags: &'a [String], soft: bool) -> Purging<'a>;
}
