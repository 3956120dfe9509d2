//! The first start: tables, and a catalogue that is the same on every machine.

use std::ops::Range;

use deadpool_sqlite::rusqlite::{Connection, ToSql, Transaction, TransactionBehavior, params};
use indicatif::{ProgressBar, ProgressStyle};

use crate::db::DbError;

/// Of the tables and what is in them; the file keeps it as its `user_version`.
const VERSION: u32 = 2;

const PRODUCTS: u64 = 24_000;
const USERS: u64 = 2_000;
const POSTS: u64 = 4_000;

const TABLES: &str = "
    CREATE TABLE products (
        id INTEGER PRIMARY KEY,
        category TEXT NOT NULL,
        name TEXT NOT NULL,
        description TEXT NOT NULL,
        price_cents INTEGER NOT NULL,
        -- The second of the last write.
        changed INTEGER NOT NULL
    ) STRICT;
    CREATE INDEX products_by_category ON products (category, id);
    CREATE TABLE users (id INTEGER PRIMARY KEY, name TEXT NOT NULL, email TEXT NOT NULL) STRICT;
    CREATE TABLE permissions (
        user_id INTEGER NOT NULL REFERENCES users (id),
        permission TEXT NOT NULL,
        PRIMARY KEY (user_id, permission)
    ) STRICT, WITHOUT ROWID;
    CREATE TABLE posts (
        id INTEGER PRIMARY KEY,
        author_id INTEGER NOT NULL REFERENCES users (id),
        title TEXT NOT NULL,
        content TEXT NOT NULL
    ) STRICT;
    CREATE INDEX posts_by_author ON posts (author_id);
";

/// What makes the tables of version 1 into these.
const SINCE_VERSION_1: &str = "
    ALTER TABLE products ADD COLUMN changed INTEGER NOT NULL DEFAULT 0;
    UPDATE products SET changed = unixepoch();
";

const CATEGORIES: [(&str, [&str; 6]); 8] = [
    ("books", ["Atlas", "Cookbook", "Diary", "Novel", "Primer", "Sketchbook"]),
    ("garden", ["Hose", "Lantern", "Planter", "Rake", "Spade", "Trellis"]),
    ("kitchen", ["Grater", "Kettle", "Ladle", "Pan", "Teapot", "Whisk"]),
    ("lighting", ["Candle", "Chandelier", "Lamp", "Sconce", "Spotlight", "Torch"]),
    ("music", ["Drum", "Flute", "Guitar", "Harp", "Metronome", "Ukulele"]),
    ("office", ["Binder", "Chair", "Desk", "Pen", "Ruler", "Stapler"]),
    ("toys", ["Kite", "Marble", "Puzzle", "Robot", "Top", "Train"]),
    ("travel", ["Backpack", "Compass", "Flask", "Hammock", "Suitcase", "Tent"]),
];
const QUALITIES: [&str; 8] = ["Bright", "Compact", "Everyday", "Folding", "Heirloom", "Quiet", "Sturdy", "Weightless"];
const MATERIALS: [&str; 8] = ["Bamboo", "Brass", "Ceramic", "Cork", "Glass", "Linen", "Oak", "Steel"];
const NAMES: [&str; 8] = ["Alice", "Bruno", "Chidi", "Dalia", "Emre", "Freya", "Goro", "Hana"];
const PERMISSIONS: [&str; 5] = ["read", "write", "delete", "publish", "refund"];
const WORDS: [&str; 12] =
    ["a", "well", "made", "thing", "lasts", "longer", "than", "the", "reason", "you", "bought", "it"];

