//! An `async fn` in both tiers, with every control.
#![deny(warnings, missing_docs, unreachable_pub)]

use cachet_core::{Cached, Invalidation, Stats, cached};
use serde::{Deserialize, Serialize};

/// A product of the shop.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Product {
    /// Its number.
    pub id: u64,
}

/// What can go wrong; it cannot be cloned, and need not.
#[derive(Debug)]
pub struct ShopError;

/// Finds a product.
#[cached(ttl = 3600, tier = "memory,redis", tags = ["products", "product:{id}"])]
pub async fn product(id: u64) -> Result<Product, ShopError> {
    std::future::ready(if id == 0 { Err(ShopError) } else { Ok(Product { id }) }).await
}

/// The types that the controls give.
pub async fn controls() {
    let _: Result<Product, ShopError> = product(1).await;
    let _: Result<Product, ShopError> = product::refresh(1).await;
    let _: Result<Cached<Product>, ShopError> = product::fetch(1).await;
    let _: Option<Cached<Product>> = product::peek(1).await;
    let _: Invalidation = product::put(1, Product { id: 1 }).await;
    let _: Invalidation = product::invalidate(1).await;
    let _: Invalidation = product::clear().await;
    let _: Stats = product::stats();
}

fn main() {}
