use actix_web::get;
use cachet_core::cached;

struct Answer;

#[get("/")]
#[cached(ttl = "5m", http = "private")]
async fn no_answer() -> Answer {
    Answer
}

fn main() {}
