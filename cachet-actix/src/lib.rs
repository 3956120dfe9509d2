//! HTTP caching for actix-web on [cachet](cachet_core): a value that is cached already knows its age, expiry and content
//! hash, so its validator is not computed per request, and a 304 serialises nothing.
//!
//! # Cached functions as answers
//!
//! [`CachedJson`] writes what a cached function's `fetch` gave, with `ETag`, `Last-Modified`, `Cache-Control` and `Age`
//! from the entry:
//!
//! ```
//! use actix_web::{App, HttpServer, Responder, get, test, web::Path};
//! use cachet_actix::{CacheControl, CachedJson};
//! use cachet_core::cached;
//!
//! #[cached(ttl = "1h")]
//! async fn product(id: u64) -> String {
//!     format!("product {id}")                       // a database query
//! }
//!
//! #[get("/products/{id}")]
//! async fn show(id: Path<u64>) -> impl Responder {
//!     CachedJson::new(product::fetch(*id).await).cache(CacheControl::public().max_age(1800))
//! }
//!
//! # #[actix_web::main] async fn main() {
//! let app = test::init_service(App::new().service(show)).await;
//! let first = test::TestRequest::get().uri("/products/7").send_request(&app).await;
//! let tag = first.headers().get("etag").expect("a cached value has a tag");
//! assert_eq!(first.headers().get("cache-control").unwrap(), "public, max-age=1800");
//!
//! let again = test::TestRequest::get().uri("/products/7").insert_header(("if-none-match", tag));
//! assert_eq!(again.send_request(&app).await.status(), 304);
//! # }
//! ```
//!
//! # Cached handlers
//!
//! With `http`, [`cached`](macro@cachet_core::cached) on a handler stores the encoded response. The value is the
//! `Cache-Control` that goes out, checked while the program compiles; without `max-age` it gets the entry's lifetime.
//!
//! ```
//! use actix_web::{Responder, get, web::{Json, Path}};
//! use cachet_core::cached;
//!
//! #[get("/posts/{id}")]
//! #[cached(ttl = 60, tags = ["posts"], http = "public, max-age=30")]
//! async fn post(id: Path<u64>) -> impl Responder {
//!     Json(format!("post {id}"))
//! }
//! # let _ = post;
//! ```
//!
//! Stored are answers with status 200, 203, 204, 301, 308 or 410 whose body has a known size, unless they carry
//! `Set-Cookie`, `Vary` or a `Cache-Control` of their own that says `no-store`, `no-cache` or `private`. A 404 or a 5xx
//! goes to all who wait for the same load, and is then forgotten. GET and HEAD ask the cache, any other method goes
//! straight to the handler; a route for both is `#[route("/posts/{id}", method = "GET", method = "HEAD")]`. A client's
//! own `Cache-Control` is ignored: nobody can force work from outside.
//!
//! Under its route the handler is invalidated by tag; above it, `#[cached(…, handle = post_cache)]` gives
//! `post_cache::invalidate(7)` and the other controls a name.
//!
//! What a middleware adds, the cache does not see: one that sets cookies, such as a session's, does not belong around a
//! handler that says `public`; and `actix_web::middleware::Compress` puts the same strong tag on each coding.
//!
//! # Preconditions without a cache, and on writes
//!
//! [`Preconditions`] is an extractor. [`check`](Preconditions::check) ends a request whose client is up to date before
//! the work is done; [`require_match`](Preconditions::require_match) makes a write safe against lost updates. Its error
//! is the finished 304, 412 or 428; [`PreconditionError`] shows how it passes through an error type of your own.
//!
//! ```
//! use actix_web::{HttpResponse, web::Path};
//! use cachet_actix::{PreconditionError, Preconditions, Validators};
//!
//! async fn replace(pre: Preconditions, id: Path<u64>) -> Result<HttpResponse, PreconditionError> {
//!     let version = 7_u64;                          // read in the transaction that writes
//!     pre.require_match(&Validators::etag(version))?;
//!     Ok(HttpResponse::NoContent().finish())
//! }
//! # let _ = replace;
//! ```

mod cache_control;
mod coding;
mod error;
mod handler;
mod preconditions;
mod private;
mod respond;
mod stored;
mod validators;

pub use crate::{
    cache_control::CacheControl,
    error::{CacheControlError, NotModified, PreconditionError},
    preconditions::Preconditions,
    respond::{CachedJson, Validated},
    validators::{EntityTag, Validators},
};

#[doc(hidden)]
pub mod __private {
    pub use crate::private::*;
}

/// The README's code, compiled.
#[cfg(doctest)]
#[doc = include_str!("../../README.md")]
struct Readme;
