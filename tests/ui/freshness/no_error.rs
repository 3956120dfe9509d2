use cachet_core::cached;

#[cached(ttl = "5m", stale_if_error = "1h")]
async fn nothing(id: u64) {
    drop(id);
}

#[cached(ttl = "5m", stale_if_error = "1h")]
async fn perhaps(id: u64) -> Option<u64> {
    Some(id)
}

#[cached(ttl = "5m", stale_if_error = "1h", stale = "1m")]
fn plain(id: u64) -> std::option::Option<u64> {
    Some(id)
}

fn main() {}
