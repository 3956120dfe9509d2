use actix_web::{HttpRequest, get, web::Path};
use cachet_core::cached;

struct Identity;
struct BearerAuth;
struct Session;
struct BasicAuth;

#[get("/a/{id}")]
#[cached(ttl = "5m", http = "public", skip(user))]
async fn identity(id: Path<u64>, user: Identity) -> String {
    id.to_string()
}

#[get("/b/{id}")]
#[cached(ttl = "5m", http = "s-maxage=60", skip(token), vary = ["cookie"])]
async fn another_field(id: Path<u64>, token: BearerAuth) -> String {
    id.to_string()
}

#[get("/c/{id}")]
#[cached(ttl = "5m", http = "no-cache", cdn = "max-age=60", skip(session, basic))]
async fn for_networks(id: Path<u64>, session: Session, basic: BasicAuth) -> String {
    id.to_string()
}

#[get("/d")]
#[cached(ttl = "5m", http = "public", skip(request))]
async fn request(request: HttpRequest) -> String {
    request.path().to_owned()
}

fn main() {}
