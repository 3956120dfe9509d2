use cachet_core::cached;

#[cached(ttl = "5m", on_outage = "stale")]
async fn without_a_shared_tier(id: u64) -> Result<u64, String> {
    Ok(id)
}

#[cached(ttl = "5m", tier = "redis", on_outage = "stale")]
async fn without_memory(id: u64) -> Result<u64, String> {
    Ok(id)
}

#[cached(ttl = "5m", tier = "memory,redis", on_outage = "fale")]
async fn misspelt(id: u64) -> Result<u64, String> {
    Ok(id)
}

#[cached(ttl = "5m", tier = "memory,redis", on_outage = "fail", batch = ids)]
async fn batch(ids: Vec<u64>) -> Vec<(u64, u64)> {
    ids.into_iter().map(|id| (id, id)).collect()
}

fn main() {}
