use cachet_core::cached;

#[cached(ttl = "5m")]
fn switched(#[cfg(unix)] _id: u64) {}

#[cached(ttl = "5m")]
#[allow(clippy::too_many_arguments)]
fn too_many(a: u8, b: u8, c: u8, d: u8, e: u8, f: u8, g: u8, h: u8, i: u8, j: u8, k: u8, l: u8, m: u8) -> u8 {
    a + b + c + d + e + f + g + h + i + j + k + l + m
}

#[cached(ttl = "5m", key = "{self.id}")]
fn no_receiver(id: u64) -> u64 {
    id
}

#[cached(ttl = "5m", skip(a))]
fn within_a_pattern((a, b): (u8, u8)) -> u8 {
    a + b
}

fn main() {}
