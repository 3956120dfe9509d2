use actix_web::{HttpRequest, get, web::Path};
use cachet_core::cached;

#[cached(ttl = "5m", http = "public", vary = "accept-language")]
async fn no_list() -> &'static str {
    ""
}

#[cached(ttl = "5m", http = "public", vary = [])]
async fn empty() -> &'static str {
    ""
}

#[cached(ttl = "5m", http = "public", vary = ["accept-language", "*", "Accept-Encoding", "accept language", 7])]
async fn no_fields() -> &'static str {
    ""
}

#[cached(ttl = "5m", http = "public", vary = ["accept-language", "Accept-Language"])]
async fn twice() -> &'static str {
    ""
}

#[cached(ttl = "5m", tier = "redis", http = "public", vary = ["accept-language"])]
async fn nobody_counts() -> &'static str {
    ""
}

#[get("/a/{id}")]
#[cached(ttl = "5m", tier = "redis", http = "private", skip(request))]
async fn nobody_counts_hosts(id: Path<u64>, request: HttpRequest) -> String {
    format!("{id} at {}", request.connection_info().host())
}

fn main() {}
