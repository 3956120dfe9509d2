use cachet_core::cached;

#[cached(ttl = 0)]
fn a_number() {}

#[cached(ttl = "0m")]
fn text() {}

#[cached(ttl = "5m", negative_ttl = 0)]
fn of_another_option() -> Option<u8> {
    None
}

fn main() {}
