use cachet_core::cached;

#[cached(ttl = "5m", tags = ["product:{di}"])]
fn misspelt(id: u64) -> u64 {
    id
}

#[cached(ttl = "5m", skip(shop), tags = ["shop:{shop}"])]
fn skipped(id: u64, shop: u64) -> u64 {
    id + shop
}

#[cached(ttl = "5m", key = "{id}", tags = ["shop:{shop}"])]
fn no_part_of_the_key(id: u64, shop: u64) -> u64 {
    id + shop
}

fn main() {}
