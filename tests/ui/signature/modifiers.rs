use cachet_core::cached;

#[cached(ttl = "5m")]
const fn constant() -> u8 {
    1
}

#[cached(ttl = "5m")]
unsafe fn trusting() -> u8 {
    1
}

#[cached(ttl = "5m")]
extern "C" fn foreign() -> u8 {
    1
}

fn main() {}
