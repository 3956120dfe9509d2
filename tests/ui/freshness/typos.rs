use cachet_core::cached;

#[cached(ttl = "5m", stal = "1m")]
async fn slip_1(id: u64) -> u64 {
    id
}

#[cached(ttl = "5m", stale_if_eror = "1h")]
async fn slip_2(id: u64) -> Result<u64, String> {
    Ok(id)
}

#[cached(ttl = "5m", earl = 1.0)]
async fn slip_3(id: u64) -> u64 {
    id
}

#[cached(ttl = "5m", stale = "1m", time_out = "1s")]
async fn slip_4(id: u64) -> u64 {
    id
}

fn main() {}
