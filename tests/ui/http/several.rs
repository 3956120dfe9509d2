use actix_web::{HttpRequest, get, web::Bytes};
use cachet_core::cached;

#[cached(ttl = "5m", http = "publik, max-age=\"30\", no-store, immutable")]
#[get("/a")]
async fn all_directives() -> &'static str {
    ""
}

#[cached(ttl = "5m", http = "public, max-age=600", handle = all_rules, skip(request))]
#[get("/b")]
async fn all_rules(request: HttpRequest, body: Bytes) -> Bytes {
    drop(request);
    body
}

fn main() {}
