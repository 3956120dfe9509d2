use cachet_core::CacheKey;

#[derive(CacheKey)]
struct Later {
    #[cache_key(with = bits)]
    ratio: f64,
    #[cache_key(rename = "n")]
    name: String,
}

#[derive(CacheKey)]
struct Misspelt {
    #[cache_key(skpi)]
    id: u64,
}

#[derive(CacheKey)]
struct Twice(#[cache_key(skip, skip)] u64);

fn main() {}
