use cachet_core::cached;

#[cached]
unsafe extern "C" fn all_at_once<T>((a, b): (u8, u8), c: impl Sized, d: &T) -> &T {
    std::mem::forget((a, b, c));
    d
}

fn main() {}
