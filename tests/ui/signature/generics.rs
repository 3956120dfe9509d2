use cachet_core::cached;

#[cached(ttl = "5m")]
fn of_any<T: Into<u64>>(id: T) -> u64 {
    id.into()
}

#[cached(ttl = "5m")]
fn opaque(id: impl Into<u64>) -> u64 {
    id.into()
}

fn main() {}
