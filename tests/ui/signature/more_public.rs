use cachet_core::cached;

mod products {
    #[derive(Clone)]
    pub(crate) struct Row;

    // The controls are as visible as the function, and so their type would be.
    #[super::cached(ttl = 60)]
    pub fn row(_id: u64) -> Row {
        Row
    }
}

fn main() {
    products::row(1);
}
