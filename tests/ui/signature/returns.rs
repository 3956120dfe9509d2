use cachet_core::cached;

#[cached(ttl = "5m")]
fn borrowed(name: &str) -> &str {
    name
}

#[cached(ttl = "5m")]
fn borrowed_inside<'a>(name: &'a str) -> Result<Vec<&'a str>, ()> {
    Ok(vec![name])
}

#[cached(ttl = "5m")]
fn opaque(id: u64) -> impl Copy {
    id
}

fn main() {}
