use cachet_core::cached;

#[cached(ttl = "5m", batch = ids, stale = "1m", stale_if_error = "1h")]
fn not_available_yet() {}

#[cached(ttl = "5m", early = 1.0, timeout = "1s", on_outage = "fail", cdn = "1h", vary = "accept", etag = "weak")]
fn nor_are_these() {}

fn main() {}
