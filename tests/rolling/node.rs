//! What both programs have in common: they answer lines on standard input with lines on standard output.

use std::{
    fmt::Debug,
    io::{self, BufRead, Write},
    time::Duration,
};

use cachet_core::{Cached, Cachet, invalidate_tag};

/// Answers an id with the product and its origin, and `invalidate` once every product is invalidated.
pub(crate) fn run(answer: impl AsyncFn(u64) -> String) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime starts");
    runtime.block_on(async {
        let cachet = Cachet::builder().namespace("rolling").build().and_then(Cachet::install);
        let cachet = cachet.expect("CACHET_REDIS_URL is a Redis");
        assert!(cachet.is_ready(Duration::from_secs(20)).await, "Redis answers");
        for line in io::stdin().lock().lines() {
            let line = line.expect("the test writes text");
            let told = match line.parse() {
                Ok(id) => answer(id).await,
                Err(_) => format!("{:?}", invalidate_tag("products").await),
            };
            println!("{told}");
            io::stdout().flush().expect("the test reads");
        }
    });
}

pub(crate) fn told<T: Debug>(product: &Cached<T>) -> String {
    format!("{:?} {:?}", product.origin(), product.value())
}