/// Makes the tables and fills them, unless that is done.
///
/// One immediate transaction does it all: of two processes that start over one empty file the second waits for the
/// first and then finds it full, and a process that is killed on the way leaves an empty file.
pub(crate) fn fill(connection: &mut Connection) -> Result<(), DbError> {
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    match transaction.pragma_query_value(None, "user_version", |row| row.get(0))? {
        VERSION => return Ok(()),
        0 => {
            transaction.execute_batch(TABLES)?;
            insert_everything(&transaction)?;
        }
        1 => transaction.execute_batch(SINCE_VERSION_1)?,
        other => return Err(DbError::Version(other)),
    }
    transaction.pragma_update(None, "user_version", VERSION)?;
    transaction.commit()?;
    Ok(())
}

fn insert_everything(transaction: &Transaction<'_>) -> Result<(), DbError> {
    let style = ProgressStyle::with_template("making the catalogue {wide_bar} {pos}/{len}").expect("a valid template");
    let progress = ProgressBar::new(PRODUCTS + USERS + POSTS).with_style(style);
    let mut random = Random(0x0005_EED0_F5A1_E500);
    for id in progress.wrap_iter(1..=PRODUCTS) {
        insert_product(transaction, id, &mut random)?;
    }
    for id in progress.wrap_iter(1..=USERS) {
        insert_user(transaction, id, &mut random)?;
    }
    for id in progress.wrap_iter(1..=POSTS) {
        insert_post(transaction, id, &mut random)?;
    }
    progress.finish_and_clear();
    Ok(())
}

fn insert_product(transaction: &Transaction<'_>, id: u64, random: &mut Random) -> Result<(), DbError> {
    let (category, things) = random.pick(&CATEGORIES);
    let name = format!("{} {} {}", random.pick(&QUALITIES), random.pick(&MATERIALS), random.pick(things));
    let description = random.sentence(8..24);
    let price_cents = random.below(1..50_000);
    let row = params![id.cast_signed(), category, name, description, price_cents.cast_signed()];
    insert(transaction, "INSERT INTO products VALUES (?, ?, ?, ?, ?, unixepoch())", row)
}

fn insert_user(transaction: &Transaction<'_>, id: u64, random: &mut Random) -> Result<(), DbError> {
    // The first one is the guide's Alice.
    let name = if id == 1 { NAMES[0] } else { random.pick(&NAMES) };
    let email = format!("{}.{id}@example.com", name.to_lowercase());
    insert(transaction, "INSERT INTO users VALUES (?, ?, ?)", params![id.cast_signed(), name, email])?;
    let granted = *random.pick(&[1, 2, 3, 4, 5]);
    for permission in PERMISSIONS.iter().take(granted) {
        insert(transaction, "INSERT INTO permissions VALUES (?, ?)", params![id.cast_signed(), permission])?;
    }
    Ok(())
}

fn insert_post(transaction: &Transaction<'_>, id: u64, random: &mut Random) -> Result<(), DbError> {
    let author = random.below(1..USERS + 1);
    let (title, content) = (random.sentence(3..8), random.sentence(40..160));
    let row = params![id.cast_signed(), author.cast_signed(), title, content];
    insert(transaction, "INSERT INTO posts VALUES (?, ?, ?, ?)", row)
}

fn insert(transaction: &Transaction<'_>, statement: &str, row: &[&dyn ToSql]) -> Result<(), DbError> {
    transaction.prepare_cached(statement)?.execute(row)?;
    Ok(())
}

/// `SplitMix64` (Steele, Lea, Flood, OOPSLA 2014): small, and the same numbers on every platform and in every release.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let z = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    /// A number in `range`; the slight bias of the remainder does not matter here.
    fn below(&mut self, range: Range<u64>) -> u64 {
        range.start + self.next() % (range.end - range.start)
    }

    fn pick<'a, T>(&mut self, from: &'a [T]) -> &'a T {
        let last = from.len() as u64;
        let index = usize::try_from(self.below(0..last)).expect("an index of a slice");
        &from[index]
    }

    fn sentence(&mut self, words: Range<u64>) -> String {
        let count = self.below(words);
        let words: Vec<&str> = (0..count).map(|_| *self.pick(&WORDS)).collect();
        words.join(" ")
    }
}
