use cachet_core::{CacheKey, cached};

#[derive(CacheKey)]
#[cache_key(skip, crate = "cachet_core")]
enum AllAtOnce<T> {
    #[cache_key(skip, rename = "one")]
    One,
    #[cache_key(rename = "one", with = bits)]
    Two(#[cache_key(with = "bits", rename = "n")] f64, #[cache_key(skpi)] T),
}

// The type counts as a key, so that the functions that take it are not blamed as well.
#[cached(ttl = "5m")]
fn takes(key: AllAtOnce<f64>) {
    drop(key);
}

fn main() {}
