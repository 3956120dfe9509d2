use cachet_core::cached;

#[cached(ttl = "5m", tags = "products")]
fn no_list() {}

#[cached(ttl = "5m", tags = [products])]
fn no_text() {}

#[cached(ttl = "5m", tags = ["products", ""])]
fn empty() {}

#[cached(ttl = "5m", tags = ["product:{id"])]
fn unclosed(id: u64) -> u64 {
    id
}

fn main() {}
