use cachet_core::cached;

#[cached(ttl = "5m", early = 0)]
async fn early_of_zero(id: u64) -> u64 {
    id
}

#[cached(ttl = "5m", early = 0.0)]
async fn early_of_nothing(id: u64) -> u64 {
    id
}

#[cached(ttl = "5m", early = "x")]
async fn early_as_text(id: u64) -> u64 {
    id
}

#[cached(ttl = "5m", early = 101)]
async fn early_beyond_reason(id: u64) -> u64 {
    id
}

#[cached(ttl = "5m", early = -1.0)]
async fn early_below_zero(id: u64) -> u64 {
    id
}

#[cached(ttl = "5m", stale = 0)]
async fn stale_for_no_time(id: u64) -> u64 {
    id
}

#[cached(ttl = "5m", stale = "soon")]
async fn stale_in_words(id: u64) -> u64 {
    id
}

#[cached(ttl = "5m", stale_if_error = "0s")]
async fn an_error_for_no_time(id: u64) -> Result<u64, String> {
    Ok(id)
}

#[cached(ttl = "5m", stale_if_error = "200 years")]
async fn an_error_for_ever(id: u64) -> Result<u64, String> {
    Ok(id)
}

#[cached(ttl = "5m", stale = "1m", timeout = 0)]
async fn no_time_at_all(id: u64) -> u64 {
    id
}

#[cached(ttl = "5m", stale = "1m", timeout = 1.5)]
async fn a_broken_number(id: u64) -> u64 {
    id
}

#[cached(ttl = "5m", stale, early, timeout, stale_if_error)]
async fn without_values(id: u64) -> Result<u64, String> {
    Ok(id)
}

fn main() {}
