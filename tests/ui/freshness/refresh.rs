use std::collections::HashMap;

use cachet_core::{Refresh, cached};

#[cached(ttl = "5m")]
async fn nothing_is_kept(id: u64, refresh: Refresh<u64>) -> u64 {
    refresh.not_modified().unwrap_or(id)
}

#[cached(ttl = "5m", http = "public")]
async fn of_a_handler(id: u64, refresh: Refresh<String>) -> String {
    refresh.not_modified().unwrap_or_else(|| id.to_string())
}

#[cached(ttl = "5m", batch = ids)]
async fn of_many_keys(ids: Vec<u64>, refresh: Refresh<u64>) -> HashMap<u64, u64> {
    drop(refresh);
    ids.into_iter().map(|id| (id, id)).collect()
}

fn main() {}
