//! Memory hits and nothing else, for a run under callgrind; `tests/budget.rs` counts their instructions.
//!
//! `cargo run --release -p cachet-core --example hit -- pair 10000` makes that many hits.
#![allow(clippy::unused_async, reason = "what is measured is the call")]

use std::{env, hint::black_box, sync::Arc};

use cachet_core::cached;

#[cached(ttl = 3600)]
async fn number(id: u64) -> Arc<u64> {
    Arc::new(id)
}

#[cached(ttl = 3600)]
async fn pair(id: u64, name: &str) -> Arc<String> {
    Arc::new(format!("{id} {name}"))
}

#[cached(ttl = 3600)]
fn blocking(id: u64) -> Arc<u64> {
    Arc::new(id)
}

fn main() {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let [subject, hits] = &arguments[..] else { panic!("expected a subject and how many hits") };
    let hits: u64 = hits.parse().expect("the second argument is a number");
    pollster::block_on(async {
        match subject.as_str() {
            "number" => {
                for _ in 0..=hits {
                    black_box(number(black_box(1)).await);
                }
            }
            "pair" => {
                for _ in 0..=hits {
                    black_box(pair(black_box(1), black_box("sixteen-letters!")).await);
                }
            }
            "blocking" => {
                for _ in 0..=hits {
                    black_box(blocking(black_box(1)));
                }
            }
            unknown => panic!("there is no subject `{unknown}`"),
        }
    });
}
