use cachet_core::cached;

#[cached]
const unsafe fn all_at_once<T>((a, b): (u8, u8), c: impl Copy, d: &T) -> &T {
    d
}

fn main() {}
