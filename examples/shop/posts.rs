//! Posts: the handler itself is cached, as the response that it gave, and in Redis alone, so it outlives this process.

use actix_web::{
    route,
    web::{Json, Path},
};
use cachet_core::cached;
use deadpool_sqlite::rusqlite::OptionalExtension;
use serde::Serialize;

use crate::{
    db::{self, row_id},
    errors::ShopError,
    loads,
};

#[derive(Debug, Serialize)]
struct Post {
    id: u64,
    author: String,
    title: String,
    content: String,
}

/// `GET /posts/{id}`. Without Redis, or when it is down, each request asks the database; that is slower, and no error.
#[route("/posts/{id}", method = "GET", method = "HEAD")]
#[cached(ttl = "1h", tier = "redis", key = "{id}", name = "post", http = "public, max-age=300")]
pub(crate) async fn post(id: Path<u64>) -> Result<Json<Post>, ShopError> {
    loads::count("post");
    let id = id.into_inner();
    let post = db::run(move |connection| {
        connection
            .prepare_cached(
                "SELECT users.name, title, content FROM posts JOIN users ON users.id = author_id WHERE posts.id = ?",
            )?
            .query_row([row_id(id)], |row| {
                Ok(Post { id, author: row.get(0)?, title: row.get(1)?, content: row.get(2)? })
            })
            .optional()?
            .ok_or_else(|| ShopError::missing("post", id))
    });
    post.await.map(Json)
}
