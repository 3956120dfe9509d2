//! x
mod db;
mod errors;
mod loads;
mod price;
mod seed;
fn main() {
    let p = std::env::args().nth(1).expect("path");
    db::open(p.as_ref()).expect("opens");
}
