use std::sync::Mutex;

use cachet_core::cached;

struct Shop {
    prices: Mutex<Vec<u64>>,
}

impl Shop {
    #[cached(ttl = "5m", key = "{id}", stale = "1m", handle = prices)]
    async fn price(&self, id: usize) -> u64 {
        self.prices.lock().unwrap()[id]
    }

    #[cached(ttl = "5m", key = "{id}", early = 1.0, handle = offers)]
    fn offer(&self, id: usize) -> u64 {
        self.prices.lock().unwrap()[id]
    }
}

fn main() {}
