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
//! `Set-Cookie`, a `Vary` on what is not in the key, or a `Cache-Control` of their own that says `no-store`, `no-cache` or
//! `private`. A 404 or a 5xx goes to all who wait for the same load, and is then forgotten. GET and HEAD ask the cache, any
//! other method goes straight to the handler; a route for both is
//! `#[route("/posts/{id}", method = "GET", method = "HEAD")]`. A client's own `Cache-Control` is ignored: nobody can force
//! work from outside.
//!
//! Under its route the handler is invalidated by tag; above it, `#[cached(…, handle = post_cache)]` gives
//! `post_cache::invalidate(7)` and the other controls a name.
//!
//! A client that has the answer is sent a 304, and no body is touched for it. Of what only Redis holds the beginning is read,
//! at most 4 KiB with status and fields; where the function has memory as well, only the first time, so that memory is
//! given a key that is asked for again. Sealed and compressed entries are read whole.
//!
//! ## Content codings
//!
//! A body of 1024 bytes or more that is text in some form is sent in the coding that the client likes best (RFC 9110
//! §12.5.3): gzip, and with the features of their names brotli and zstd; between equals the order is `br`, `zstd`, `gzip`. It
//! is encoded when the first client asks for it, and kept in memory beside the entry; a shared tier holds the plain body,
//! so a handler with `tier = "redis"` alone encodes for each request. Each coding has a strong tag of its own (`"h"`,
//! `"h-br"`, `"h-zst"`, `"h-gz"`), a weak one is all codings'; a client that holds any of them gets a 304 with that one.
//! `Vary: Accept-Encoding` is on every variant and its 304. actix-web's `Compress` encodes nothing of it a second time: what
//! is not worth encoding goes to clients that take codings with an empty `Content-Encoding`, a list of no codings, which
//! keeps it from making another body under the same strong tag.
//!
//! ## Fields of the request
//!
//! ```
//! use actix_web::{HttpRequest, get, http::header::ACCEPT_LANGUAGE};
//! use cachet_core::cached;
//!
//! #[get("/greeting")]
//! #[cached(
//!     ttl = 600,
//!     skip(request),
//!     http = "public, max-age=30, must-revalidate",
//!     cdn = "max-age=3600",                         // CDN-Cache-Control: the network is purged by tag
//!     vary = ["accept-language"],                   // in the key, and in Vary
//!     etag = "weak"
//! )]
//! async fn greeting(request: HttpRequest) -> &'static str {
//!     let language = request.headers().get(ACCEPT_LANGUAGE).and_then(|value| value.to_str().ok());
//!     if language.is_some_and(|language| language.starts_with("de")) { "Guten Tag" } else { "Good day" }
//! }
//! # let _ = greeting;
//! ```
//!
//! The values of the fields in `vary` are part of the key as a hash: over one line or several, with or without spaces at
//! the commas, a list is the same; order and case count. At most 64 variants of a resource are stored in a process, and
//! none whose values have more than 1024 bytes together: those are answered by the handler. Invalidating the key takes all
//! variants. Beneath them lies one more entry for each resource, which counts as a load and as hits of the function.
//!
//! A response that may be for one client is not shared. `public` on a handler that takes a request, its `ConnectionInfo`, a
//! session or an identity does not compile, unless `vary` names the field. Any other handler that takes an argument which is
//! no part of its key, nor `Data`, is asked anew for each request with `Authorization` or `Cookie` that `vary` does not name,
//! or with a body; that answer is stored nowhere, and `Cache-Status` says why.
//!
//! Such a handler could also take `X-Forwarded-Host`, `X-Original-URL` and their like for the request's URI. With `vary`
//! they are part of the key, as the `Host` is, and of `Vary`; without it, a request that has them goes past the cache like
//! those above. A proxy that sets one for every request is declared by naming it in `vary`, and so is `host` where an
//! extractor of one's own looks at that. The client's address, as in `X-Forwarded-For`, is in no key: an answer for everyone
//! must not depend on it.
//!
//! What a middleware adds, the cache does not see: one that sets cookies, such as a session's, does not belong around a
//! handler that says `public`.
//!
//! # A cache in front of handlers
//!
//! [`ResponseCache`] is a middleware: a shared cache (RFC 9111) that stores whatever the answers of the handlers behind it
//! say may be stored, in memory and Redis, and that methods such as PUT and DELETE invalidate. `examples/cache_proxy` puts
//! it in front of any origin.
//!
//! # The edge
//!
//! [`EdgeTags`] writes an answer's tags into the field that a cache in front goes by: `Surrogate-Key`, `Cache-Tag`, `xkey`
//! or `Cache-Groups`. [`Edge`] [follows](Edge::follow) a runtime: what this node invalidates is purged out there, after
//! memory and Redis have it, and again where that fails. The feature `edge` has the purgers:
//!
//! | purger | field of answers | a purge is | soft |
//! |---|---|---|---|
//! | `Varnish` (module `xkey`) | `xkey` | `PURGE /` with `xkey-purge`, at each server | `xkey-softpurge` |
//! | `Fastly` | `Surrogate-Key` | `POST /service/{id}/purge` with `Surrogate-Key`, 256 tags a request | `Fastly-Soft-Purge: 1` |
//! | `Cloudflare` | `Cache-Tag` | `POST /client/v4/zones/{id}/purge_cache` with `{"tags": […]}`, 30 a request | no |
//! | `PurgeByUrl` | none | `PURGE` of the URLs that the service names for a tag | no |
//!
//! Others implement [`EdgePurger`]. By default a purge has 5 s, is made again after 100 ms to 30 s where it failed and once
//! more after 2 s where it succeeded, and 10 000 tags are kept.
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
//!
//! # Parts
//!
//! A 200 to a GET whose body is in memory and whose tag is strong has parts: `Range` and `If-Range` are answered with a
//! 206, a 416 or the whole (RFC 9110 §14). [`Validated`](Validated#ranges) says when it is the whole.

mod cache_control;
mod cache_status;
mod cached_json;
mod coding;
mod counted;
mod edge;
mod error;
mod handler;
mod middleware;
mod misleading;
mod preconditions;
mod private;
mod range;
mod respond;
mod stored;
mod validators;

#[cfg(feature = "edge")]
pub use crate::edge::{Cloudflare, Fastly, PurgeByUrl, Varnish};
pub use crate::{
    cache_control::CacheControl,
    cached_json::CachedJson,
    edge::{Edge, EdgeBuilder, EdgePurger, EdgeTags, EdgeTagsService, Purge, PurgeError, Purging},
    error::{CacheControlError, NotModified, PreconditionError},
    middleware::{DoNotStore, ResponseCache},
    preconditions::Preconditions,
    respond::Validated,
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
