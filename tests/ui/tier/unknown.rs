use cachet_core::cached;

#[cached(ttl = "5m", tier = "reddis")]
async fn misspelt() {}

#[cached(ttl = "5m", tier = "memory,disk")]
async fn unknown() {}

fn main() {}
