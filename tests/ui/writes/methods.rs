use cachet_core::{cached, invalidates};

#[derive(Clone, cachet_core::CacheKey)]
struct Shop;

impl Shop {
    #[cached(ttl = "5m", skip(self))]
    pub async fn price(&self, id: u64, lang: &str) -> u64 {
        id + lang.len() as u64
    }

    #[invalidates(Self::price(id, "en"))]
    pub async fn by_the_name(&self, id: u64) {}

    #[invalidates(Self::price_cache(id, "en"))]
    pub async fn without_a_call(&self, id: u64) {}
}

fn main() {}
