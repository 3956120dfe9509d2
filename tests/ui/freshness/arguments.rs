use std::borrow::Cow;

use cachet_core::{CacheKey, cached};

#[cached(ttl = "5m", stale = "1m")]
async fn a_pair(pair: (u64, &str)) -> u64 {
    pair.0
}

#[cached(ttl = "5m", early = 1.0)]
async fn a_list(words: Vec<&str>) -> usize {
    words.len()
}

#[cached(ttl = "5m", timeout = "1s", stale_if_error = "1h")]
async fn may_be_borrowed(id: u64, text: Cow<'_, str>) -> Result<String, String> {
    Ok(format!("{id} {text}"))
}

#[cached(ttl = "5m", stale = "1m")]
async fn any_type(id: impl CacheKey + Send) -> u64 {
    drop(id);
    0
}

#[cached(ttl = "5m", stale = "1m")]
async fn of_references(texts: &[&str]) -> usize {
    texts.len()
}

fn main() {}
