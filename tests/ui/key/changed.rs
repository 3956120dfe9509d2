use cachet_core::cached;

#[cached(ttl = "5m")]
fn counted(words: &mut Vec<String>) -> usize {
    words.sort();
    words.len()
}

#[cached(ttl = "5m", key = (id, &found))]
fn in_the_expression(id: u64, found: &mut Vec<u64>) -> u64 {
    found.push(id);
    id
}

fn main() {}
