use cachet_core::cached;

#[cached(ttl = "5m", tier = "memory,redis")]
fn both(id: u64) -> u64 {
    id
}

#[cached(ttl = "5m", tier = "redis")]
fn redis_alone(id: u64) -> u64 {
    id
}

fn main() {
    both(1);
}
