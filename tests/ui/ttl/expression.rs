use cachet_core::cached;

const MINUTES: u64 = 5;

#[cached(ttl = MINUTES * 60)]
fn no_duration() {}

fn main() {}
