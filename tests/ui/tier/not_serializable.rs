use cachet_core::cached;

#[derive(Clone)]
struct Session;

#[cached(ttl = "5m", tier = "memory,redis")]
async fn session(id: u64) -> Option<Session> {
    (id > 0).then_some(Session)
}

fn main() {}
