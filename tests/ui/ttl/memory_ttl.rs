use cachet_core::cached;

#[cached(ttl = "5m", memory_ttl = "1h", tier = "memory,redis")]
async fn longer_than_ttl() {}

#[cached(ttl = "5m", memory_ttl = "1m", tier = "redis")]
async fn without_the_memory_tier() {}

fn main() {}
