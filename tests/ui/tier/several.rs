use cachet_core::cached;

#[cached(ttl = "5m", tier = "redis", capacity = 100, memory_ttl = "1m")]
fn all_at_once(id: u64) -> u64 {
    id
}

fn main() {
    all_at_once(1);
}
