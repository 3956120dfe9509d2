use cachet_core::cached;

#[cached(ttl = "5m", http = "public", etag = "week")]
async fn misspelt() -> &'static str {
    ""
}

#[cached(ttl = "5m", http = "public", etag = "md5")]
async fn unknown() -> &'static str {
    ""
}

#[cached(ttl = "5m", http = "public", etag = 7)]
async fn no_text() -> &'static str {
    ""
}

#[cached(ttl = "5m", http = "public", etag = |head, body| body.len())]
async fn of_two() -> &'static str {
    ""
}

#[cached(ttl = "5m", http = "public", etag = { 7 })]
async fn no_closure() -> &'static str {
    ""
}

fn main() {}
