use actix_web::{HttpRequest, web::Path};
use cachet_core::cached;

struct Identity;
struct BearerAuth;
struct Session;
struct BasicAuth;

#[cached(ttl = "5m", http = "public", skip(_user))]
async fn identity(id: Path<u64>, _user: Identity) -> String {
    id.to_string()
}

#[cached(ttl = "5m", http = "s-maxage=60", skip(_token), vary = ["cookie"])]
async fn another_field(id: Path<u64>, _token: BearerAuth) -> String {
    id.to_string()
}

#[cached(ttl = "5m", http = "no-cache", cdn = "max-age=60", skip(_session, _basic))]
async fn for_networks(id: Path<u64>, _session: Session, _basic: BasicAuth) -> String {
    id.to_string()
}

#[cached(ttl = "5m", http = "public", skip(request))]
async fn request(request: HttpRequest) -> String {
    request.path().to_owned()
}

#[cached(ttl = "5m", http = "public", skip(_session), vary = ["cookie"])]
async fn declared(_session: Session) -> String {
    String::new()
}

fn main() {}
