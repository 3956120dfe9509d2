use cachet_core::invalidates;

#[invalidates(tag = "a:{x}", tag = 5, strct, product)]
async fn many(_id: u64) {}

#[invalidates(tag = "a")]
struct NoFunction;

fn main() {}
