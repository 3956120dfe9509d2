use cachet_core::cached;

#[cached(ttl = "5m", when = |value| value + 1)]
fn when_gives_a_number() -> u64 {
    1
}

#[cached(ttl = "5m", ttl_of = |value| *value)]
fn ttl_of_gives_a_number() -> u64 {
    1
}

#[cached(ttl = "5m", when = is_public)]
fn when_is_unknown() -> u64 {
    1
}

fn main() {}
