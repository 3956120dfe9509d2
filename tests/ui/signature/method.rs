use cachet_core::cached;

pub struct Shop;

impl Shop {
    #[cached(ttl = "5m")]
    fn changes(&mut self, id: u64) -> u64 {
        id
    }

    #[cached(ttl = "5m")]
    fn changes_by_type(self: &mut Self, id: u64) -> u64 {
        id
    }

    #[cached(ttl = "5m", skip(self))]
    pub fn opaque(&self, id: impl Into<u64>) -> u64 {
        id.into()
    }

    #[cached(ttl = "5m", key = "{self.name}:{ids}")]
    fn misspelt(&self, id: u64) -> u64 {
        id
    }

    #[cached(ttl = "5m", skip(slef))]
    fn misspelt_skip(&self, id: u64) -> u64 {
        id
    }

    #[cached(ttl = "5m", skip(self), tags = ["shop:{self.id}"])]
    fn tag_of_what_is_skipped(&self, id: u64) -> u64 {
        id
    }
}

fn main() {}
