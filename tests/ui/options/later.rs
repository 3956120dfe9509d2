use cachet_core::cached;

#[cached(ttl = "5m", on_outage = "fail")]
fn not_available_yet() {}

fn main() {}
