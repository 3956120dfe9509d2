//! What may be served past its lifetime, with every way to take an argument.
#![deny(warnings, missing_docs, unreachable_pub, clippy::all, clippy::pedantic, single_use_lifetimes)]

use std::{convert::Infallible, fmt::Display, sync::Arc};

use cachet_core::{CacheKey, Cached, Refresh, cached};

/// What can go wrong; it cannot be cloned, and need not.
#[derive(Debug)]
pub struct ShopError;

/// A free function with text, perhaps a list, and what the load replaces.
///
/// # Errors
///
/// When there is no name.
#[cached(ttl = 60, stale = "1m", stale_if_error = "1h", early = 1.0, timeout = "500ms")]
pub async fn page(
    name: &str,
    owner: Option<&String>,
    ids: &[u64],
    _trace: (u64, &'static str),
    refresh: Refresh<String>,
) -> Result<String, ShopError> {
    std::future::ready(()).await;
    if let Some(page) = refresh.not_modified() {
        return Ok(page);
    }
    if name.is_empty() { Err(ShopError) } else { Ok(format!("{name} {owner:?} {ids:?}")) }
}

/// A plain function, which no deadline interrupts.
///
/// # Errors
///
/// None.
#[cached(ttl = 60, stale = "1m", stale_if_error = "1h", early = 0.5)]
pub fn square(of: u64, unit: &str, hint: Option<&str>, refresh: Refresh<u64>) -> Result<u64, Infallible> {
    let _ = (unit, hint);
    Ok(refresh.value().copied().unwrap_or(of * of))
}

/// A generic function.
#[cached(ttl = 60, stale = "1m", early = 1, timeout = 1)]
pub async fn shown<T: CacheKey + Display + Clone + Send + Sync + 'static>(items: &[T], first: &T) -> Option<String> {
    std::future::ready(Some(format!("{first} {}", items.len()))).await
}

/// Nothing is returned.
#[cached(ttl = 60, early = 1.0)]
pub async fn warmed(id: u64) {
    let _ = id;
}

/// Has methods.
#[derive(Clone, Debug, CacheKey)]
pub struct Shop {
    /// Part of the key.
    pub region: String,
}

impl Shop {
    /// By reference, which is copied.
    ///
    /// # Errors
    ///
    /// None.
    #[cached(ttl = 60, stale = "1m", stale_if_error = "1h", early = 1.0, timeout = "500ms")]
    pub async fn price(&self, id: u64, currency: &str, of: Option<&str>) -> Result<u64, ShopError> {
        std::future::ready(Ok(id + (self.region.len() + currency.len() + of.map_or(0, str::len)) as u64)).await
    }

    /// Shared, which is handed on.
    ///
    /// # Errors
    ///
    /// None.
    #[cached(ttl = 60, stale = "1m", stale_if_error = "1h", early = 1.0, timeout = "500ms")]
    pub async fn offer(self: Arc<Self>, id: u64, refresh: Refresh<u64>) -> Result<u64, ShopError> {
        std::future::ready(Ok(refresh.value().copied().unwrap_or(id + self.region.len() as u64))).await
    }

    /// Shared and borrowed, which is copied as it is.
    ///
    /// # Errors
    ///
    /// None.
    #[cached(ttl = 60, stale = "1m", stale_if_error = "1h", early = 1.0, timeout = "500ms", handle = borrowed)]
    pub async fn demand(self: &Arc<Self>, id: u64) -> Result<u64, ShopError> {
        std::future::ready(Ok(id + self.region.len() as u64)).await
    }

    /// The same of a plain function.
    #[cached(ttl = 60, stale = "1m", early = 1.0, handle = widths)]
    fn width(self: &Arc<Self>) -> usize {
        self.region.len()
    }

    /// Plain, and private but for its handle.
    #[cached(ttl = 60, stale = "1m", early = 1.0, handle = lengths)]
    fn length(&self) -> usize {
        self.region.len()
    }

    /// Without a receiver.
    #[cached(ttl = 60, associated, stale = "1m", early = 1.0, timeout = "500ms")]
    pub async fn currency(country: &str) -> String {
        std::future::ready(country.to_uppercase()).await
    }
}

/// No caller gives what is replaced.
///
/// # Errors
///
/// Those of the functions.
pub async fn calls(shop: &Arc<Shop>) -> Result<(), ShopError> {
    let owner = String::from("me");
    let page: Result<String, ShopError> = page("a", Some(&owner), &[1], (1, "t")).await;
    let _ = page?;
    let fetched: Cached<u64> = shop.price_fetched().await?;
    let _ = (fetched, square(2, "m", None), shown(&[1_u8], &1).await, shop.length(), Shop::lengths().stats());
    let _ = (Arc::clone(shop).offer(1).await?, Shop::offer_cache().refresh(Arc::clone(shop), 1).await?);
    let _ = (shop.demand(1).await?, shop.width());
    warmed(1).await;
    Shop::currency("de").await;
    Ok(())
}

impl Shop {
    async fn price_fetched(&self) -> Result<Cached<u64>, ShopError> {
        Self::price_cache().fetch(self, 1, "EUR", Some("x")).await
    }
}

fn main() {}
