use cachet_core::cached;

#[cached(time = 60)]
fn lifetime(id: u64) -> u64 {
    id
}

#[cached(ttl_secs = 60, size = 100)]
fn lifetime_and_bound(id: u64) -> u64 {
    id
}

#[cached(ttl = 60, max_capacity = 100)]
fn other_0(id: u64) -> u64 {
    id
}

#[cached(ttl = 60, ignore(db))]
fn other_1(id: u64) -> u64 {
    id
}

#[cached(ttl = 60, convert = "{id}")]
fn other_2(id: u64) -> u64 {
    id
}

#[cached(ttl = 60, stale_while_revalidate = 30)]
fn other_3(id: u64) -> u64 {
    id
}

#[cached(ttl = 60, condition = |value| true)]
fn other_4(id: u64) -> u64 {
    id
}

fn main() {}
