use cachet_core::cached;

#[cached(ttl = "5m")]
struct Product;

#[cached(ttl = "5m")]
mod products {}

trait Shop {
    #[cached(ttl = "5m")]
    fn product(id: u64) -> u64;
}

fn main() {
    let _ = Product;
}
