use cachet_core::cached;

type Answer = Option<u64>;

#[cached(ttl = "5m", negative_ttl = "10s")]
fn always_there(id: u64) -> u64 {
    id
}

#[cached(ttl = "5m", negative_ttl = "10s")]
fn there_or_an_error(id: u64) -> Result<u64, String> {
    Ok(id)
}

#[cached(ttl = "5m", error_ttl = "10s")]
fn never_an_error(id: u64) -> u64 {
    id
}

#[cached(ttl = "5m", error_ttl = "10s")]
fn behind_an_alias(id: u64) -> Answer {
    Some(id)
}

fn main() {}
