use cachet_core::cached;

#[derive(Clone)]
pub struct Session;

pub struct Shop;

impl Shop {
    #[cached(ttl = "5m", tier = "redis", skip(self))]
    pub async fn session(&self, _id: u64) -> Session {
        Session
    }
}

fn main() {}
