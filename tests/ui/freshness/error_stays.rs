use std::rc::Rc;

use cachet_core::cached;

struct Problem(Rc<str>);

#[cached(ttl = "5m", timeout = "1s", stale_if_error = "1h")]
async fn price(id: u64) -> Result<u64, Problem> {
    if id == 0 { Err(Problem("none".into())) } else { Ok(id) }
}

struct Shop;

impl Shop {
    #[cached(ttl = "5m", associated, timeout = "1s", stale_if_error = "1h", handle = offers)]
    async fn offer(id: u64) -> Result<u64, Problem> {
        if id == 0 { Err(Problem("none".into())) } else { Ok(id) }
    }
}

#[cached(ttl = "5m", stale = "1m")]
fn plain(id: u64) -> Result<u64, Problem> {
    if id == 0 { Err(Problem("none".into())) } else { Ok(id) }
}

fn main() {}
