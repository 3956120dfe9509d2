use cachet_core::cached;

type Answer = Option<u64>;

#[cached(ttl = "5m", stale_if_error = "1h")]
async fn number(id: u64) -> u64 {
    id
}

#[cached(ttl = "5m", stale_if_error = "1h", stale = "1m")]
fn alias(id: u64) -> Answer {
    Some(id)
}

struct Shop;

impl Shop {
    #[cached(ttl = "5m", associated, stale_if_error = "1h")]
    pub async fn names<T: cachet_core::CacheKey + Send>(of: T) -> Vec<String> {
        drop(of);
        Vec::new()
    }
}

fn main() {}
