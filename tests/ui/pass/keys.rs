//! What may make up a key: templates, expressions, `skip`; references and lifetimes as arguments.
#![deny(warnings, missing_docs, unreachable_pub)]

use cachet_core::{CacheKey, cached};

#[derive(CacheKey)]
struct User {
    id: u64,
    lang: String,
}

struct Db;

#[cached(ttl = "5m", skip(db, _unused))]
async fn skipped(id: u64, db: &Db, _unused: f64) -> u64 {
    let _ = db;
    id
}

#[cached(ttl = "5m", key = "{id}:{user.lang}/{pair.0} {{v2}}", tags = ["all", "user:{user.id}{id}"])]
async fn template(id: u64, user: &User, pair: (u8, u8), _db: &Db) -> String {
    format!("{id}{}{}", user.lang, pair.1)
}

#[cached(ttl = "5m", key = (*id % 10, format!("{name:>5}")))]
fn expression<'a>(id: u64, name: &'a str, _db: &'a Db) -> u64 {
    id + name.len() as u64
}

#[cached(ttl = "5m", key = "{type}:{value}")]
fn raw_names(r#type: u8, value: u8) -> u8 {
    r#type + value
}

#[cached(ttl = "5m")]
fn whole_user(user: &User) -> usize {
    user.lang.len()
}

fn main() {
    let user = User { id: 1, lang: "en".into() };
    assert_eq!(expression(13, "a", &Db), 14);
    assert_eq!(expression(23, "a", &Db), 14, "the same key");
    assert!(expression::peek(3, "a").is_some());
    assert_eq!(raw_names(1, 2), 3);
    let _ = raw_names::put(1, 2, 4);
    assert_eq!(raw_names(1, 2), 4);
    assert_eq!(whole_user(&user), 2);
    drop((skipped(1, &Db, 0.5), skipped::invalidate(1)));
    drop((template(1, &user, (1, 2), &Db), template::invalidate(1, &user, (1, 2))));
}
