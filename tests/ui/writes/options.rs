use cachet_core::{cached, invalidates, updates};

#[cached(ttl = "5m")]
async fn product(id: u64) -> u64 {
    id
}

#[invalidates]
async fn nothing(_id: u64) {}

#[updates(tag = "products")]
async fn nothing_to_put(id: u64) -> u64 {
    id
}

#[invalidates(product(id), alwys)]
async fn misspelt(_id: u64) {}

#[invalidates(product)]
async fn without_arguments(_id: u64) {}

#[invalidates("products")]
async fn text(_id: u64) {}

#[invalidates(product(id), always, always)]
async fn twice(_id: u64) {}

#[updates(product(id), always)]
async fn always_put(id: u64) -> u64 {
    id
}

#[invalidates(product(id), strict)]
async fn cannot_fail(_id: u64) {}

fn main() {}
