use cachet_core::cached;

#[cached(ttl = "5m", stale = "1m", stale = "2m", early = 1.0, early = 2.0)]
async fn twice(id: u64) -> u64 {
    id
}

#[cached(ttl = "5m", stale_if_error = "1h", stale_if_error = "2h", timeout = "1s", timeout = "2s")]
async fn twice_more(id: u64) -> Result<u64, String> {
    Ok(id)
}

fn main() {}
