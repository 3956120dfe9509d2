use cachet_core::cached;

#[cached(ttl = "5m", skip(bd))]
fn misspelt(id: u64, db: u64) -> u64 {
    id + db
}

#[cached(ttl = "5m", skip(db, db))]
fn twice(id: u64, db: u64) -> u64 {
    id + db
}

#[cached(ttl = "5m", skip(db), key = "{id}:{db}")]
fn in_the_template(id: u64, db: u64) -> u64 {
    id + db
}

#[cached(ttl = "5m", skip(db), key = id + db)]
fn in_the_expression(id: u64, db: u64) -> u64 {
    id + db
}

#[cached(ttl = "5m", skip = "db")]
fn as_a_value(id: u64, db: u64) -> u64 {
    id + db
}

#[cached(ttl = "5m", skip("db"))]
fn as_text(id: u64, db: u64) -> u64 {
    id + db
}

fn main() {}
