use cachet_core::cached;

#[cached(ttl = "5m")]
fn of_any<T: Into<u64>>(id: T) -> u64 {
    id.into()
}

#[cached(ttl = "5m")]
fn of_many<const N: usize>(ids: [u64; N]) -> u64 {
    ids.iter().sum()
}

fn main() {}
