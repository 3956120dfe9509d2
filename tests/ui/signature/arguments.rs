use cachet_core::cached;

#[cached(ttl = "5m")]
fn pattern((a, b): (u8, u8)) -> u8 {
    a + b
}

#[cached(ttl = "5m")]
fn opaque(id: impl Into<u64>) -> u64 {
    id.into()
}

#[cached(ttl = "5m")]
fn switched(#[cfg(unix)] _id: u64) {}

fn main() {}
