use cachet_core::cached;

#[cached(ttl = "5m", key = "{ids}")]
fn misspelt(id: u64) -> u64 {
    id
}

#[cached(ttl = "5m", key = "user")]
fn no_argument(id: u64) -> u64 {
    id
}

#[cached(ttl = "5m", key = 7)]
fn constant(id: u64) -> u64 {
    id
}

#[cached(ttl = "5m", key = "{a}-{b}")]
fn ambiguous(a: String, b: String) -> String {
    a + &b
}

fn main() {}
