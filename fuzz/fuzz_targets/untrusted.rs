//! Whatever bytes a shared tier holds, reading them ends, and neither panics nor takes much memory.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| cachet_core::testing::read_untrusted(bytes));
