//! What the compiler says nothing about. A test binary of its own: two runs of trybuild in one process share a project.

/// Everything the macros support compiles, without a warning under the strictest lints.
#[test]
fn what_is_right_compiles_without_a_warning() {
    trybuild::TestCases::new().pass("tests/ui/pass/*.rs");
}
