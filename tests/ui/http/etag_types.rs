use cachet_core::cached;

#[cached(ttl = "5m", http = "public", etag = |body| body.len())]
async fn a_number_of_no_fixed_size() -> &'static str {
    ""
}

fn of_text(body: &str) -> String {
    body.to_owned()
}

#[cached(ttl = "5m", http = "public", etag = of_text)]
async fn of_another_type() -> &'static str {
    ""
}

fn main() {}
