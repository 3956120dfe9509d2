use cachet_core::cached;

#[cached(skip(x))]
const unsafe extern "C" fn all_at_once<T>((a, b): (u8, u8), #[cfg(unix)] c: impl Sized, d: &T) -> &T {
    std::mem::forget((a, b, c));
    d
}

pub struct Shop;

impl Shop {
    #[cached(tll = "5m", error_ttl = "1s", codec = "jsn", associated = 1, jitter = 2)]
    pub fn all_in_a_method(&mut self, _id: impl Into<u64>) -> Option<&str> {
        Some("")
    }
}

fn main() {}
