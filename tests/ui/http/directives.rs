use cachet_core::cached;

#[cached(ttl = "5m", http = "")]
async fn empty() -> &'static str {
    ""
}

#[cached(ttl = "5m", http = "publik")]
async fn misspelt() -> &'static str {
    ""
}

#[cached(ttl = "5m", http = "public, cacheable")]
async fn unknown() -> &'static str {
    ""
}

#[cached(ttl = "5m", http = "max-age=30, max-age=60")]
async fn twice() -> &'static str {
    ""
}

#[cached(ttl = "5m", http = "only-if-cached")]
async fn of_a_request() -> &'static str {
    ""
}

#[cached(ttl = "5m", http = 30)]
async fn no_text() -> &'static str {
    ""
}

fn main() {}
