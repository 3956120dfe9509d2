use cachet_core::cached;

#[cached(ttl = "5m", stale = "1m", jitter = 0.1, error_ttl(NotFound = "10s"), when = |a, b| a == b)]
fn not_available_yet() {}

fn main() {}
