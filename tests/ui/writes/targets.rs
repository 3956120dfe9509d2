use cachet_core::{cached, invalidates, updates};

#[cached(ttl = "5m")]
async fn product(id: u64, lang: &str) -> String {
    format!("{id} in {lang}")
}

async fn plain(id: u64) -> u64 {
    id
}

#[invalidates(plain(id))]
async fn not_cached(id: u64) {
    plain(id).await;
}

#[invalidates(product(id))]
async fn too_few(id: u64) {}

#[invalidates(product(name, "en"))]
async fn wrong_type(name: String) {
    drop(name);
}

#[updates(product(id, "en"))]
async fn wrong_value(id: u64) -> u64 {
    id
}

fn main() {}
