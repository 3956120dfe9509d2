use cachet_core::cached;

struct Shop;

impl Shop {
    #[cached(ttl = "5m")]
    fn product(&self, id: u64) -> u64 {
        id
    }
}

impl Shop {
    #[cached(ttl = "5m")]
    fn default_product() -> u64 {
        Self::first()
    }

    fn first() -> u64 {
        1
    }
}

fn main() {
    Shop.product(Shop::default_product());
}
