use cachet_core::cached;

#[cached(ttl = "5m", timeout = "1s", early = 0)]
fn all_at_once(pair: (u64, &str), text: Vec<&str>) -> u64 {
    pair.0
}

fn main() {
    all_at_once((1, "a"), vec![]);
}
