use cachet_core::cached;

pub struct Mistake;

#[cached(ttl = "5m", error_ttl = "10s")]
fn not_cloneable(id: u64) -> Result<u64, Mistake> {
    (id > 0).then_some(id).ok_or(Mistake)
}

#[derive(Clone)]
pub struct Local;

#[cached(ttl = "5m", tier = "memory,redis", error_ttl = "10s")]
async fn not_serializable(id: u64) -> Result<u64, Local> {
    (id > 0).then_some(id).ok_or(Local)
}

fn main() {}
