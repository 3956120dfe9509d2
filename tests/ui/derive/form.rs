use cachet_core::CacheKey;

#[derive(CacheKey)]
#[cache_key]
struct Nothing(
    #[cache_key()] u8,
    #[cache_key = "skip"] u8,
    #[cache_key(, skip)] u8,
    #[cache_key(skip; with = bits)] u8,
    #[cache_key("skip")] u8,
);

#[derive(CacheKey)]
struct Flag(#[cache_key(skip = true)] u8, #[cache_key(skip("always"))] u8);

#[derive(CacheKey)]
struct Function {
    #[cache_key(with)]
    nothing: f64,
    #[cache_key(with(bits))]
    parentheses: f64,
    #[cache_key(with = "bits")]
    text: f64,
    #[cache_key(with = "no path")]
    no_path: f64,
    #[cache_key(with = |value, key| key.u64(value.to_bits()))]
    closure: f64,
    #[cache_key(with = bits(key))]
    call: f64,
    #[cache_key(with = 5)]
    number: f64,
    #[cache_key(with = bits as)]
    unreadable: f64,
    #[cache_key(with = bits more)]
    no_comma: f64,
}

#[derive(CacheKey)]
enum Name {
    #[cache_key]
    Nothing,
    #[cache_key(rename)]
    NoValue,
    #[cache_key(rename = one)]
    NoText,
    #[cache_key(rename = 5)]
    Number,
    #[cache_key(rename = "")]
    Empty,
    #[cache_key(rename = "7up")]
    Digit,
}

#[derive(CacheKey)]
#[cache_key(crate)]
struct NoPath;

#[derive(CacheKey)]
#[cache_key(crate = "cachet_core")]
struct Text;

#[derive(CacheKey)]
#[cache_key(crate = 5)]
struct Number;

fn main() {}
