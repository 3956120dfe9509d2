//! How arguments may be written.

use cachet_core::{CacheKey, cached};

use crate::alone;

#[cached(ttl = 60)]
async fn nothing() -> u64 {
    7
}

#[tokio::test]
async fn a_function_without_arguments_has_one_entry() {
    alone(async {
        assert_eq!((nothing().await, nothing().await), (7, 7));
        assert!(nothing::invalidate().await.is_done());
        assert!(nothing::peek().await.is_none());
        assert_eq!(nothing::stats().loads, 1);
    })
    .await;
}

#[cached(ttl = 60)]
async fn counting(mut n: u64) -> u64 {
    n += 1;
    n
}

#[tokio::test]
async fn a_mutable_argument_is_keyed_by_what_was_passed() {
    alone(async {
        assert_eq!((counting(1).await, counting(2).await, counting(1).await), (2, 3, 2));
        assert_eq!(counting::stats().loads, 2);
    })
    .await;
}

#[derive(CacheKey)]
struct Point {
    x: i32,
    y: i32,
}

#[cached(ttl = 60)]
async fn sum((a, b): (i32, i32), Point { x, y }: Point, [c, ..]: [i32; 2], _: bool) -> i32 {
    a + b + c + x + y
}

#[tokio::test]
async fn an_argument_may_be_a_pattern_and_all_of_it_is_part_of_the_key() {
    alone(async {
        assert_eq!(sum((1, 2), Point { x: 3, y: 4 }, [5, 6], true).await, 15);
        assert_eq!(sum((1, 2), Point { x: 3, y: 4 }, [5, 6], true).await, 15);
        assert_eq!(sum::stats().loads, 1);
        sum((1, 2), Point { x: 3, y: 4 }, [5, 7], true).await;
        sum((1, 2), Point { x: 3, y: 4 }, [5, 6], false).await;
        assert_eq!(sum::stats().loads, 3, "what the pattern leaves out as well");
    })
    .await;
}

#[cached(ttl = 60, key = "{type}")]
async fn raw(r#type: u64) -> u64 {
    r#type
}

#[tokio::test]
async fn a_raw_identifier_is_named_without_its_mark() {
    alone(async {
        assert_eq!((raw(1).await, raw(2).await), (1, 2));
        assert!(raw::invalidate(1).await.is_done());
    })
    .await;
}

#[expect(clippy::many_single_char_names, reason = "they are twelve")]
#[cached(ttl = 60)]
#[expect(clippy::too_many_arguments, reason = "as many as there may be")]
async fn twelve(a: u8, b: u8, c: u8, d: u8, e: u8, f: u8, g: u8, h: u8, i: u8, j: u8, k: u8, l: u8) -> u32 {
    [a, b, c, d, e, f, g, h, i, j, k, l].into_iter().map(u32::from).sum()
}

#[tokio::test]
async fn a_function_may_have_twelve_arguments() {
    alone(async {
        assert_eq!(twelve(1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1).await, 12);
        assert_eq!(twelve(1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 2).await, 13);
        assert!(twelve::invalidate(1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1).await.is_done());
        assert!(twelve::peek(1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 2).await.is_some());
    })
    .await;
}

#[cached(ttl = 60)]
async fn mixed(ids: &[u64], name: Option<&str>, limit: Option<u8>) -> String {
    format!("{ids:?} {name:?} {limit:?}")
}

#[tokio::test]
async fn borrowed_arguments_are_keyed_by_what_they_point_to() {
    alone(async {
        let (ids, name) = (vec![1, 2], String::from("n"));
        let first = mixed(&ids, Some(&name), None).await;
        assert_eq!(mixed(&[1, 2], Some("n"), None).await, first);
        assert_eq!(mixed::stats().loads, 1);
        assert_ne!(mixed(&[1, 2], None, None).await, first);
        assert_ne!(mixed(&[1], Some("n"), None).await, first);
    })
    .await;
}
