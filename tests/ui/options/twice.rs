use cachet_core::cached;

#[cached(ttl = "5m", ttl = "6m", capacity = 5, capacity = 5)]
fn twice() {}

fn main() {}
