//! What tells calls apart.

use cachet_core::{CacheKey, cached};

use crate::alone;

#[derive(CacheKey, Clone)]
struct User {
    id: u64,
    lang: String,
}

impl User {
    fn country(&self) -> &str {
        &self.lang[3..]
    }

    #[cached(ttl = 60, key = "{self.id}:{page}")]
    pub(super) async fn orders(&self, page: u32) -> String {
        format!("{} {page} {}", self.id, self.lang)
    }

    #[cached(ttl = 60, key = "{self.country()}")]
    pub(super) async fn offers(&self, limit: u32) -> String {
        format!("{} {limit}", self.country())
    }
}

fn user(id: u64, lang: &str) -> User {
    User { id, lang: lang.into() }
}

#[cached(ttl = 60, skip(trace))]
async fn skipping(id: u64, trace: u64) -> (u64, u64) {
    (id, trace)
}

#[tokio::test]
async fn a_skipped_argument_is_no_part_of_the_key_but_still_reaches_the_body() {
    alone(async {
        assert_eq!(skipping(1, 7).await, (1, 7));
        assert_eq!(skipping(1, 8).await, (1, 7));
        assert_eq!(skipping(2, 9).await, (2, 9));
        assert!(skipping::invalidate(1).await.is_done());
        assert_eq!(skipping(1, 8).await, (1, 8));
    })
    .await;
}

#[cached(ttl = 60, key = "{user.lang}/{pair.0}")]
async fn fields(user: &User, pair: (u8, u8)) -> String {
    format!("{} {}", user.id, pair.1)
}

#[tokio::test]
async fn a_template_sees_the_fields_of_arguments() {
    alone(async {
        assert_eq!(fields(&user(1, "de-AT"), (1, 2)).await, "1 2");
        assert_eq!(fields(&user(2, "de-AT"), (1, 3)).await, "1 2", "neither id nor second field are in the key");
        assert_eq!(fields(&user(2, "de-CH"), (1, 3)).await, "2 3");
        assert_eq!(fields(&user(2, "de-AT"), (2, 3)).await, "2 3");
    })
    .await;
}

#[cached(ttl = 60, key = "{name.len()}")]
async fn length(name: &str) -> usize {
    name.len()
}

#[tokio::test]
async fn a_template_calls_methods_of_arguments() {
    alone(async {
        assert_eq!((length("abc").await, length("xyz").await, length("x").await), (3, 3, 1));
        assert_eq!(length::stats().loads, 2);
        assert!(length::invalidate("123").await.is_done());
        assert!(length::peek("abc").await.is_none());
    })
    .await;
}

#[tokio::test]
async fn a_template_sees_fields_and_methods_of_self() {
    alone(async {
        let (one, other) = (user(1, "de-AT"), user(1, "de-CH"));
        assert_eq!(one.orders(1).await, "1 1 de-AT");
        assert_eq!(other.orders(1).await, "1 1 de-AT", "the key has the id only");
        assert_eq!(one.offers(1).await, "AT 1");
        assert_eq!(other.offers(1).await, "CH 1");
        assert_eq!(user(9, "fr-CH").offers(5).await, "CH 1");
        assert!(User::orders_cache().invalidate(&one, 1).await.is_done());
        assert_eq!(other.orders(1).await, "1 1 de-CH");
    })
    .await;
}

#[cached(ttl = 60, key = "{a}:{b}")]
async fn texts(a: &str, b: &str) -> String {
    format!("{a} {b}")
}

#[tokio::test]
async fn a_separator_within_a_value_does_not_mix_two_calls_up() {
    alone(async {
        assert_eq!(texts("x:y", "z").await, "x:y z");
        assert_eq!(texts("x", "y:z").await, "x y:z");
        assert_eq!(texts("x%3Ay", "z").await, "x%3Ay z");
    })
    .await;
}

#[cached(ttl = 60)]
async fn two_texts(a: &str, b: &str) -> String {
    format!("{a} {b}")
}

#[tokio::test]
async fn two_texts_never_run_together() {
    alone(async {
        assert_eq!((two_texts("ab", "c").await, two_texts("a", "bc").await), ("ab c".into(), "a bc".into()));
    })
    .await;
}

#[cached(ttl = 60, key = (id / 10, name.to_lowercase()))]
async fn computed(id: u64, name: &str) -> String {
    format!("{id} {name}")
}

#[tokio::test]
async fn a_key_may_be_any_expression_over_the_arguments() {
    alone(async {
        assert_eq!(computed(11, "A").await, "11 A");
        assert_eq!(computed(12, "a").await, "11 A");
        assert_eq!(computed(21, "a").await, "21 a");
        assert!(computed::invalidate(19, "A").await.is_done());
        assert_eq!(computed(12, "a").await, "12 a");
    })
    .await;
}

#[cached(ttl = 60, key = "{r#type}:{lang}", tags = ["type:{type}", "{r#type}"])]
async fn r#impl(r#type: u64, lang: &str) -> String {
    format!("{type} in {lang}")
}

#[tokio::test]
async fn a_template_names_a_raw_argument_with_or_without_its_mark() {
    alone(async {
        assert_eq!(r#impl(1, "en").await, "1 in en");
        cachet_core::invalidate_tag("type:1").await;
        assert!(r#impl::peek(1, "en").await.is_none());
    })
    .await;
}
