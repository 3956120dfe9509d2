//! The program as it is rolled out: the price has cents and stands first.

use serde::{Deserialize, Serialize};

#[path = "node.rs"]
mod node;

#[derive(Clone, Debug, Serialize, Deserialize)]
struct Product {
    price_cents: u64,
    name: String,
}

#[cachet_core::cached(ttl = 3600, tier = "memory,redis", name = "product", key = "{id}", tags = ["products"])]
async fn product(id: u64) -> Product {
    Product { price_cents: 1000, name: format!("new {id}") }
}

fn main() {
    node::run(async |id| node::told(&product::fetch(id).await));
}
