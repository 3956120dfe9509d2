use cachet_core::CacheKey;

#[derive(CacheKey)]
#[cache_key(skip)]
struct OnTheType;

#[derive(CacheKey)]
enum OnAVariant {
    #[cache_key(skip)]
    One,
}

#[derive(CacheKey)]
union Union {
    a: u8,
    b: i8,
}

fn main() {}
