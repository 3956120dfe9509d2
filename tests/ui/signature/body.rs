use cachet_core::cached;

// A mistake in the body is shown in the body.
#[cached(ttl = "5m")]
fn wrong_type(id: u64) -> String {
    id + 1
}

// What the expansion calls its own is out of the body's sight.
#[cached(ttl = "5m")]
async fn unknown_names(id: u64) -> u64 {
    drop(__key);
    id
}

fn main() {}
