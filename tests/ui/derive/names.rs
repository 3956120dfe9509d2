use cachet_core::CacheKey;

#[derive(CacheKey)]
enum Twice {
    #[cache_key(rename = "one")]
    One,
    Two,
    #[cache_key(rename = "one")]
    Three(u8),
    #[cache_key(rename = "\u{6f}ne")]
    Four { id: u64 },
}

fn main() {}
