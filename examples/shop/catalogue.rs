//! Products: three caches in a row, and a write that empties them.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use actix_web::{
    Responder,
    web::{Data, Json, Path},
};
use cachet_actix::{CacheControl, CachedJson, Preconditions, Validators};
use cachet_core::{Validator, cached, invalidate_tag};
use deadpool_sqlite::rusqlite::{Connection, OptionalExtension, Row, TransactionBehavior, params};
use serde::{Deserialize, Serialize};

use crate::{
    db::{self, row_id},
    errors::ShopError,
    listing::Shelf,
    loads,
    price::Price,
    writes::{Written, finish},
};

#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Product {
    pub(crate) id: u64,
    pub(crate) category: String,
    pub(crate) name: String,
    pub(crate) description: String,
    pub(crate) price: Price,
}

/// The body of a `PUT`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct NewPrice {
    price: Price,
}

/// For how many seconds browsers and proxies keep a product without asking.
#[derive(Clone, Copy, Debug)]
pub(crate) struct MaxAge(pub(crate) u64);

#[cached(ttl = "1h", tier = "memory,redis", key = "{id}", name = "product")]
async fn product(id: u64) -> Result<Product, ShopError> {
    loads::count("product");
    db::run(move |connection| select(connection, id)).await
}

/// `GET /products/{id}`: memory and Redis keep it for an hour, browsers and proxies for half of that unless they are told
/// otherwise.
pub(crate) async fn show(id: Path<u64>, max_age: Data<MaxAge>) -> Result<impl Responder, ShopError> {
    let product = product::fetch(*id).await?;
    Ok(CachedJson::new(product).cache(CacheControl::public().max_age(max_age.0)).tags(product::tags(*id)))
}

/// `PUT /products/{id}`: a client that sends `If-Match`, or `If-Unmodified-Since`, changes the price that it has seen, or
/// none.
pub(crate) async fn set_price(
    id: Path<u64>,
    preconditions: Preconditions,
    body: Json<NewPrice>,
) -> Result<Json<Written<Product>>, ShopError> {
    let (id, price) = (*id, body.price);
    finish(async move {
        let changed = db::run(move |connection| update(connection, id, price, &preconditions)).await?;
        // After the commit, and only then: whoever loads from here on reads the new row.
        let invalidated = tokio::join!(
            product::invalidate(id),
            invalidate_tag(Shelf::Everything.to_string()),
            invalidate_tag(Shelf::Category(changed.category.clone()).to_string()),
        );
        Ok(Json(Written::after(changed, invalidated.into()).await))
    })
    .await
}

fn select(connection: &Connection, id: u64) -> Result<Product, ShopError> {
    connection
        .prepare_cached("SELECT id, category, name, description, price_cents FROM products WHERE id = ?")?
        .query_row([row_id(id)], read)
        .optional()?
        .ok_or_else(|| ShopError::missing("product", id))
}

/// The precondition is held against the row that is about to change, inside the transaction, so that of two clients
/// who saw the same price only one changes it.
fn update(
    connection: &mut Connection,
    id: u64,
    price: Price,
    preconditions: &Preconditions,
) -> Result<Product, ShopError> {
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let current = select(&transaction, id)?;
    // The same hash as in the ETag of a GET, which is made of the cached value.
    let validators = Validator::of(&current).map(Validators::from).unwrap_or_default();
    // The `Last-Modified` of a GET is the time of its load, and names no second that is not over: what was loaded before
    // this row was written is older than that.
    preconditions.check(&validators.modified(changed(&transaction, id)?))?;
    transaction.execute(
        "UPDATE products SET price_cents = ?, changed = unixepoch() WHERE id = ?",
        params![price.cents(), row_id(id)],
    )?;
    transaction.commit()?;
    Ok(Product { price, ..current })
}

/// When the row was written.
fn changed(connection: &Connection, id: u64) -> Result<SystemTime, ShopError> {
    let second: u64 = connection
        .prepare_cached("SELECT changed FROM products WHERE id = ?")?
        .query_row([row_id(id)], |row| row.get(0).map(i64::cast_unsigned))?;
    Ok(UNIX_EPOCH + Duration::from_secs(second))
}

/// Reads a row with the columns of [`select`].
pub(crate) fn read(row: &Row<'_>) -> Result<Product, deadpool_sqlite::rusqlite::Error> {
    Ok(Product {
        id: row.get::<_, i64>(0)?.cast_unsigned(),
        category: row.get(1)?,
        name: row.get(2)?,
        description: row.get(3)?,
        price: Price::from_cents(row.get(4)?),
    })
}
