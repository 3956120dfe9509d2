use cachet_core::cached;

#[derive(Clone)]
pub enum Mistake {
    NotFound,
    Busy(u8),
}

type Answer = Result<u8, Mistake>;

#[cached(ttl = "5m", error_ttl(NotFound = "10s"))]
fn without_equals() -> Result<u8, Mistake> {
    Err(Mistake::NotFound)
}

#[cached(ttl = "5m", error_ttl = ())]
fn no_pattern() -> Result<u8, Mistake> {
    Err(Mistake::Busy(1))
}

#[cached(ttl = "5m", error_ttl = (NotFound))]
fn no_duration() -> Result<u8, Mistake> {
    Ok(1)
}

#[cached(ttl = "5m", error_ttl = (NotFound = ))]
fn half_a_duration() -> Result<u8, Mistake> {
    Ok(1)
}

#[cached(ttl = "5m", error_ttl = (= "10s"))]
fn half_a_pattern() -> Result<u8, Mistake> {
    Ok(1)
}

#[cached(ttl = "5m", error_ttl = (NotFound = "0s"))]
fn zero_for_one() -> Result<u8, Mistake> {
    Ok(1)
}

#[cached(ttl = "5m", error_ttl = "soon")]
fn no_number() -> Result<u8, Mistake> {
    Ok(1)
}

#[cached(ttl = "5m", error_ttl)]
fn no_value() -> Result<u8, Mistake> {
    Ok(1)
}

#[cached(ttl = "5m", error_ttl = "10s")]
fn no_error_in_an_option() -> Option<u8> {
    None
}

#[cached(ttl = "5m", error_ttl = "10s")]
fn no_error_in_nothing() {}

#[cached(ttl = "5m", error_ttl = (NotFound = "10s", Busy(_) = "1s"))]
fn behind_an_alias() -> Answer {
    Ok(1)
}

fn main() {}
