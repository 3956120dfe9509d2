use cachet_core::cached;

#[cached(ttl = "5m", tags = ["", 5, "{id", "{di}", "{shop}"], skip(shop))]
fn all_at_once(id: u64, shop: u64) -> u64 {
    id + shop
}

fn main() {
    all_at_once(1, 2);
}
