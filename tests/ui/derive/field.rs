use cachet_core::CacheKey;

struct Session;

#[derive(CacheKey)]
struct Named {
    id: u64,
    ratio: f64,
}

#[derive(CacheKey)]
struct Tuple(u64, Session);

#[derive(CacheKey)]
enum Variants {
    One,
    Two { session: Session },
}

fn main() {}
