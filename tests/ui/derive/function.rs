use cachet_core::{CacheKey, KeyWriter};

#[derive(CacheKey)]
struct Missing {
    #[cache_key(with = no::such::function)]
    ratio: f64,
}

#[derive(CacheKey)]
struct OtherType(#[cache_key(with = bits)] f32);

#[derive(CacheKey)]
enum OtherArguments {
    One(#[cache_key(with = alone)] f64),
}

#[derive(CacheKey)]
struct Unbounded<T>(#[cache_key(with = shown)] T);

fn bits(value: &f64, key: &mut KeyWriter) {
    key.u64(value.to_bits());
}

fn alone(value: &f64) {
    drop(value.to_bits());
}

fn shown<T: ToString>(value: &T, key: &mut KeyWriter) {
    key.str(&value.to_string());
}

fn main() {}
