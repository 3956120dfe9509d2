use cachet_core::{CacheKey, cached};

pub struct Connection;

pub struct Shop;

impl Shop {
    #[cached(ttl = "5m", skip(self))]
    pub fn not_cloneable(&self, _id: u64) -> Connection {
        Connection
    }

    #[cached(ttl = "5m", skip(self))]
    pub fn no_key(&self, _id: &Connection) -> u64 {
        1
    }
}

#[cached(ttl = "5m")]
fn generic<T: CacheKey>(id: T) -> T {
    id
}

fn main() {}
