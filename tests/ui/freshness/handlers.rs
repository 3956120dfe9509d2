use cachet_core::cached;

#[cached(ttl = "5m", http = "public", stale = "1m")]
async fn page(id: u64) -> String {
    id.to_string()
}

#[cached(ttl = "5m", http = "public", early = 1.0, timeout = "1s", stale_if_error = "1h")]
async fn list(id: u64) -> Result<String, String> {
    Ok(id.to_string())
}

fn main() {}
