use cachet_core::cached;

#[cached(ttl = "5m", jitter = 0)]
fn jitter_of_nothing() {}

#[cached(ttl = "5m", jitter = 1)]
fn jitter_of_everything() {}

#[cached(ttl = "5m", jitter = 1.5)]
fn jitter_of_more() {}

#[cached(ttl = "5m", jitter = -0.1)]
fn jitter_of_less() {}

#[cached(ttl = "5m", jitter = "10%")]
fn jitter_as_text() {}

#[cached(ttl = "5m", jitter)]
fn jitter_alone() {}

#[cached(ttl = "5m", when = true)]
fn when_is_no_closure() {}

#[cached(ttl = "5m", when = |a, b| a == b)]
fn when_of_two() {}

#[cached(ttl = "5m", when = || true)]
fn when_of_none() {}

#[cached(ttl = "5m", ttl_of = "5m")]
fn ttl_of_is_no_closure() {}

#[cached(ttl = "5m", ttl_of = |a, b| a + b)]
fn ttl_of_two() {}

#[cached(ttl = "5m", ttl_of)]
fn ttl_of_alone() {}

#[cached(ttl = "5m", negative_ttl = "0s")]
fn nothing_for_no_time() -> Option<u8> {
    None
}

#[cached(ttl = "5m", tier = "redis", codec = json)]
async fn codec_without_quotes() {}

#[cached(ttl = "5m", tier = "redis", codec = "jsn")]
async fn codec_misspelt() {}

#[cached(ttl = "5m", tier = "redis", codec = "xml")]
async fn codec_unknown() {}

#[cached(ttl = "5m", codec = "json")]
fn codec_without_a_shared_tier() {}

#[cached(ttl = "5m", associated = true)]
fn flag_with_a_value() {}

#[cached(ttl = "5m", associated("yes"))]
fn flag_with_a_list() {}

fn main() {}
