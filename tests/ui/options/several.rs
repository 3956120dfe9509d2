use cachet_core::cached;

#[cached(tll = "5m", tier = "reddis", name = "", capacity = 0, cdn = "1m", version = -1, name = "twice")]
fn all_at_once(id: u64) -> u64 {
    id
}

fn main() {
    all_at_once(1);
}
