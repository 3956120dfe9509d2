use cachet_core::cached;

#[cached(ttl = "5m", timeout = "1s", stale = "1m")]
fn a_plain_function(id: u64) -> u64 {
    id
}

#[cached(ttl = "5m", timeout = "1s")]
async fn nothing_stale(id: u64) -> u64 {
    id
}

#[cached(ttl = "5m", timeout = "1s", early = 1.0)]
async fn early_keeps_nothing(id: u64) -> u64 {
    id
}

#[cached(ttl = "5m", timeout = "1s")]
fn plain_with_nothing_stale(id: u64) -> u64 {
    id
}

#[cached(ttl = "5m", stale_if_error = "1h", timeout = 0)]
async fn zero(id: u64) -> u64 {
    id
}

#[cached(ttl = "5m", stale_if_error = "1h", timeout = "0ms")]
async fn zero_as_text(id: u64) -> u64 {
    id
}

fn main() {}
