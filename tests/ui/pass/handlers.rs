//! Handlers, under and over their route attribute.
#![deny(warnings, missing_docs, unreachable_pub)]

use actix_web::{
    App, HttpRequest, Responder, get, route,
    web::{Data, Json, Path, Query},
};
use cachet_core::{CacheKey, Invalidation, cached};

/// A page of a list.
#[derive(CacheKey, serde::Deserialize)]
pub struct Page {
    /// Its number.
    pub number: u32,
}

/// Under its route.
#[get("/posts/{id}")]
#[cached(ttl = 60, tier = "memory,redis", tags = ["posts", "post:{id}"], http = "public, max-age=30, stale-if-error=86400")]
pub async fn post(id: Path<u64>, db: Data<u8>) -> Result<Json<u64>, actix_web::Error> {
    Ok(Json(*id + u64::from(**db)))
}

/// Over its route.
#[cached(ttl = 60, key = "{shop.0}:{page.number}", http = "private", skip(request), handle = list_cache)]
#[get("/{shop}/{name}")]
pub async fn list(shop: Path<(u64, String)>, page: Query<Page>, request: HttpRequest) -> impl Responder {
    format!("{}{}{}", shop.0, page.number, request.path())
}

#[cached(ttl = 60, http = "public")]
#[route("/config", method = "GET", method = "HEAD")]
async fn config() -> &'static str {
    "config"
}

/// Without a route attribute.
#[cached(ttl = 60, http = "no-cache")]
pub async fn plain(id: Path<u64>) -> String {
    id.to_string()
}

/// A handler's controls.
pub async fn controls() {
    let _: Invalidation = list_cache::invalidate((1, String::new()), Page { number: 1 }).await;
    let _: Invalidation = plain::invalidate(1).await;
    let _: Invalidation = plain::clear().await;
    let _ = plain::stats();
}

fn main() {
    let _ = App::new().service(post).service(list).service(config).route("/plain/{id}", actix_web::web::get().to(plain));
}
