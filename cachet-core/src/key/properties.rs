//! What holds of the keys of any values: equal values, and only those, write equal bytes, in both forms, and no key is
//! the beginning of another one of its type.
//!
//! Values are drawn from small sets, so that equal and nearly equal ones meet often.

use std::{
    collections::{BTreeMap, BTreeSet, BinaryHeap, HashMap, HashSet},
    fmt::Debug,
    ops::Bound,
    time::{Duration, SystemTime},
};

use proptest::{
    collection::{btree_map, btree_set, hash_set, vec},
    option,
    prelude::*,
    result,
};

use crate::key::{CacheKey, KeyBuf};

/// Every form that a derived key has, nested in itself.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, crate::CacheKey)]
#[cache_key(crate = crate)]
enum Nested {
    Unit,
    #[cache_key(rename = "u")]
    NamedUnit,
    Number(u8),
    #[cache_key(rename = "text")]
    Text(String),
    Fields {
        first: Option<Box<Nested>>,
        #[cache_key(with = signum)]
        second: i8,
    },
    List(Vec<Nested>),
    Set(BTreeSet<Nested>),
    #[cache_key(rename = "map")]
    Map(BTreeMap<String, Nested>),
    Outcome(Box<Result<Nested, (Nested, Nested)>>),
}

/// Injective only for the numbers that are drawn: -1, 0 and 1.
#[expect(clippy::trivially_copy_pass_by_ref, reason = "what `with` calls takes a reference")]
fn signum(value: &i8, key: &mut crate::KeyWriter) {
    (value.signum() + 1).write_key(key);
}

/// Text with what could be taken for a separator, an escape, a number or a name of a variant.
fn text() -> impl Strategy<Value = String> + Clone {
    "[a,%0ü]{0,2}|u|text"
}

fn nested() -> impl Strategy<Value = Nested> {
    let leaf = prop_oneof![
        Just(Nested::Unit),
        Just(Nested::NamedUnit),
        (0_u8..3).prop_map(Nested::Number),
        text().prop_map(Nested::Text),
    ];
    leaf.prop_recursive(3, 12, 3, |inner| {
        let outcome = result::maybe_err(inner.clone(), (inner.clone(), inner.clone()));
        prop_oneof![
            (option::of(inner.clone().prop_map(Box::new)), -1_i8..2)
                .prop_map(|(first, second)| Nested::Fields { first, second }),
            vec(inner.clone(), 0..3).prop_map(Nested::List),
            btree_set(inner.clone(), 0..3).prop_map(Nested::Set),
            btree_map(text(), inner, 0..3).prop_map(Nested::Map),
            outcome.prop_map(|outcome| Nested::Outcome(Box::new(outcome))),
        ]
    })
}

fn bytes<T: CacheKey + ?Sized>(value: &T) -> Vec<u8> {
    KeyBuf::bytes().written(|key| value.write_key(key)).as_bytes().to_vec()
}

/// The text form, with what a template or the next value puts behind it.
fn text_before<T: CacheKey + ?Sized>(value: &T, separator: &str) -> Vec<u8> {
    let key = KeyBuf::text().written(|key| {
        value.write_key(key);
        key.literal(separator);
    });
    key.as_bytes().to_vec()
}

/// Equal values write the same; of unequal ones neither is the beginning of the other, so whatever follows cannot make
/// them equal.
fn tells_apart<T: CacheKey + PartialEq + Debug>(a: &T, b: &T) -> Result<(), TestCaseError> {
    let forms =
        [[bytes(a), bytes(b)], [text_before(a, ","), text_before(b, ",")], [text_before(a, ":"), text_before(b, ":")]];
    for [first, second] in forms {
        if a == b {
            prop_assert_eq!(&first, &second, "{:?}", a);
        } else {
            prop_assert!(!first.starts_with(&second) && !second.starts_with(&first), "{:?} and {:?}", a, b);
        }
    }
    Ok(())
}

macro_rules! told_apart {
    ($($name:ident: $values:expr;)*) => {
        proptest! {$(
            #[test]
            fn $name(a in $values, b in $values) {
                tells_apart(&a, &b)?;
                tells_apart(&a, &a.clone())?;
            }
        )*}
    };
}

told_apart! {
    nested_values: nested();
    neighbours: (text(), nested(), text(), option::of(text()));
    integers: (any::<i8>(), any::<u16>(), any::<i128>(), any::<bool>());
    characters: (any::<char>(), text(), "\\PC{0,2}");
    byte_strings: vec(0_u8..2, 0..3).prop_map(bytes::Bytes::from);
    lists: (vec(text(), 0..3), vec(vec(text(), 0..2), 0..3), vec(Just(()), 0..3));
    hash_sets: hash_set(text(), 0..3);
    sets_of_sets: hash_set(btree_set(text(), 0..3), 0..3);
    hash_maps: vec((text(), vec(text(), 0..2)), 0..3).prop_map(HashMap::<_, _>::from_iter);
    ranges: (0_u8..3, 0_u8..3).prop_map(|(start, end)| (start..end, start.., ..end, ..=end));
    inclusive_ranges: (0_u8..3, 0_u8..3, 0..4).prop_map(|(start, end, taken)| {
        let mut range = start..=end;
        for _ in 0..taken {
            range.next();
        }
        range
    });
    bounds: prop_oneof![(0_u8..3).prop_map(Bound::Included), (0_u8..3).prop_map(Bound::Excluded), Just(Bound::Unbounded)];
    addresses: any::<(std::net::IpAddr, std::net::SocketAddr)>();
    system_times: (any::<bool>(), 0_u64..2, 0_u32..2).prop_map(|(before, seconds, nanos)| {
        let distance = Duration::new(seconds, nanos);
        if before { SystemTime::UNIX_EPOCH - distance } else { SystemTime::UNIX_EPOCH + distance }
    });
}

