//! Pages of products: a key made of a struct, and tags that follow from it.

use std::fmt;

use actix_web::{Responder, web::Query};
use cachet_actix::{CacheControl, CachedJson};
use cachet_core::{CacheKey, cached};
use deadpool_sqlite::rusqlite::{Connection, params};
use serde::{Deserialize, Serialize};

use crate::{
    catalogue::{self, Product},
    db,
    errors::ShopError,
    loads,
};

const PAGE_SIZE: u32 = 20;

/// Which products a page lists.
#[derive(Clone, Debug, CacheKey)]
pub(crate) enum Shelf {
    Everything,
    Category(String),
}

/// What a page is asked for by; every field of it is part of the key.
#[derive(Clone, Debug, CacheKey)]
struct Listing {
    shelf: Shelf,
    page: u32,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Products {
    page: u32,
    page_size: u32,
    total: u64,
    items: Vec<Product>,
}

/// The query of `GET /products`.
#[derive(Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Wanted {
    /// Empty for the whole catalogue.
    category: String,
    /// The first page is 1.
    page: u32,
}

/// A page carries its shelf's tag: a write that knows a product's category makes all pages disappear that may hold it.
#[cached(ttl = "10m", stale = "5m", tier = "memory,redis", tags = ["{of.shelf}"], name = "listing")]
async fn listing(of: Listing) -> Result<Products, ShopError> {
    loads::count("listing");
    db::run(move |connection| select(connection, &of)).await
}

/// `GET /products?category=&page=`; past the last page the list is empty.
pub(crate) async fn show(wanted: Query<Wanted>) -> Result<impl Responder, ShopError> {
    let page = listing::fetch(wanted.into_inner().try_into()?).await?;
    // Browsers and proxies ask each time, since they are not told of a change; mostly the answer is a 304.
    Ok(CachedJson::new(page).cache(CacheControl::public().no_cache()))
}

fn select(connection: &Connection, Listing { shelf, page }: &Listing) -> Result<Products, ShopError> {
    let category = match shelf {
        Shelf::Everything => None,
        Shelf::Category(name) => Some(name),
    };
    let total = connection
        .prepare_cached("SELECT count(*) FROM products WHERE ?1 IS NULL OR category = ?1")?
        .query_row([category], |row| row.get(0).map(i64::cast_unsigned))?;
    if let (Some(name), 0) = (category, total) {
        return Err(ShopError::NotFound(format!("category `{name}`")));
    }
    let skipped = i64::from(page - 1) * i64::from(PAGE_SIZE);
    let items = connection
        .prepare_cached(
            "SELECT id, category, name, description, price_cents FROM products
             WHERE ?1 IS NULL OR category = ?1 ORDER BY id LIMIT ?2 OFFSET ?3",
        )?
        .query_map(params![category, PAGE_SIZE, skipped], catalogue::read)?
        .collect::<Result<_, _>>()?;
    Ok(Products { page: *page, page_size: PAGE_SIZE, total, items })
}

impl fmt::Display for Shelf {
    /// The tag of the shelf's pages.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Everything => f.write_str("products"),
            Self::Category(name) => write!(f, "category:{name}"),
        }
    }
}

impl Default for Wanted {
    fn default() -> Self {
        Self { category: String::new(), page: 1 }
    }
}

impl TryFrom<Wanted> for Listing {
    type Error = ShopError;

    fn try_from(Wanted { category, page }: Wanted) -> Result<Self, ShopError> {
        if page == 0 {
            return Err(ShopError::bad_request("the first page is 1"));
        }
        let shelf = if category.is_empty() { Shelf::Everything } else { Shelf::Category(category) };
        Ok(Self { shelf, page })
    }
}
