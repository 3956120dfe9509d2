use actix_web::{get, web::{Path, Query}};
use cachet_core::cached;

#[derive(serde::Deserialize)]
struct Page {
    number: u32,
}

#[get("/pages/{id}")]
#[cached(ttl = "5m", http = "private")]
async fn page(id: Path<u64>, page: Query<Page>) -> String {
    format!("{id} {}", page.number)
}

fn main() {}
