use cachet_core::cached;

#[cached(ttl = "5m", cdn = "1h")]
fn not_available_yet() {}

#[cached(ttl = "5m", vary = "accept", etag = "weak")]
fn nor_are_these() {}

fn main() {}
