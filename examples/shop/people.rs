//! Users and what is computed for them: answers for one person, which no shared HTTP cache may keep.

use std::time::Duration;

use actix_web::{
    Responder,
    web::{Json, Path, Query},
};
use cachet_actix::{CacheControl, CachedJson};
use cachet_core::cached;
use deadpool_sqlite::rusqlite::{Connection, OptionalExtension, params};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::{
    db::{self, row_id},
    errors::ShopError,
    loads,
    writes::{Written, finish},
};

const LONGEST_NAME: usize = 100;

#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct User {
    id: u64,
    name: String,
    email: String,
}

#[derive(Clone, Debug, Serialize)]
struct Permissions {
    user_id: u64,
    permissions: Vec<String>,
}

/// The query of a `PUT`.
#[derive(Debug, Deserialize)]
pub(crate) struct NewName {
    name: String,
}

#[cached(ttl = "30m", tier = "memory,redis", key = "{id}", name = "user")]
async fn user(id: u64) -> Result<User, ShopError> {
    loads::count("user");
    db::run(move |connection| select(connection, id)).await
}

/// Memory only, as `lru_cache` does it in the guide; unlike that it is async, and one user can be cleared alone.
#[cached(ttl = "1h", capacity = 10_000, name = "permissions")]
async fn permissions(user_id: u64) -> Result<Permissions, ShopError> {
    loads::count("permissions");
    let permissions = db::run(move |connection| select_permissions(connection, user_id)).await?;
    // What makes it expensive in the guide.
    tokio::time::sleep(Duration::from_millis(500)).await;
    Ok(Permissions { user_id, permissions })
}

/// `GET /users/{id}`: the client may keep its own record, a proxy may not.
pub(crate) async fn show(id: Path<u64>) -> Result<impl Responder, ShopError> {
    let user = user::fetch(*id).await?;
    Ok(CachedJson::new(user).cache(CacheControl::private().max_age(300)))
}

/// `PUT /users/{id}?name=`
pub(crate) async fn rename(id: Path<u64>, wanted: Query<NewName>) -> Result<Json<Written<User>>, ShopError> {
    let (id, name) = (*id, wanted.into_inner().checked()?);
    finish(async move {
        let renamed = db::run(move |connection| update(connection, id, &name)).await?;
        let invalidated = user::invalidate(id).await;
        Ok(Json(Written::after(renamed, [invalidated]).await))
    })
    .await
}

/// `GET /users/{id}/permissions`: kept here and nowhere else, so that a clear is a clear.
pub(crate) async fn show_permissions(id: Path<u64>) -> Result<impl Responder, ShopError> {
    let permissions = permissions::fetch(*id).await?;
    Ok(CachedJson::new(permissions).cache(CacheControl::private().no_cache()))
}

/// `POST /users/{id}/permissions/clear`: for that user alone, where the guide's `cache_clear()` forgets everyone's.
pub(crate) async fn clear_permissions(id: Path<u64>) -> Result<Json<Value>, ShopError> {
    let id = *id;
    user(id).await?;
    let cleared = permissions::invalidate(id).await.is_done();
    Ok(Json(json!({ "user_id": id, "cleared": cleared })))
}

impl NewName {
    fn checked(self) -> Result<String, ShopError> {
        let name = self.name.trim();
        match name.chars().count() {
            1..=LONGEST_NAME => Ok(name.to_owned()),
            _ => Err(ShopError::bad_request(format!("a name has 1 to {LONGEST_NAME} characters"))),
        }
    }
}

fn select(connection: &Connection, id: u64) -> Result<User, ShopError> {
    connection
        .prepare_cached("SELECT name, email FROM users WHERE id = ?")?
        .query_row([row_id(id)], |row| Ok(User { id, name: row.get(0)?, email: row.get(1)? }))
        .optional()?
        .ok_or_else(|| ShopError::missing("user", id))
}

fn update(connection: &Connection, id: u64, name: &str) -> Result<User, ShopError> {
    connection
        .prepare_cached("UPDATE users SET name = ? WHERE id = ? RETURNING email")?
        .query_row(params![name, row_id(id)], |row| Ok(User { id, name: name.to_owned(), email: row.get(0)? }))
        .optional()?
        .ok_or_else(|| ShopError::missing("user", id))
}

fn select_permissions(connection: &Connection, user_id: u64) -> Result<Vec<String>, ShopError> {
    select(connection, user_id)?;
    let permissions = connection
        .prepare_cached("SELECT permission FROM permissions WHERE user_id = ? ORDER BY permission")?
        .query_map([row_id(user_id)], |row| row.get(0))?
        .collect::<Result<_, _>>()?;
    Ok(permissions)
}
