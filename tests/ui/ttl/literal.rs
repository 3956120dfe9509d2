use cachet_core::cached;

#[cached(ttl = 5m)]
fn unit_without_quotes() {}

#[cached(ttl = 60u64)]
fn typed_number() {}

#[cached(ttl = 1.5)]
fn fraction() {}

#[cached(ttl = -1)]
fn negative() {}

#[cached(ttl = true)]
fn no_duration_at_all() {}

#[cached(ttl = 99999999999999999999999)]
fn too_large_a_number() {}

fn main() {}
