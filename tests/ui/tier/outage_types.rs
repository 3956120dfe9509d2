use cachet_core::cached;

#[derive(Clone, Debug)]
struct Mine;

#[cached(ttl = "5m", tier = "memory,redis", on_outage = "fail")]
async fn another_error(id: u64) -> Result<u64, Mine> {
    Ok(id)
}

#[cached(ttl = "5m", tier = "memory,redis", on_outage = "fail")]
async fn no_error(id: u64) -> u64 {
    id
}

fn main() {}
