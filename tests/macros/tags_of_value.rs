//! Tags that only the value tells.

use cachet_core::{CacheKey, cached, invalidate_tag, testing::Gate};

use crate::alone;

#[derive(Clone, Debug, PartialEq)]
struct Product {
    id: u64,
    brand: &'static str,
}

fn of(id: u64) -> Product {
    Product { id, brand: if id.is_multiple_of(2) { "even" } else { "odd" } }
}

#[cached(ttl = 60, tags = ["brand:{value.brand}", "all"])]
async fn product(id: u64) -> Product {
    of(id)
}

#[tokio::test]
async fn a_tag_from_the_value_outdates_the_entries_whose_value_has_it() {
    alone(async {
        product(1).await;
        product(2).await;
        assert!(invalidate_tag("brand:odd").await.is_done());
        assert!(product::peek(1).await.is_none());
        assert!(product::peek(2).await.is_some());
        assert!(invalidate_tag("all").await.is_done());
        assert!(product::peek(2).await.is_none());
    })
    .await;
}

#[tokio::test]
async fn what_is_put_carries_the_tags_of_its_value() {
    alone(async {
        product::put(1, Product { id: 1, brand: "other" }).await;
        invalidate_tag("brand:odd").await;
        assert!(product::peek(1).await.is_some());
        invalidate_tag("brand:other").await;
        assert!(product::peek(1).await.is_none());
    })
    .await;
}

#[cached(ttl = 60, negative_ttl = 60, tags = ["brand:{value.brand}"])]
async fn found(id: u64) -> Result<Option<Product>, String> {
    match id {
        0 => Ok(None),
        9 => Err("nine".into()),
        id => Ok(Some(of(id))),
    }
}

#[tokio::test]
async fn the_value_of_a_tag_is_what_is_inside_of_result_and_option() {
    alone(async {
        assert_eq!((found(0).await, found(1).await), (Ok(None), Ok(Some(of(1)))));
        invalidate_tag("brand:odd").await;
        assert!(found::peek(1).await.is_none());
        found(0).await.expect("it is none");
        assert_eq!(found::stats().loads, 2, "what has no value has no such tag");
    })
    .await;
}

#[derive(CacheKey)]
struct Shop;

impl Shop {
    #[cached(ttl = 60, tags = ["brand:{value.brand}"])]
    pub(super) async fn product(&self, id: u64) -> Product {
        of(id)
    }
}

#[tokio::test]
async fn methods_have_tags_from_the_value_too() {
    alone(async {
        Shop.product(1).await;
        invalidate_tag("brand:odd").await;
        assert!(Shop::product_cache().peek(&Shop, 1).await.is_none());
    })
    .await;
}

#[cached(ttl = 60, skip(gate), tags = ["brand:{value.brand}"])]
async fn slow(id: u64, gate: &Gate) -> Product {
    gate.pass().await;
    of(id)
}

/// Loads a product, and invalidates a tag, if any, while the load is under way.
async fn load_during(id: u64, tag: Option<&str>) {
    let gate = Gate::closed();
    let meanwhile = async {
        gate.arrived(1).await;
        if let Some(tag) = tag {
            assert!(invalidate_tag(tag).await.is_done());
        }
        gate.open();
    };
    let (loaded, ()) = tokio::join!(slow(id, &gate), meanwhile);
    assert_eq!(loaded, of(id), "the caller is given what was loaded");
}

/// Its own tags are not known yet when another one is invalidated, so any may be its own.
#[tokio::test]
async fn a_value_is_not_stored_either_when_another_tag_is_invalidated_during_the_load() {
    alone(async {
        load_during(1, Some("brand:even")).await;
        assert!(slow::peek(1).await.is_none());
    })
    .await;
}

#[tokio::test]
async fn a_value_whose_tag_is_invalidated_during_the_load_is_not_stored() {
    alone(async {
        load_during(1, Some("brand:odd")).await;
        assert!(slow::peek(1).await.is_none());
        load_during(1, None).await;
        assert!(slow::peek(1).await.is_some(), "the next load is undisturbed");
    })
    .await;
}