proptest! {
    #[test]
    fn the_order_of_insertion_makes_no_difference((items, other) in shuffled()) {
        for form in [bytes_of_collections, texts_of_collections] {
            prop_assert_eq!(form(items.clone()), form(other.clone()));
        }
    }

    #[test]
    fn how_often_an_item_is_in_a_heap_makes_a_difference(items in vec(text(), 1..5)) {
        let more = items.iter().chain(&items[..1]).cloned();
        let (heap, more) = (BinaryHeap::from(items.clone()), more.collect::<BinaryHeap<_>>());
        prop_assert_ne!(bytes(&heap), bytes(&more));
        prop_assert_ne!(text_before(&heap, ","), text_before(&more, ","));
    }
}

/// The same items in two orders.
fn shuffled() -> impl Strategy<Value = (Vec<Nested>, Vec<Nested>)> {
    vec(nested(), 0..6).prop_flat_map(|items| (Just(items.clone()), Just(items).prop_shuffle()))
}

type Collections = (BinaryHeap<Nested>, HashSet<Nested>, HashMap<Nested, u8>);

fn collections(items: Vec<Nested>) -> Collections {
    let map = items.iter().map(|item| (item.clone(), 0)).collect();
    (items.clone().into(), items.into_iter().collect(), map)
}

fn bytes_of_collections(items: Vec<Nested>) -> Vec<u8> {
    bytes(&collections(items))
}

fn texts_of_collections(items: Vec<Nested>) -> Vec<u8> {
    text_before(&collections(items), ",")
}

mod ecosystem {
    use chrono::{DateTime, FixedOffset, NaiveDate, NaiveTime, Utc};
    use http::{HeaderValue, Method, Uri};
    use rust_decimal::Decimal;
    use time::{Date, OffsetDateTime, UtcOffset};
    use uuid::Uuid;

    use super::*;

    /// Instants a few hours apart, as a clock that many hours off shows them.
    fn hours() -> impl Strategy<Value = (i32, i32)> {
        (-1..2, -2..3)
    }

    fn zoned((instant, offset): (i32, i32)) -> DateTime<FixedOffset> {
        let zone = FixedOffset::east_opt(offset * 3600).expect("a few hours");
        DateTime::<Utc>::UNIX_EPOCH.with_timezone(&zone) + chrono::Duration::hours(instant.into())
    }

    fn offset((instant, offset): (i32, i32)) -> OffsetDateTime {
        let zone = UtcOffset::from_whole_seconds(offset * 3600).expect("a few hours");
        OffsetDateTime::UNIX_EPOCH.to_offset(zone) + time::Duration::hours(instant.into())
    }

    fn uri() -> impl Strategy<Value = Uri> {
        let parsed = |text: String| text.parse::<Uri>().expect("it is a URI");
        prop_oneof!["(http|HTTP|x|X)://[aA](:80)?(/[aA]?)?([?][aA]?)?", "/[aA]?([?][aA]?)?", "[aA]:80"].prop_map(parsed)
    }

    told_apart! {
        uuids: any::<u128>().prop_map(Uuid::from_u128);
        instants_of_chrono: hours().prop_map(zoned);
        dates_of_chrono: (-800_000..800_000).prop_map(NaiveDate::from_num_days_from_ce_opt);
        times_of_chrono: (86_395_u32..86_400, 0_u32..3).prop_map(|(second, half)| {
            NaiveTime::from_num_seconds_from_midnight_opt(second, half * 500_000_000)
        });
        instants_of_time: hours().prop_map(offset);
        dates_of_time: (1_700_000..2_700_000).prop_map(|day| Date::from_julian_day(day).expect("it is in range"));
        durations_of_time: (-3_i64..3).prop_map(|halves| time::Duration::milliseconds(halves * 500));
        decimals: (-101_i64..101, 0_u32..4).prop_map(|(digits, scale)| Decimal::new(digits, scale));
        decimals_with_trailing_zeros: (-2_i64..3, 0_u32..4, 0_u32..4).prop_map(|(digits, scale, zeros)| {
            Decimal::new(digits * 10_i64.pow(zeros), scale + zeros)
        });
        uris: uri();
        methods: "GET|get|[a-b]{1,2}".prop_map(|name| Method::from_bytes(name.as_bytes()).expect("it is a method"));
        header_values: "[a, ]{0,3}".prop_map(|value| HeaderValue::from_str(&value).expect("it is a value"));
    }
}
