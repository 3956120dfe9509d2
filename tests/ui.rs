//! What the compiler says: one case a file, grouped by theme; `TRYBUILD=overwrite` writes the expectations anew.

/// Every mistake has a message that says what to write, at the token that is wrong.
#[test]
fn what_is_wrong_is_told_where_and_how_to_right_it() {
    let cases = trybuild::TestCases::new();
    for theme in
        ["ttl", "tier", "key", "tags", "options", "signature", "http", "derive", "writes", "batch", "freshness"]
    {
        cases.compile_fail(format!("tests/ui/{theme}/*.rs"));
    }
}
