//! Values to go on with. A type that validates what it reads rejects some of them; then the next is tried.

/// Small, then round, then a date's seconds.
pub(super) const NUMBERS: [u32; 10] = [1, 0, 2, 7, 10, 42, 100, 1000, 2000, 1_600_000_000];

pub(super) const FLOATS: [f32; 4] = [1.0, 0.0, 0.5, -1.0];

pub(super) const CHARS: [char; 4] = ['a', 'A', '0', '/'];

/// Words, numbers, addresses, dates, and what else is often read from text.
pub(super) const TEXTS: [&str; 34] = [
    "a",
    "",
    "0",
    "1",
    "127.0.0.1",
    "::1",
    "127.0.0.1:80",
    "[::1]:80",
    "67e55044-10b1-426f-9247-bb680e5fe0c8",
    "2020-01-02T03:04:05Z",
    "2020-01-02T03:04:05",
    "2020-01-02 03:04:05",
    "2020-01-02",
    "03:04:05",
    "2020-01-02T03:04:05+00:00[UTC]",
    "Thu, 02 Jan 2020 03:04:05 GMT",
    "http://localhost/",
    "localhost",
    "/",
    "a@example.com",
    "true",
    "1.0.0",
    "1.5",
    "1s",
    "PT1S",
    "en",
    "en-US",
    "USD",
    "UTC",
    "text/plain",
    "#000000",
    "00",
    "AAAA",
    "127.0.0.0/8",
];

pub(super) const BYTES: [&[u8]; 7] = [&[], &[1], &[1; 4], &[1; 8], &[1; 16], &[1; 32], &[1; 64]];

/// How many elements a sequence or map has once they are known.
pub(super) const LENGTHS: [usize; 7] = [0, 1, 2, 3, 4, 8, 16];
