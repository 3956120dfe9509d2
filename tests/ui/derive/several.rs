use cachet_core::{CacheKey, cached};

#[derive(CacheKey)]
#[cache_key(skip)]
enum AllAtOnce {
    #[cache_key(skip)]
    One,
    Two(#[cache_key(with = bits)] f64, #[cache_key(skpi)] u8),
}

// The type counts as a key, so that the functions that take it are not blamed as well.
#[cached(ttl = "5m")]
fn takes(key: AllAtOnce) {
    drop(key);
}

fn main() {}
