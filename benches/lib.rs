//! Benchmarks are run with `cargo bench`; see `README.md` beside this file.
