use cachet_core::cached;

#[cached]
async fn nothing_at_all() {}

#[cached(tier = "memory")]
async fn other_options_only(id: u64) -> u64 {
    id
}

fn main() {
    // The functions are still there, so that only the attributes are red.
    drop((nothing_at_all(), other_options_only(1)));
}
