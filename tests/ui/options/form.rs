use cachet_core::cached;

#[cached(ttl)]
fn no_value() {}

#[cached(ttl = )]
fn empty_value() {}

#[cached("5m")]
fn no_name() {}

#[cached(ttl = "5m" tier = "memory")]
fn no_comma() {}

#[cached(ttl = "5m"; tier = "memory")]
fn semicolon() {}

fn main() {}
