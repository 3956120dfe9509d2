use cachet_core::invalidates;

#[invalidates(tag)]
async fn no_value(_id: u64) {}

#[invalidates(tag = products)]
async fn no_text(_id: u64) {}

#[invalidates(tag = "")]
async fn empty(_id: u64) {}

#[invalidates(tag = "product:{idd}")]
async fn misspelt(id: u64) {}

#[invalidates(tag = "product:{id")]
async fn unclosed(_id: u64) {}

fn main() {}
