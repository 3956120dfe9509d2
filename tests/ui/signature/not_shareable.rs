use std::{cell::Cell, rc::Rc};

use cachet_core::cached;

pub struct Connection;

#[cached(ttl = "5m")]
fn in_a_result(id: u64) -> Result<Connection, String> {
    Err(id.to_string())
}

#[cached(ttl = "5m")]
fn in_an_option(id: u64) -> Option<Connection> {
    (id > 0).then_some(Connection)
}

#[cached(ttl = "5m")]
fn not_sent(id: u64) -> Rc<str> {
    id.to_string().into()
}

#[cached(ttl = "5m")]
fn not_shared(id: u64) -> Cell<u64> {
    Cell::new(id)
}

fn main() {}
