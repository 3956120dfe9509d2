//! A slow computation behind a memory cache with a TTL; the answer says whether it was cached.

use std::time::Duration;

use actix_web::{
    Responder,
    http::header::CACHE_CONTROL,
    web::{Json, Path},
};
use cachet_actix::CacheControl;
use cachet_core::cached;
use serde::Serialize;

use crate::{
    db::{self, row_id},
    errors::ShopError,
    loads,
};

#[derive(Clone, Debug, Serialize)]
struct Data {
    user_id: u64,
    posts: u64,
    characters_written: u64,
}

#[derive(Debug, Serialize)]
struct Answer {
    cached: bool,
    data: Data,
}

/// Two hundred callers at once cost one second and one query: the first computes, the others wait for it.
#[cached(ttl = "5m", capacity = 1_000, name = "data")]
async fn data(user_id: u64) -> Result<Data, ShopError> {
    loads::count("data");
    let data = db::run(move |connection| {
        let query = "SELECT count(posts.id), coalesce(sum(length(content)), 0)
                     FROM users LEFT JOIN posts ON author_id = users.id WHERE users.id = ? GROUP BY users.id";
        let mut rows = connection.prepare_cached(query)?;
        let mut rows = rows.query([row_id(user_id)])?;
        let row = rows.next()?.ok_or_else(|| ShopError::missing("user", user_id))?;
        let number = |column| row.get(column).map(i64::cast_unsigned);
        Ok(Data { user_id, posts: number(0)?, characters_written: number(1)? })
    })
    .await?;
    // What makes it expensive in the guide.
    tokio::time::sleep(Duration::from_secs(1)).await;
    Ok(data)
}

/// `GET /data/{user_id}`
pub(crate) async fn show(user_id: Path<u64>) -> Result<impl Responder, ShopError> {
    let data = data::fetch(*user_id).await?;
    let body = Answer { cached: data.is_hit(), data: data.into_inner() };
    // Another client's `cached` would be wrong for this one.
    Ok(Json(body).customize().insert_header((CACHE_CONTROL, CacheControl::no_store().to_string())))
}
