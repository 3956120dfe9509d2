use cachet_core::cached;

#[cached(ttl = "5m", tags = ["product:{value.id}"])]
fn no_such_field(id: u64) -> (u64,) {
    (id,)
}

#[cached(ttl = "5m", tags = ["product:{id.shop_number()}"])]
fn no_such_method(id: u64) -> u64 {
    id
}

fn main() {}
