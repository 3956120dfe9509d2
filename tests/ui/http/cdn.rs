use cachet_core::cached;

#[cached(ttl = "5m", http = "public", cdn = "")]
async fn empty() -> &'static str {
    ""
}

#[cached(ttl = "5m", http = "public", cdn = "max_age=60")]
async fn misspelt() -> &'static str {
    ""
}

#[cached(ttl = "5m", http = "public", cdn = "no-store, max-age=60")]
async fn contradiction() -> &'static str {
    ""
}

#[cached(ttl = "5m", http = "public", cdn = "s-maxage=60")]
async fn shared_already() -> &'static str {
    ""
}

#[cached(ttl = "5m", http = "public", cdn = "max-age=\"60\"")]
async fn quoted() -> &'static str {
    ""
}

#[cached(ttl = "5m", http = "private, max-age=60", cdn = "max-age=60")]
async fn for_one_or_for_all() -> &'static str {
    ""
}

#[cached(ttl = "5m", http = "public", cdn = 60)]
async fn no_text() -> &'static str {
    ""
}

#[cached(ttl = "5m", cdn = "max-age=60", etag = "weak", vary = ["accept-language"])]
async fn no_handler() -> String {
    String::new()
}

fn main() {}
