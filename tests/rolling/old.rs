//! The program as it was: a product with a name and a price in whole units.

use serde::{Deserialize, Serialize};

#[path = "node.rs"]
mod node;

#[derive(Clone, Debug, Serialize, Deserialize)]
struct Product {
    name: String,
    price: u32,
}

#[cachet_core::cached(ttl = 3600, tier = "memory,redis", name = "product", key = "{id}", tags = ["products"])]
async fn product(id: u64) -> Product {
    Product { name: format!("old {id}"), price: 10 }
}

fn main() {
    node::run(async |id| node::told(&product::fetch(id).await));
}
