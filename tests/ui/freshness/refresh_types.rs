use cachet_core::{Refresh, cached};

#[cached(ttl = "5m", stale = "1m")]
async fn of_what_cannot_be_cloned(id: u64, refresh: Refresh<std::sync::Mutex<u64>>) -> u64 {
    drop(refresh);
    id
}

#[cached(ttl = "5m", stale = "1m")]
async fn page(id: u64, refresh: Refresh<u64>) -> u64 {
    refresh.not_modified().unwrap_or(id)
}

async fn no_caller_gives_it(refresh: Refresh<u64>) -> u64 {
    page(1, refresh).await
}

fn main() {}
