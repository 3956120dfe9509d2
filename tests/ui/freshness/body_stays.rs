use std::{future::ready, rc::Rc};

use cachet_core::cached;

#[cached(ttl = "5m", stale = "1m")]
async fn over_an_await(id: u64) -> u64 {
    let shared = Rc::new(id);
    ready(()).await;
    *shared
}

#[derive(Clone)]
struct Shop;

impl Shop {
    #[cached(ttl = "5m", key = "{id}", stale = "1m", handle = prices)]
    async fn price(&self, id: u64) -> u64 {
        let shared = Rc::new(id);
        ready(()).await;
        *shared
    }
}

fn main() {}
