use std::collections::HashMap;

use cachet_core::cached;

#[cached(ttl = "5m", batch = ids, stale = "1m")]
async fn names(ids: Vec<u64>) -> HashMap<u64, String> {
    ids.into_iter().map(|id| (id, id.to_string())).collect()
}

#[cached(ttl = "5m", batch = ids, stale_if_error = "1h", early = 1.0, timeout = "1s")]
async fn prices(ids: Vec<u64>) -> Result<HashMap<u64, u64>, String> {
    Ok(ids.into_iter().map(|id| (id, id)).collect())
}

fn main() {}
