use cachet_core::cached;

struct Shop;

impl Shop {
    #[cached(ttl = "5m")]
    fn product(&self, id: u64) -> u64 {
        id
    }
}

fn main() {
    Shop.product(1);
}
