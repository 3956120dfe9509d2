use std::{
    collections::{BTreeMap, BTreeSet, HashMap, HashSet, VecDeque},
    marker::PhantomData,
    net::{IpAddr, SocketAddr},
    num::{NonZeroI64, NonZeroU8},
    ops::{Bound, Range},
    path::PathBuf,
    rc::Rc,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, SystemTime},
};

use serde::{
    Deserialize, Deserializer, Serialize,
    de::{Error as _, SeqAccess, Visitor},
};

use super::*;

const BINARY: Wire = Wire::Positional { codec: "bincode" };
const TEXT: Wire = Wire::Named;

fn traced<S: Serialize + serde::de::DeserializeOwned>(wire: Wire) -> String {
    match Shape::of::<S>(wire) {
        Shape::Traced(text) => text,
        Shape::Named(name) => panic!("{name} is not traced for {wire:?}"),
    }
}

fn both<S: Serialize + serde::de::DeserializeOwned>() -> [String; 2] {
    [BINARY, TEXT].map(traced::<S>)
}

/// The shapes of a type whose definition is given in place.
macro_rules! shape {
    ($function:ident; $root:ty; $($item:item)*) => {{
        $(#[derive(Serialize, Deserialize)] #[allow(dead_code)] $item)*
        $function::<$root>()
    }};
}

fn json<S: Serialize + serde::de::DeserializeOwned>() -> String {
    traced::<S>(TEXT)
}

fn assert_all_differ<T: PartialEq + std::fmt::Debug>(shapes: &[T]) {
    for (at, shape) in shapes.iter().enumerate() {
        assert!(!shapes[..at].contains(shape), "number {at} is there before: {shape:?}");
    }
}

fn assert_each_differs(shapes: &[[String; 2]]) {
    for wire in 0..2 {
        assert_all_differ(&shapes.iter().map(|both| &both[wire]).collect::<Vec<_>>());
    }
}

#[test]
fn the_same_shape_elsewhere_is_the_same() {
    let here = shape!(both; P; struct P { name: String, price: u64, tags: Vec<Q> } struct Q { of: Option<u8> });
    let there = shape!(both; P; struct P { name: String, price: u64, tags: Vec<Q> } struct Q { of: Option<u8> });
    assert_eq!(here, there);
}

#[test]
fn fields_take_part_with_their_order_names_and_types() {
    assert_each_differs(&[
        shape!(both; P; struct P { a: String, b: u64 }),
        shape!(both; P; struct P { b: u64, a: String }),
        shape!(both; P; struct P { a: String, c: u64 }),
        shape!(both; P; struct P { a: String, b: u32 }),
        shape!(both; P; struct P { a: String, b: i64 }),
        shape!(both; P; struct P { a: String, b: Option<u64> }),
        shape!(both; P; struct P { a: String, b: Vec<u64> }),
        shape!(both; P; struct P { a: String, b: (u64,) }),
        shape!(both; P; struct P { a: String }),
        shape!(both; P; struct P { a: String, b: u64, c: () }),
        shape!(both; Q; struct Q { a: String, b: u64 }),
        shape!(both; P; struct P { a: String, b: Q } struct Q { x: u8 }),
        shape!(both; P; struct P { a: String, b: Q } struct Q { y: u8 }),
        shape!(both; P; struct P { a: String, b: Q } struct Q { y: u16 }),
    ]);
}

#[test]
fn variants_take_part_with_their_order_names_and_values() {
    assert_each_differs(&[
        shape!(both; E; enum E { A, B(u8) }),
        shape!(both; E; enum E { B(u8), A }),
        shape!(both; E; enum E { A, C(u8) }),
        shape!(both; E; enum E { A, B(u8), C }),
        shape!(both; E; enum E { A, B(u16) }),
        shape!(both; E; enum E { A, B(u8, u8) }),
        shape!(both; E; enum E { A, B((u8, u8)) }),
        shape!(both; E; enum E { A, B { x: u8 } }),
        shape!(both; E; enum E { A, B { y: u8 } }),
        shape!(both; E; enum E { A, B }),
        shape!(both; Vec<E>; enum E { A, B }),
        shape!(both; (E, E); enum E { A, B }),
        shape!(both; E; enum E { A, B(F) } enum F { X, Y }),
        shape!(both; E; enum E { A, B(F) } enum F { X, Z }),
        shape!(both; E; enum E { A, B(Box<F>) } enum F { X, Y(Vec<E>) }),
    ]);
}

#[test]
fn structure_takes_part() {
    assert_each_differs(&[
        both::<u8>(),
        both::<Option<u8>>(),
        both::<Option<Option<u8>>>(),
        both::<Vec<u8>>(),
        both::<Vec<Vec<u8>>>(),
        both::<[u8; 3]>(),
        both::<[u8; 4]>(),
        both::<(u8,)>(),
        both::<(u8, u16)>(),
        both::<(u16, u8)>(),
        both::<(u8, u16, u8)>(),
        both::<BTreeMap<u8, u16>>(),
        both::<BTreeMap<u16, u16>>(),
        both::<BTreeMap<u8, u8>>(),
        both::<bool>(),
        both::<char>(),
        both::<String>(),
        both::<()>(),
        both::<f32>(),
        both::<f64>(),
        both::<i128>(),
        both::<u128>(),
        both::<NonZeroU8>(),
        both::<IpAddr>(),
        both::<Duration>(),
        both::<SystemTime>(),
        both::<Range<u8>>(),
        both::<Result<u8, u16>>(),
        both::<Result<u16, u8>>(),
    ]);
}

#[test]
fn what_std_holds_can_be_traced() {
    #[derive(Serialize, Deserialize)]
    struct All {
        sets: (HashSet<String>, BTreeSet<NonZeroI64>, VecDeque<char>),
        maps: (HashMap<u64, String>, BTreeMap<String, Vec<f32>>),
        addresses: (IpAddr, Option<SocketAddr>),
        times: (Duration, SystemTime),
        ranges: (Range<i32>, Bound<u8>),
        boxes: (Box<str>, Box<[u8]>, Mutex<u8>, std::cell::RefCell<u8>),
        marker: PhantomData<Rc<u8>>,
        path: PathBuf,
        large: (i128, u128, [u8; 32], [(); 0]),
        outcome: Result<u8, String>,
        text: std::borrow::Cow<'static, str>,
        wrapping: std::num::Wrapping<u16>,
    }
    let _ = both::<All>();
}

#[test]
fn generic_types_take_part_with_what_they_are_made_of() {
    #[derive(Serialize, Deserialize)]
    struct Page<T> {
        items: Vec<T>,
        next: Option<u32>,
    }
    assert_each_differs(&[
        both::<Page<u8>>(),
        both::<Page<String>>(),
        both::<Page<Page<u8>>>(),
        both::<(Page<u8>, Page<u16>)>(),
        both::<(Page<u16>, Page<u8>)>(),
    ]);
}

#[test]
fn recursive_types_end() {
    assert_each_differs(&[
        shape!(both; List; struct List { value: u8, next: Option<Box<List>> }),
        shape!(both; List; struct List { value: u16, next: Option<Box<List>> }),
        shape!(both; List; struct List { next: Option<Box<List>>, value: u8 }),
        shape!(both; Tree; struct Tree { value: u8, children: Vec<Tree> }),
        shape!(both; Tree; struct Tree(Vec<Tree>);),
        shape!(both; Tree; struct Tree(BTreeMap<String, Tree>);),
        shape!(both; A; struct A { b: Option<Box<B>> } struct B { a: Vec<A>, x: u8 }),
        shape!(both; A; struct A { b: Option<Box<B>> } struct B { a: Vec<A>, x: u16 }),
        shape!(both; E; enum E { Add(Box<E>, Box<E>), Neg(Box<E>), If { c: Box<E>, t: Box<E>, e: Box<E> }, Lit(i64) }),
        shape!(both; E; enum E { Add(Box<E>, Box<E>), Neg(Box<E>), If { c: Box<E>, t: Box<E>, f: Box<E> }, Lit(i64) }),
        shape!(both; E; enum E { Add(Box<E>, Box<E>), Neg(Box<E>), If { c: Box<E>, t: Box<E>, f: Box<E> }, Lit(i32) }),
        shape!(both; W; struct W { e: E, z: u8 } enum E { Add(Box<E>, Box<E>), Call(Vec<W>), Lit(i64) }),
    ]);
}

#[test]
fn types_of_one_name_are_told_apart() {
    mod one {
        #[derive(serde::Serialize, serde::Deserialize)]
        pub(super) struct Product {
            pub(super) a: u8,
        }
    }
    mod two {
        #[derive(serde::Serialize, serde::Deserialize)]
        pub(super) struct Product {
            pub(super) a: u16,
        }
    }
    assert_each_differs(&[
        shape!(both; P; struct P { x: one::Product, y: two::Product }),
        shape!(both; P; struct P { x: two::Product, y: one::Product }),
        shape!(both; P; struct P { x: one::Product, y: one::Product }),
    ]);
}

#[test]
fn names_are_those_of_serde_and_what_is_skipped_takes_no_part() {
    let plain = shape!(both; P; struct P { one_two: u8 });
    assert_eq!(plain, shape!(both; P; struct P { one_two: u8, #[serde(skip)] b: u16 }));
    assert_eq!(plain, shape!(both; P; struct P { #[serde(rename = "one_two")] x: u8 }));
    assert_eq!(plain, shape!(both; Q; #[serde(rename = "P")] struct Q { one_two: u8 }));
    assert_eq!(plain, shape!(both; P; struct P { #[serde(default)] one_two: u8 }));
    assert_each_differs(&[
        plain,
        shape!(both; P; #[serde(rename_all = "camelCase")] struct P { one_two: u8 }),
        shape!(both; P; struct P { #[serde(rename = "z")] one_two: u8 }),
        shape!(both; P; #[serde(transparent)] struct P { one_two: u8 }),
        shape!(both; P; struct P { #[serde(alias = "a", alias = "z")] one_two: u8, b: String }),
    ]);
    assert_eq!(
        shape!(both; E; enum E { A, B(u8) }),
        shape!(both; E; enum E { A, B(u8), #[serde(skip)] C }),
        "a skipped variant"
    );
    let _ = shape!(both; E; enum E { #[serde(alias = "Z")] A, #[serde(alias = "C")] B(u8) });
}

#[test]
fn flattened_parts_take_part_in_json() {
    assert_all_differ(&[
        shape!(json; P; struct P { id: u64, #[serde(flatten)] q: Q } struct Q { a: u8, b: String }),
        shape!(json; P; struct P { id: u32, #[serde(flatten)] q: Q } struct Q { a: u8, b: String }),
        shape!(json; P; struct P { id: u64, #[serde(flatten)] q: Q } struct Q { a: u16, b: String }),
        shape!(json; P; struct P { id: u64, #[serde(flatten)] q: Q } struct Q { a: u8, c: String }),
        shape!(json; P; struct P { id: u64, #[serde(flatten)] q: Q } struct Q { a: u8, b: Vec<u8> }),
        shape!(json; P; struct P { id: u64, #[serde(flatten)] q: Q } struct Q { a: u8, b: Vec<u16> }),
        shape!(json; P; struct P { id: u64, #[serde(flatten)] q: Q } struct Q { a: u8, b: (u16, u8) }),
        shape!(json; P; struct P { id: u64, #[serde(flatten)] q: Q } struct Q { a: u8, b: R } struct R { x: u8, y: bool }),
        shape!(json; P; struct P { id: u64, #[serde(flatten)] q: Q } struct Q { a: u8, b: R } struct R { x: u8, y: f64 }),
        shape!(json; P; struct P { id: u64, #[serde(flatten)] q: Q } struct Q { a: u8, n: Option<u8> }),
        shape!(json; P; struct P { id: u64, #[serde(flatten)] q: Q } struct Q { a: u8, m: Option<u8> }),
        shape!(json; P; struct P { id: u64, #[serde(flatten)] rest: HashMap<String, u8> }),
        shape!(json; P; struct P { id: u64, #[serde(flatten)] rest: HashMap<String, String> }),
        shape!(json; P; struct P { id: u64, #[serde(flatten)] rest: HashMap<String, Q> } struct Q { a: u8 }),
        shape!(json; P; struct P { id: u64, #[serde(flatten)] rest: HashMap<String, Q> } struct Q { b: u8 }),
        shape!(json; P; struct P { e: E, #[serde(flatten)] q: Q } struct Q { a: u8 } enum E { A, B(u8) }),
        shape!(json; P; struct P { e: E, #[serde(flatten)] q: Q } struct Q { a: u8 } enum E { A, B(u16) }),
        shape!(json; P; struct P { #[serde(flatten)] q: Q } struct Q { a: E } enum E { A, B(u16) }),
        shape!(json; P; struct P { #[serde(flatten)] q: Q } struct Q { a: E } enum E { A, B(u32) }),
        shape!(json; P; struct P { #[serde(flatten)] q: Q } struct Q { a: E } enum E { A, B { x: u32 } }),
    ]);
}

#[test]
fn tagged_enums_take_part_in_json() {
    assert_all_differ(&[
        shape!(json; E; #[serde(tag = "t")] enum E { A { x: u8 }, B { y: String }, C }),
        shape!(json; E; #[serde(tag = "k")] enum E { A { x: u8 }, B { y: String }, C }),
        shape!(json; E; #[serde(tag = "t")] enum E { A { x: u16 }, B { y: String }, C }),
        shape!(json; E; #[serde(tag = "t")] enum E { A { x: u8 }, B { z: String }, C }),
        shape!(json; E; #[serde(tag = "t")] enum E { A { x: u8 }, B { y: char }, C }),
        shape!(json; E; #[serde(tag = "t")] enum E { A { x: u8 }, B { y: String }, D }),
        shape!(json; E; #[serde(tag = "t")] enum E { A { x: u8 }, B { y: String } }),
        shape!(json; E; #[serde(tag = "t")] enum E { A(Q), B } struct Q { a: u8 }),
        shape!(json; E; #[serde(tag = "t")] enum E { A(Q), B } struct Q { a: u16 }),
        shape!(json; Vec<E>; #[serde(tag = "t")] enum E { A(Q), B } struct Q { a: u16 }),
        shape!(json; E; #[serde(tag = "t", content = "c")] enum E { A { x: u8 }, B(u8), C(u16), D }),
        shape!(json; E; #[serde(tag = "t", content = "d")] enum E { A { x: u8 }, B(u8), C(u16), D }),
        shape!(json; E; #[serde(tag = "k", content = "c")] enum E { A { x: u8 }, B(u8), C(u16), D }),
        shape!(json; E; #[serde(tag = "t", content = "c")] enum E { A { x: u8 }, B(u16), C(u8), D }),
        shape!(json; E; #[serde(tag = "t", content = "c")] enum E { A { x: u8 }, B(u8), C(u8), D }),
        shape!(json; E; #[serde(tag = "t", content = "c")] enum E { A { x: u8 }, B(u8), C(u16), F }),
    ]);
    // A variant that is a unit or a struct asks what its content is, which only JSON can tell.
    assert_each_differs(&[
        shape!(both; E; #[serde(tag = "t", content = "c")] enum E { A(u8, u8), B(u8), C(u16) }),
        shape!(both; E; #[serde(tag = "t", content = "c")] enum E { A(u8, u8), B(u8), C(u32) }),
    ]);
}

#[test]
fn untagged_enums_take_part_in_json() {
    assert_all_differ(&[
        shape!(json; E; #[serde(untagged)] enum E { A { x: u8 }, B(String) }),
        shape!(json; E; #[serde(untagged)] enum E { A { y: u8 }, B(String) }),
        shape!(json; E; #[serde(untagged)] enum E { A { x: u16 }, B(String) }),
        shape!(json; E; #[serde(untagged)] enum E { B(String), A { x: u16 } }),
        shape!(json; E; #[serde(untagged)] enum E { A { x: u8 }, B(String), C(bool) }),
        shape!(json; P; struct P { e: Vec<E>, z: u8 } #[serde(untagged)] enum E { A { x: u8 }, B(String) }),
        json::<serde_json::Value>(),
        json::<HashMap<String, serde_json::Value>>(),
    ]);
}

/// Takes what is even, as text of digits.
#[derive(Serialize)]
struct Even(String);

impl<'de> Deserialize<'de> for Even {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let number: u32 = text.parse().map_err(D::Error::custom)?;
        if number.is_multiple_of(2) { Ok(Self(text)) } else { Err(D::Error::custom("odd")) }
    }
}

/// Takes nothing that is made up.
#[derive(Serialize)]
struct Password(String);

impl<'de> Deserialize<'de> for Password {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        if text == "correct horse" { Ok(Self(text)) } else { Err(D::Error::custom("wrong")) }
    }
}

#[test]
fn types_that_validate_are_given_what_they_take() {
    assert_each_differs(&[
        shape!(both; P; struct P { even: Even, b: u8 }),
        shape!(both; P; struct P { even: Even, b: u16 }),
        shape!(both; P; struct P { password: Password, b: u8 }),
        shape!(both; P; struct P { password: Password, b: u16 }),
        shape!(both; P; struct P { all: Vec<Password>, b: u16 }),
        shape!(both; P; struct P { a: Option<Q>, b: u16 } struct Q { a: Password, b: u8 }),
        shape!(both; P; struct P { a: Option<Q>, b: u16 } struct Q { a: Password, c: u8 }),
    ]);
}

struct Bytes;

impl Serialize for Bytes {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_bytes(&[])
    }
}

impl<'de> Deserialize<'de> for Bytes {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Any;
        impl Visitor<'_> for Any {
            type Value = Bytes;
            fn expecting(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                formatter.write_str("bytes")
            }
            fn visit_bytes<E>(self, _: &[u8]) -> Result<Bytes, E> {
                Ok(Bytes)
            }
        }
        deserializer.deserialize_bytes(Any)
    }
}

#[test]
fn bytes_are_no_sequence() {
    assert_each_differs(&[both::<Bytes>(), both::<Vec<u8>>()]);
}

/// Asks for elements until there are none, and then on.
#[derive(Serialize)]
struct Hostile;

impl<'de> Deserialize<'de> for Hostile {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Endless;
        impl<'de> Visitor<'de> for Endless {
            type Value = Hostile;
            fn expecting(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                formatter.write_str("no end")
            }
            fn visit_seq<A: SeqAccess<'de>>(self, mut access: A) -> Result<Hostile, A::Error> {
                loop {
                    access.next_element::<Vec<u8>>()?;
                }
            }
        }
        deserializer.deserialize_seq(Endless)
    }
}

#[test]
fn a_type_that_asks_for_ever_falls_back_to_its_name() {
    assert_eq!(Shape::of::<(Hostile, u8)>(BINARY), Shape::Named(type_name::<(Hostile, u8)>()));
}

#[test]
fn a_type_that_a_codec_cannot_decode_falls_back_to_its_name() {
    #[derive(Serialize, Deserialize)]
    #[serde(untagged)]
    enum Untagged {
        A(u8),
    }
    #[derive(Serialize, Deserialize)]
    struct Flattened {
        #[serde(flatten)]
        rest: HashMap<String, u8>,
    }
    assert_eq!(Trace::of::<Untagged>(BINARY), Err(Untraceable::NotPositional));
    assert_eq!(Trace::of::<Flattened>(BINARY), Err(Untraceable::NotPositional));
    assert_eq!(Shape::of::<Untagged>(BINARY), Shape::Named(type_name::<Untagged>()));
}

#[test]
fn what_comes_after_a_part_that_takes_nothing_is_not_guessed() {
    assert_eq!(Trace::of::<(Password, u8)>(BINARY), Err(Untraceable::Unanswered));
}

/// Counts warnings.
struct Warnings(Arc<AtomicUsize>);

impl tracing::Subscriber for Warnings {
    fn enabled(&self, metadata: &tracing::Metadata<'_>) -> bool {
        *metadata.level() == tracing::Level::WARN
    }
    fn new_span(&self, _: &tracing::span::Attributes<'_>) -> tracing::span::Id {
        tracing::span::Id::from_u64(1)
    }
    fn record(&self, _: &tracing::span::Id, _: &tracing::span::Record<'_>) {}
    fn record_follows_from(&self, _: &tracing::span::Id, _: &tracing::span::Id) {}
    fn event(&self, _: &tracing::Event<'_>) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
    fn enter(&self, _: &tracing::span::Id) {}
    fn exit(&self, _: &tracing::span::Id) {}
}

#[test]
fn a_fallback_is_said_once() {
    let count = Arc::new(AtomicUsize::new(0));
    tracing::subscriber::with_default(Warnings(Arc::clone(&count)), || {
        for _ in 0..3 {
            let _ = Shape::of::<(Password, u8, u16)>(TEXT);
        }
    });
    assert_eq!(count.load(Ordering::Relaxed), 1);
}
