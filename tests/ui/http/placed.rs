use actix_web::web::Path;
use cachet_core::cached;

pub struct Shop;

impl Shop {
    #[cached(ttl = "5m", http = "private", associated)]
    async fn in_an_impl(id: Path<u64>) -> String {
        id.to_string()
    }
}

#[cached(ttl = "5m", http = "private")]
async fn generic<T: ToString>(id: Path<T>) -> String {
    id.to_string()
}

#[cached(ttl = "5m", http = "private", when = |value| true, ttl_of = |value| value.age, error_ttl = "1s", negative_ttl = 1)]
async fn looks_at_values(id: Path<u64>) -> String {
    id.to_string()
}

#[cached(ttl = "5m", http = "private", tags = ["product:{value.id}"])]
async fn tag_of_the_response(id: Path<u64>) -> String {
    id.to_string()
}

fn main() {}
