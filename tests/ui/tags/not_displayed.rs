use cachet_core::{CacheKey, cached};

#[derive(CacheKey)]
struct Id(u64);

#[cached(ttl = "5m", tags = ["product:{id}"])]
fn no_text(id: Id) -> u64 {
    id.0
}

fn main() {}
