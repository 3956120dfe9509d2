use cachet_core::cached;

#[cached(ttl = "5m")]
#[cached(ttl = "1h")]
fn twice(id: u64) -> u64 {
    id
}

fn main() {}
