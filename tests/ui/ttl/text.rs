use cachet_core::cached;

#[cached(ttl = "")]
fn empty() {}

#[cached(ttl = "3600")]
fn without_unit() {}

#[cached(ttl = "m")]
fn without_number() {}

#[cached(ttl = "5 min")]
fn unknown_unit() {}

#[cached(ttl = "1.5h")]
fn fraction() {}

#[cached(ttl = "30m 1h")]
fn small_before_large() {}

#[cached(ttl = "6000w")]
fn longer_than_a_century() {}

fn main() {}
