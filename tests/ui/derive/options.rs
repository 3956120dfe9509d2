use cachet_core::CacheKey;

#[derive(CacheKey)]
struct Misspelt {
    #[cache_key(skpi)]
    id: u64,
    #[cache_key(wiht = bits)]
    ratio: u8,
    #[cache_key(flatten)]
    rest: u8,
}

#[derive(CacheKey)]
#[cache_key(crat = core)]
enum MisspeltToo {
    #[cache_key(renmae = "one")]
    One,
    #[cache_key(alias = "two")]
    Two,
}

#[derive(CacheKey)]
#[cache_key(rename_all = "lowercase")]
struct NoneSuch;

#[derive(CacheKey)]
struct Twice(#[cache_key(skip, skip)] u64, #[cache_key(with = bits, with = bits)] f64);

#[derive(CacheKey)]
struct TwiceApart(
    #[cache_key(skip)]
    #[cache_key(skip)]
    u64,
);

#[derive(CacheKey)]
#[cache_key(crate = cachet_core, crate = cachet_core)]
enum TwiceElsewhere {
    #[cache_key(rename = "one", rename = "uno")]
    One,
}

#[derive(CacheKey)]
struct Contradictory(#[cache_key(skip, with = bits)] f64, #[cache_key(with = bits, skip)] f64);

fn bits(value: &f64, key: &mut cachet_core::KeyWriter) {
    key.u64(value.to_bits());
}

fn main() {}
