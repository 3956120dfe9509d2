use std::collections::HashMap;

use cachet_core::cached;

#[cached(ttl = "5m", batch = idz)]
async fn misspelt(ids: Vec<u64>) -> HashMap<u64, u64> {
    ids.into_iter().map(|id| (id, id)).collect()
}

#[cached(ttl = "5m", batch = id)]
async fn one(id: u64) -> HashMap<u64, u64> {
    HashMap::from([(id, id)])
}

#[cached(ttl = "5m", batch = ids, skip(ids))]
async fn skipped(ids: Vec<u64>) -> HashMap<u64, u64> {
    ids.into_iter().map(|id| (id, id)).collect()
}

#[cached(ttl = "5m", batch = ids)]
fn plain(ids: Vec<u64>) -> HashMap<u64, u64> {
    ids.into_iter().map(|id| (id, id)).collect()
}

#[cached(ttl = "5m", batch = ids)]
async fn of_any<T: Copy>(ids: Vec<u64>, _of: T) -> HashMap<u64, u64> {
    ids.into_iter().map(|id| (id, id)).collect()
}

#[cached(ttl = "5m", batch = ids, negative_ttl = "1m", error_ttl = "1m")]
async fn kept(ids: Vec<u64>) -> HashMap<u64, u64> {
    ids.into_iter().map(|id| (id, id)).collect()
}

#[cached(ttl = "5m", batch = "ids")]
async fn text(ids: Vec<u64>) -> HashMap<u64, u64> {
    ids.into_iter().map(|id| (id, id)).collect()
}

struct Shop;

impl Shop {
    #[cached(ttl = "5m", batch = ids)]
    async fn method(&self, ids: Vec<u64>) -> HashMap<u64, u64> {
        ids.into_iter().map(|id| (id, id)).collect()
    }
}

fn main() {}
