use std::rc::Rc;

use cachet_core::cached;

#[cached(ttl = "5m", stale = "1m", skip(prices))]
async fn price(id: usize, prices: Rc<[u64]>) -> u64 {
    prices[id]
}

#[cached(ttl = "5m", stale = "1m", skip(prices))]
fn plain(id: usize, prices: &Rc<[u64]>) -> u64 {
    prices[id]
}

fn main() {}
