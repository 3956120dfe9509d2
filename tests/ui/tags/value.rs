use cachet_core::cached;

#[cached(ttl = "5m", tier = "memory,redis", tags = ["product:{value}"])]
async fn known_too_late(id: u64) -> u64 {
    id
}

#[cached(ttl = "5m", tier = "redis", tags = ["product:{value.0}", "all"])]
async fn known_too_late_for_redis(id: u64) -> (u64,) {
    (id,)
}

#[cached(ttl = "5m", tags = ["shop:{self.id}"])]
fn no_receiver(id: u64) -> u64 {
    id
}

#[cached(ttl = "5m", tags = ["product:{vlaue}"])]
fn misspelt(id: u64) -> u64 {
    id
}

fn main() {}
