use cachet_core::cached;

#[cached(ttl = "5m", key = "{ids}{db}", skip(db, bd))]
fn all_at_once(id: u64, db: u64) -> u64 {
    id + db
}

fn main() {
    all_at_once(1, 2);
}
