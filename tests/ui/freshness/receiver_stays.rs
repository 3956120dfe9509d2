use std::rc::Rc;

use cachet_core::cached;

#[derive(Clone)]
struct Shop {
    prices: Rc<[u64]>,
}

impl Shop {
    #[cached(ttl = "5m", key = "{id}", stale = "1m", handle = prices)]
    async fn price(&self, id: usize) -> u64 {
        self.prices[id]
    }
}

fn main() {}
