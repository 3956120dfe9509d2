use cachet_core::CacheKey;

#[derive(CacheKey)]
#[cache_key(skip)]
struct Skipped;

#[derive(CacheKey)]
#[cache_key(with = path::to::function)]
struct Written;

#[derive(CacheKey)]
#[cache_key(rename = "other")]
struct Renamed;

#[derive(CacheKey)]
enum OnAVariant {
    #[cache_key(skip)]
    One,
    #[cache_key(with = path::to::function)]
    Two(u8),
    #[cache_key(crate = cachet_core)]
    Three,
}

#[derive(CacheKey)]
struct OnAField {
    #[cache_key(rename = "other")]
    one: u8,
    #[cache_key(crate = cachet_core)]
    two: u8,
}

#[derive(CacheKey)]
union Union {
    a: u8,
    b: i8,
}

#[derive(CacheKey)]
#[repr(C, packed(2))]
struct Packed(u8, u32);

fn main() {}
