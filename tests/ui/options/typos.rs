use cachet_core::cached;

#[cached(ttl = "5m", teir = "memory")]
fn slip_1(id: u64) -> u64 {
    id
}

#[cached(ttl = "5m", kye = "{id}")]
fn slip_2(id: u64) -> u64 {
    id
}

#[cached(ttl = "5m", skp(id))]
fn slip_3(id: u64) -> u64 {
    id
}

#[cached(ttl = "5m", nmae = "product")]
fn slip_4(id: u64) -> u64 {
    id
}

#[cached(ttl = "5m", capcity = 10)]
fn slip_5(id: u64) -> u64 {
    id
}

#[cached(ttl = "5m", verison = 2)]
fn slip_6(id: u64) -> u64 {
    id
}

#[cached(ttl = "5m", negative_tll = "1s")]
fn slip_7(id: u64) -> u64 {
    id
}

#[cached(ttl = "5m", memory_tll = "1s")]
fn slip_8(id: u64) -> u64 {
    id
}

#[cached(ttl = "5m", tag = ["a"])]
fn slip_9(id: u64) -> u64 {
    id
}

#[cached(ttl = "5m", jiter = 0.1)]
fn slip_10(id: u64) -> u64 {
    id
}

#[cached(ttl = "5m", eror_ttl = "1s")]
fn slip_11(id: u64) -> u64 {
    id
}

#[cached(ttl = "5m", wen = |value| true)]
fn slip_12(id: u64) -> u64 {
    id
}

#[cached(ttl = "5m", ttlof = |value| value.ttl)]
fn slip_13(id: u64) -> u64 {
    id
}

#[cached(ttl = "5m", codecs = "json")]
fn slip_14(id: u64) -> u64 {
    id
}

#[cached(ttl = "5m", asociated)]
fn slip_15(id: u64) -> u64 {
    id
}

#[cached(ttl = "5m", htpp = "private")]
fn slip_16(id: u64) -> u64 {
    id
}

#[cached(ttl = "5m", handel = cache)]
fn slip_17(id: u64) -> u64 {
    id
}

#[cached(ttl = "5m", carte = renamed)]
fn slip_18(id: u64) -> u64 {
    id
}

fn main() {}
