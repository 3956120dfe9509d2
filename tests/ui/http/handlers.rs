use actix_web::{
    HttpRequest, Responder, get, post,
    web::{Bytes, Path},
};
use cachet_core::cached;

#[cached(ttl = "5m")]
#[get("/a")]
async fn without_http() -> impl Responder {
    ""
}

#[cached(ttl = "5m", http = "private")]
fn not_async() -> &'static str {
    ""
}

#[cached(ttl = "5m", http = "private", handle = taken)]
#[get("/b")]
async fn taken() -> &'static str {
    ""
}

#[get("/c/{id}")]
#[cached(ttl = "5m", http = "private")]
async fn raw_request(id: Path<u64>, request: HttpRequest) -> String {
    format!("{id} {}", request.path())
}

#[post("/d")]
#[cached(ttl = "5m", http = "private")]
async fn raw_body(body: Bytes) -> Bytes {
    body
}

#[get("/e/{id}")]
#[cached(ttl = "5m", http = "public", skip(request))]
async fn public_by_identity(id: Path<u64>, request: HttpRequest) -> String {
    format!("{id} {}", request.path())
}

#[get("/f/{id}")]
#[cached(ttl = "5m", http = "public", skip(connection))]
async fn public_by_host(id: Path<u64>, connection: actix_web::dev::ConnectionInfo) -> String {
    format!("{id} at {}", connection.host())
}

fn main() {}
