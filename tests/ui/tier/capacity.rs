use cachet_core::cached;

#[cached(ttl = "5m", tier = "redis", capacity = 100)]
async fn no_memory_to_bound() {}

fn main() {}
