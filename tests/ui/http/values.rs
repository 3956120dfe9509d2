use cachet_core::cached;

#[cached(ttl = "5m", http = "max-age")]
async fn missing() -> &'static str {
    ""
}

#[cached(ttl = "5m", http = "max-age=\"30\"")]
async fn quoted_number() -> &'static str {
    ""
}

#[cached(ttl = "5m", http = "max-age=5m")]
async fn no_number() -> &'static str {
    ""
}

#[cached(ttl = "5m", http = "stale-if-error=99999999999")]
async fn too_large() -> &'static str {
    ""
}

#[cached(ttl = "5m", http = "public=1")]
async fn superfluous() -> &'static str {
    ""
}

#[cached(ttl = "5m", http = "no-cache=set-cookie")]
async fn unquoted_fields() -> &'static str {
    ""
}

#[cached(ttl = "5m", http = "private=\"set cookie\"")]
async fn no_fields() -> &'static str {
    ""
}

fn main() {}
