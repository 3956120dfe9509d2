use cachet_core::cached;

#[cached(ttl = "5 min", negative_ttl = 1.5, memory_ttl = "0s", ttl = "5m")]
fn all_at_once() -> Option<u8> {
    None
}

fn main() {
    all_at_once();
}
