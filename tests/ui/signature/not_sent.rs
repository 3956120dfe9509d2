use std::rc::Rc;

use cachet_core::cached;

#[cached(ttl = "5m", tier = "memory,redis")]
async fn held_over_a_wait(id: u64) -> u64 {
    let local = Rc::new(id);
    std::future::ready(()).await;
    *local
}

fn main() {
    fn sent<T: Send>(_: T) {}
    sent(held_over_a_wait(1));
}
