use cachet_core::cached;

#[cached(ttl = "5m", name = "my {product}")]
fn name_with_braces() {}

#[cached(ttl = "5m", name = product)]
fn name_that_is_no_text() {}

#[cached(ttl = "5m", capacity = 0)]
fn capacity_of_nothing() {}

#[cached(ttl = "5m", capacity = 5_000_000_000)]
fn capacity_beyond_reason() {}

#[cached(ttl = "5m", capacity = "64 MiB")]
fn capacity_in_bytes() {}

#[cached(ttl = "5m", version = "2")]
fn version_as_text() {}

#[cached(ttl = "5m", handle = "cache")]
fn handle_as_text() {}

#[cached(ttl = "5m", crate = "renamed")]
fn crate_as_text() {}

fn main() {}
