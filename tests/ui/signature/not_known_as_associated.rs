use cachet_core::cached;

struct Shop;

impl Shop {
    #[cached(ttl = "5m")]
    fn first() -> u64 {
        1
    }
}

fn main() {
    Shop::first();
}
