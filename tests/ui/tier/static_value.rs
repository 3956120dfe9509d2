use cachet_core::cached;

#[cached(ttl = "5m", tier = "memory,redis")]
async fn text(id: u64) -> &'static str {
    if id == 0 { "none" } else { "some" }
}

#[cached(ttl = "5m", tier = "redis")]
async fn inside(id: u64) -> Result<Option<&'static [u8]>, String> {
    Ok((id > 0).then_some(b"some"))
}

fn main() {}
