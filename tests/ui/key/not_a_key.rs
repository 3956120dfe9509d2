use cachet_core::cached;

struct Connection;

#[cached(ttl = "5m")]
async fn argument(id: u64, connection: &Connection) -> u64 {
    let _ = connection;
    id
}

#[cached(ttl = "5m")]
async fn float(ratio: f64) -> u64 {
    ratio.to_bits()
}

#[cached(ttl = "5m", key = "{ratio}")]
async fn in_a_template(ratio: f64) -> u64 {
    ratio.to_bits()
}

#[cached(ttl = "5m", key = *ratio / 2.0)]
async fn expression(ratio: f64) -> u64 {
    ratio.to_bits()
}

fn main() {}
