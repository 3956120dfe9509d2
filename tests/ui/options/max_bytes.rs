use cachet_core::cached;

#[cached(ttl = "5m", max_bytes = "1 MiB")]
fn bytes_of_unknown_weight() -> String {
    String::new()
}

#[cached(ttl = "5m", weight = |text| text.len())]
fn weight_without_a_bound() -> String {
    String::new()
}

#[cached(ttl = "5m", capacity = 10, max_bytes = "1 MiB", weight = |text| text.len())]
fn two_bounds() -> String {
    String::new()
}

#[cached(ttl = "5m", tier = "redis", max_bytes = "1 MiB", weight = |text| text.len())]
async fn no_memory_to_bound() -> String {
    String::new()
}

#[cached(ttl = "5m", max_bytes = "64", weight = |text| text.len())]
fn no_unit() -> String {
    String::new()
}

#[cached(ttl = "5m", max_bytes = "1.5 GiB", weight = |text| text.len())]
fn a_fraction() -> String {
    String::new()
}

#[cached(ttl = "5m", max_bytes = "64 mb", weight = |text| text.len())]
fn an_unknown_unit() -> String {
    String::new()
}

#[cached(ttl = "5m", max_bytes = 0, weight = |text| text.len())]
fn nothing() -> String {
    String::new()
}

#[cached(ttl = "5m", max_bytes = 1.5, weight = 10)]
fn no_size_and_no_closure() -> String {
    String::new()
}

#[cached(ttl = "5m", max_bytes, weight)]
fn no_values() -> String {
    String::new()
}

fn main() {}
