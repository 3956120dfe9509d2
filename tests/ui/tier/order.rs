use cachet_core::cached;

#[cached(ttl = "5m", tier = "redis,memory")]
async fn the_far_one_first() {}

#[cached(ttl = "5m", tier = "memory,memory")]
async fn twice() {}

#[cached(ttl = "5m", tier = "")]
async fn none() {}

#[cached(ttl = "5m", tier = redis)]
async fn no_text() {}

fn main() {}
