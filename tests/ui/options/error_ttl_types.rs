use cachet_core::cached;

#[derive(Clone)]
pub enum Mistake {
    NotFound,
}

#[cached(ttl = "5m", error_ttl = (NotFuond = "10s"))]
fn no_such_variant() -> Result<u8, Mistake> {
    Err(Mistake::NotFound)
}

#[cached(ttl = "5m", error_ttl = 2 * 5)]
fn no_duration() -> Result<u8, Mistake> {
    Err(Mistake::NotFound)
}

fn main() {}
