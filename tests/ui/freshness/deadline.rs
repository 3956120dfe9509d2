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

fn main() {}
