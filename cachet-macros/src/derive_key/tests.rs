//! The derive as a whole, from tokens to tokens.

use proc_macro2::TokenStream;

fn derived(code: &str) -> String {
    let tokens: TokenStream = code.parse().unwrap_or_else(|error| panic!("{error}: {code}"));
    spaceless(&super::derive(tokens).to_string())
}

fn spaceless(code: &str) -> String {
    code.replace(char::is_whitespace, "")
}

fn assert_holds(code: &str, parts: &[&str]) {
    for part in parts {
        assert!(code.contains(&spaceless(part)), "{part}\nis not in\n{code}");
    }
}

/// How many mistakes are reported.
fn mistakes(code: &str) -> usize {
    derived(code).matches("compile_error!").count()
}

#[test]
fn a_field_with_a_function_is_written_by_it_and_asks_for_no_bound() {
    let code = derived("struct Point<T, U> { #[cache_key(with = text::of::<T>)] x: T, y: U }");
    assert_holds(
        &code,
        &[
            "for Point<T, U> where U: ::cachet_core::CacheKey {",
            "text::of::<T>(&*__field0, __writer);",
            "::cachet_core::CacheKey::write_key(&*__field1, __writer);",
        ],
    );
}

#[test]
fn a_renamed_variant_is_written_by_name_and_the_others_keep_their_index() {
    let code = derived(r#"enum Role { Guest, #[cache_key(rename = "admin")] Administrator, User(u64) }"#);
    let arms = [
        "Self::Guest {} => { __writer.variant(0u32); }",
        r#"Self::Administrator {} => { __writer.variant_name("admin"); }"#,
        "Self::User { 0: __field0, } => { __writer.variant(2u32);",
    ];
    assert_holds(&code, &arms);
}

#[test]
fn a_renamed_dependency_is_where_everything_comes_from() {
    let code = derived("#[cache_key(crate = a::b)] struct S<T>(T);");
    assert_holds(&code, &["a::b::CacheKey for S<T>", "T: a::b::CacheKey", "&mut a::b::KeyWriter"]);
    assert!(!code.contains("cachet_core"), "{code}");
}

#[test]
fn a_type_with_mistakes_counts_as_a_key_without_bounds() {
    let code = derived("#[cache_key(crate = core, skip)] struct S<T: ?Sized>(#[cache_key(wiht = f)] u8, T);");
    assert_holds(&code, &["impl<T: ?Sized> core::CacheKey for S<T> {", "let _ = __writer;"]);
    assert_eq!(code.matches("compile_error!").count(), 2, "{code}");
}

#[test]
fn one_slip_is_one_mistake() {
    for options in [
        "",
        "skip = true",
        "skip(a, b)",
        "skip with",
        "with = f g, ",
        "skip, skip",
        "skip, with = f",
        "with",
        "with =",
        "with = f::<u8, u8>(), skpi",
        "with = 5",
        "with(f)",
        "with = +",
        "unknown = a::<b, c>",
        "rename = \"a\"",
        "5",
        "= 5",
    ] {
        let expected = if options.ends_with("skpi") { 2 } else { 1 };
        assert_eq!(mistakes(&format!("struct S(#[cache_key({options})] u8);")), expected, "{options}");
    }
}
