use cachet_core::{CacheKey, cached};

#[derive(CacheKey)]
struct Product(u64);

#[cached(ttl = "5m", stale = "1m")]
async fn price(id: u64, product: &Product) -> u64 {
    id + product.0
}

#[cached(ttl = "5m", stale = "1m")]
async fn perhaps(id: u64, product: Option<&Product>) -> u64 {
    id + product.map_or(0, |product| product.0)
}

#[cached(ttl = "5m", early = 1.0)]
fn several(products: &[Product]) -> usize {
    products.len()
}

struct Shop;

impl Shop {
    #[cached(ttl = "5m", associated, stale = "1m", handle = offers)]
    async fn offer(product: &Product) -> u64 {
        product.0
    }
}

fn main() {}
