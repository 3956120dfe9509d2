use cachet_core::cached;

#[derive(Clone)]
struct Shop;

trait Sells {
    async fn price(&self, id: u64) -> u64;
    async fn offer(&self, id: u64) -> Result<u64, String>;
}

impl Sells for Shop {
    #[cached(ttl = "5m", key = "{id}", stale = "1m")]
    async fn price(&self, id: u64) -> u64 {
        id
    }

    #[cached(ttl = "5m", key = "{id}", early = 1.0, timeout = "1s", stale_if_error = "1h")]
    async fn offer(&self, id: u64) -> Result<u64, String> {
        Ok(id)
    }
}

impl Shop {
    #[cached(ttl = "5m", associated, early = 1.0)]
    async fn currency(country: u64) -> u64 {
        country
    }
}

fn main() {}
