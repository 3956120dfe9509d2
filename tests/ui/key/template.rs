use cachet_core::cached;

#[cached(ttl = "5m", key = "{id")]
fn unclosed(id: u64) -> u64 {
    id
}

#[cached(ttl = "5m", key = "id}")]
fn unopened(id: u64) -> u64 {
    id
}

#[cached(ttl = "5m", key = "{}")]
fn unnamed(id: u64) -> u64 {
    id
}

#[cached(ttl = "5m", key = "{id:?}")]
fn formatted(id: u64) -> u64 {
    id
}

#[cached(ttl = "5m", key = "{id + 1}")]
fn computed(id: u64) -> u64 {
    id
}

#[cached(ttl = "5m", key = "{user.age}")]
fn no_such_field(user: (u8, u8)) -> u8 {
    user.0
}

fn main() {}
