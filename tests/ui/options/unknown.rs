use cachet_core::cached;

#[cached(tll = "5m", ttl = "5m")]
fn misspelt() {}

#[cached(ttl = "5m", expires_after = |a, b| a + b)]
fn unknown() {}

#[cached(ttl = "5m", skips(a, b))]
fn misspelt_list() {}

fn main() {}
