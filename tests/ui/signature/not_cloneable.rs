use cachet_core::cached;

struct Connection;

#[cached(ttl = "5m")]
async fn connection() -> Connection {
    Connection
}

fn main() {}
