use std::{collections::BTreeMap, fmt::Debug};

use serde::{Deserialize, Serialize};

use super::*;

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
enum Node {
    Leaf(Option<u64>),
    Text { text: String, bytes: Vec<u8> },
    Branch(Box<Node>, Vec<Node>),
    Named(BTreeMap<String, (char, bool, f64)>),
    End,
}

fn node() -> Node {
    let text = Node::Text { text: "a text of some length".into(), bytes: vec![0, 1, 255] };
    let named = Node::Named([("ä".to_owned(), ('ß', true, 0.1 + 0.2)), (String::new(), ('\0', false, -1.0))].into());
    Node::Branch(Box::new(text), vec![Node::Leaf(Some(u64::MAX)), named, Node::Leaf(None), Node::End])
}

fn codecs<S: Serialize + serde::de::DeserializeOwned>() -> [Codec<S>; 3] {
    [Codec::bincode(), Codec::postcard(), Codec::json()]
}

/// A generator that gives the same numbers in every run (xorshift64).
struct Random(u64);

impl Random {
    fn below(&mut self, end: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 >> 33).unwrap_or_default() % end
    }

    fn byte(&mut self) -> u8 {
        u8::try_from(self.below(256)).unwrap_or_default()
    }
}

#[test]
fn a_value_comes_back_as_it_was() {
    for codec in codecs::<Node>() {
        let bytes = (codec.encode)(&node()).expect("it can be encoded");
        assert_eq!(bytes.capacity(), bytes.len(), "{}", codec.name);
        assert_eq!((codec.decode)(&bytes), Ok(node()), "{}", codec.name);
    }
}

#[test]
fn a_large_value_leaves_no_large_buffer_behind() {
    for codec in codecs::<String>() {
        for value in ["x".repeat(MAX_SCRATCH * 2), "y".to_owned()] {
            let bytes = (codec.encode)(&value).expect("it can be encoded");
            assert_eq!((codec.decode)(&bytes), Ok(value));
        }
    }
}

#[test]
fn bytes_after_the_value_are_an_error() {
    for codec in codecs::<(u8, String)>() {
        let bytes = (codec.encode)(&(1, "x".into())).expect("it can be encoded");
        assert!((codec.decode)(&[&bytes[..], b"0"].concat()).is_err(), "{}", codec.name);
    }
}

#[test]
fn damaged_bytes_never_panic() {
    let mut random = Random(0x9E37_79B9_7F4A_7C15);
    for codec in codecs::<Node>() {
        let whole = (codec.encode)(&node()).expect("it can be encoded");
        for len in 0..whole.len() {
            assert!((codec.decode)(&whole[..len]).is_err(), "{} cut off at {len}", codec.name);
        }
        for bit in 0..whole.len() * 8 {
            let mut bytes = whole.clone();
            bytes[bit / 8] ^= 1 << (bit % 8);
            let _ = (codec.decode)(&bytes);
        }
        for _ in 0..20_000 {
            let bytes: Vec<u8> = (0..random.below(64)).map(|_| random.byte()).collect();
            let _ = (codec.decode)(&bytes);
        }
    }
}

#[test]
fn no_room_is_made_for_a_lie() {
    let lie = [1, 253, 255, 255, 255, 255, 255, 255, 255, 127];
    assert!((Codec::<(u8, String)>::bincode().decode)(&lie).is_err());
    assert!((Codec::<(u8, Vec<u64>)>::bincode().decode)(&lie).is_err());
    let lie = [1, 255, 255, 255, 255, 255, 255, 255, 255, 127];
    assert!((Codec::<(u8, String)>::postcard().decode)(&lie).is_err());
    assert!((Codec::<(u8, Vec<u64>)>::postcard().decode)(&lie).is_err());
}

#[test]
fn elements_that_take_no_bytes_end() {
    let many = [253, 255, 255, 255, 255, 255, 255, 255, 127];
    assert!((Codec::<Vec<()>>::bincode().decode)(&many).is_err());
    let many = [255, 255, 255, 255, 255, 255, 255, 255, 127];
    assert!((Codec::<Vec<()>>::postcard().decode)(&many).is_err());
    for codec in codecs::<Vec<()>>() {
        let bytes = (codec.encode)(&vec![(); 1000]).expect("it can be encoded");
        assert_eq!((codec.decode)(&bytes).map(|units| units.len()), Ok(1000), "{}", codec.name);
    }
}

#[test]
fn a_body_of_levels_does_not_exhaust_the_stack() {
    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    struct List {
        next: Option<Box<List>>,
    }
    assert!((Codec::<List>::bincode().decode)(&vec![1; 1 << 20]).is_err());
    assert!((Codec::<List>::postcard().decode)(&vec![1; 1 << 20]).is_err());
    assert!((Codec::<serde_json::Value>::json().decode)(&vec![b'['; 1 << 20]).is_err());
    for codec in codecs::<List>() {
        let list = (0..40).fold(List { next: None }, |inner, _| List { next: Some(Box::new(inner)) });
        let bytes = (codec.encode)(&list).expect("it can be encoded");
        assert_eq!((codec.decode)(&bytes), Ok(list), "{}", codec.name);
    }
}

#[test]
fn json_takes_what_describes_itself() {
    #[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
    #[serde(tag = "kind")]
    enum Tagged {
        A { x: u8 },
        B,
    }
    #[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
    #[serde(untagged)]
    enum Untagged {
        Number(u64),
        Text(String),
    }
    #[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
    struct All {
        #[serde(skip_serializing_if = "Option::is_none")]
        none: Option<u8>,
        tagged: Vec<Tagged>,
        untagged: Vec<Untagged>,
        #[serde(flatten)]
        rest: BTreeMap<String, u8>,
    }
    let all = All {
        none: None,
        tagged: vec![Tagged::A { x: 1 }, Tagged::B],
        untagged: vec![Untagged::Number(1), Untagged::Text("x".into())],
        rest: [("a".to_owned(), 1)].into(),
    };
    let codec = Codec::<All>::json();
    assert_eq!((codec.decode)(&(codec.encode)(&all).expect("it can be encoded")), Ok(all.clone()));
    for codec in [Codec::<All>::bincode(), Codec::postcard()] {
        let error = (codec.encode)(&all).expect_err("it has a map without a length").to_string();
        assert!(error.contains("codec = \"json\""), "{error}");
    }
}

#[test]
fn floats_keep_every_bit() {
    let mut random = Random(1);
    let codec = Codec::<f64>::json();
    for _ in 0..10_000 {
        let value = f64::from(random.byte()) / (1.0 + f64::from(random.byte())) * 1e-7;
        assert_eq!((codec.decode)(&(codec.encode)(&value).expect("it can be encoded")), Ok(value));
    }
}

#[test]
fn an_error_never_shows_contents() {
    fn error<S: Debug>(codec: &Codec<S>, bytes: &[u8]) -> String {
        let error = (codec.decode)(bytes).expect_err("it is something else");
        format!("{error} {error:?}")
    }
    #[derive(Debug, Serialize, Deserialize)]
    enum Door {
        Open,
    }
    for codec in codecs::<Door>() {
        assert!(!error(&codec, b"\"secret\"").contains("secret"), "{}", codec.name);
    }
    assert!(!error(&Codec::<u8>::json(), b"\"secret\"").contains("secret"));
}
