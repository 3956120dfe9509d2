use cachet_core::cached;

#[cached(ttl = "5m", max_bytes = "1 MiB", weight = |text| text)]
fn weight_gives_text() -> String {
    String::new()
}

#[cached(ttl = "5m", max_bytes = "1 MiB", weight = |text| text.size())]
fn weight_asks_for_what_is_not_there() -> String {
    String::new()
}

fn main() {}
