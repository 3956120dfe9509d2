use cachet_core::cached;

#[cached(ttl = "5m", http = "public, private")]
async fn for_whom() -> &'static str {
    ""
}

#[cached(ttl = "5m", http = "no-store, max-age=5")]
async fn kept_or_not() -> &'static str {
    ""
}

#[cached(ttl = "5m", http = "must-revalidate, stale-while-revalidate=5")]
async fn stale_or_not() -> &'static str {
    ""
}

#[cached(ttl = "5m", http = "private, s-maxage=5")]
async fn shared_or_not() -> &'static str {
    ""
}

#[cached(ttl = "5m", http = "public, max-age=600")]
async fn longer_than_ttl() -> &'static str {
    ""
}

#[cached(ttl = "5m", http = "public", negative_ttl = "10s")]
async fn never_none() -> &'static str {
    ""
}

fn main() {}
