//! Entity tags (RFC 9110 §8.8.3): minted, read and compared.

use std::{borrow::Cow, fmt};

use actix_web::http::header::HeaderValue;
use cachet_core::Validator;

/// An entity tag (RFC 9110 §8.8.3).
///
/// It is made from anything that names a version: text, a number, a content hash. Text that consists of `A-Z`, `a-z`,
/// `0-9`, `_` and `-` is taken as it is; any other text, the empty one included, is replaced by its hash, so that no
/// version makes a tag that a client or proxy would stumble over.
///
/// ```
/// use cachet_actix::EntityTag;
///
/// assert_eq!(EntityTag::from("v42").to_string(), r#""v42""#);
/// assert_eq!(EntityTag::weak("v42").to_string(), r#"W/"v42""#);
/// assert_eq!(EntityTag::from(42_u64), EntityTag::from("42"));
/// assert_eq!(EntityTag::from("a, \"b\"").to_string().len(), 24);
/// ```
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct EntityTag(HeaderValue);

impl EntityTag {
    /// A tag of a representation that is the same octet by octet as long as the tag is.
    pub fn strong(version: &str) -> Self {
        Self::write("", version)
    }

    /// A tag of representations that are as good as each other, though they may differ in their octets.
    pub fn weak(version: &str) -> Self {
        Self::write("W/", version)
    }

    /// Whether the tag is weak.
    pub fn is_weak(&self) -> bool {
        self.tag().weak
    }

    /// The tag as a field value.
    pub fn as_header_value(&self) -> &HeaderValue {
        &self.0
    }

    /// The tag of an `ETag` field that somebody else wrote; `None` if it is not one.
    pub(crate) fn from_field(value: &HeaderValue) -> Option<Self> {
        let (_, rest) = Tag::read(value.as_bytes())?;
        rest.is_empty().then(|| Self(value.clone()))
    }

    pub(crate) fn tag(&self) -> Tag<'_> {
        let (weak, quoted) = Tag::weakness(self.0.as_bytes());
        let opaque = quoted.strip_prefix(b"\"").and_then(|inside| inside.strip_suffix(b"\""));
        Tag { weak, opaque: opaque.expect("every constructor makes a well-formed tag") }
    }

    fn write(prefix: &str, version: &str) -> Self {
        let field = format!("{prefix}\"{}\"", token(version));
        Self(HeaderValue::try_from(field).expect("a token in quotes is a field value"))
    }
}

/// The version itself where it can stand in a tag, else its hash.
fn token(version: &str) -> Cow<'_, str> {
    let fits =
        !version.is_empty() && version.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-'));
    if fits { version.into() } else { Validator::of_bytes(version.as_bytes()).to_string().into() }
}

impl fmt::Display for EntityTag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&String::from_utf8_lossy(self.0.as_bytes()))
    }
}

impl fmt::Debug for EntityTag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "EntityTag({self})")
    }
}

impl From<&str> for EntityTag {
    fn from(version: &str) -> Self {
        Self::strong(version)
    }
}

impl From<String> for EntityTag {
    fn from(version: String) -> Self {
        Self::strong(&version)
    }
}

impl From<Validator> for EntityTag {
    fn from(hash: Validator) -> Self {
        Self::strong(&hash.to_string())
    }
}

macro_rules! from_number {
    ($($number:ty),*) => {$(
        impl From<$number> for EntityTag {
            fn from(version: $number) -> Self {
                Self::strong(&version.to_string())
            }
        }
    )*};
}

from_number!(u32, u64, i32, i64);

/// A tag where it stands in a field value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Tag<'a> {
    pub(crate) weak: bool,
    pub(crate) opaque: &'a [u8],
}

impl<'a> Tag<'a> {
    /// Reads the tag that `text` begins with, and gives what follows it.
    fn read(text: &'a [u8]) -> Option<(Self, &'a [u8])> {
        let (weak, quoted) = Self::weakness(text);
        let inside = quoted.strip_prefix(b"\"")?;
        let (opaque, rest) = inside.split_at(inside.iter().position(|&byte| !is_tag_character(byte))?);
        Some((Self { weak, opaque }, rest.strip_prefix(b"\"")?))
    }

    /// Whether a tag is weak, and what follows. `W` is case-sensitive.
    fn weakness(text: &'a [u8]) -> (bool, &'a [u8]) {
        text.strip_prefix(b"W/").map_or((false, text), |quoted| (true, quoted))
    }

    /// Whether two tags name the same state.
    pub(crate) fn equals(self, other: Tag<'_>, comparison: Comparison) -> bool {
        let both_strong = !self.weak && !other.weak;
        self.opaque == other.opaque && (both_strong || comparison == Comparison::Weak)
    }

    /// Whether a client's tag names the state that ours does: by our very tag, or by that of the same content in
    /// another coding (RFC 9110 §8.8.3.3).
    pub(crate) fn names(self, ours: Tag<'_>, comparison: Comparison) -> bool {
        let same_content = is_coded(self.opaque, ours.opaque) || is_coded(ours.opaque, self.opaque);
        let opaque = if same_content { ours.opaque } else { self.opaque };
        Tag { opaque, ..self }.equals(ours, comparison)
    }
}

/// How tags of one content in different codings end: ours, and those that proxies make of ours when they encode it.
const CODINGS: [&[u8]; 6] = [b"-gz", b"-gzip", b"-br", b"-zst", b"-zstd", b"-deflate"];

/// So long is the text of a content hash.
const HASH_LENGTH: usize = 22;

/// Whether one tag is another with a coding. Only content hashes are asked: of the version `home-pt` the version
/// `home-pt-br` is no coding.
fn is_coded(tag: &[u8], plain: &[u8]) -> bool {
    let coding = tag.strip_prefix(plain).filter(|_| plain.len() == HASH_LENGTH);
    coding.is_some_and(|coding| CODINGS.contains(&coding))
}

/// The comparisons of RFC 9110 §8.8.3.2.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Comparison {
    /// The tags are the same and both strong.
    Strong,
    /// The tags are the same, weak or not.
    Weak,
}

/// `etagc`: any visible character but the quote, and `obs-text`. There is no escape, so a comma or a backslash stands
/// for itself.
fn is_tag_character(byte: u8) -> bool {
    matches!(byte, 0x21 | 0x23..=0x7E | 0x80..=0xFF)
}

/// What `If-Match` and `If-None-Match` list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Member<'a> {
    /// `*`
    Any,
    Tag(Tag<'a>),
    /// Anything else, up to the next comma.
    Malformed,
}

/// The members of a list in one field line; empty ones are passed over (RFC 9110 §5.6.1.2).
pub(crate) struct Members<'a>(&'a [u8]);

impl<'a> Members<'a> {
    pub(crate) fn of(line: &'a HeaderValue) -> Self {
        Self(line.as_bytes())
    }
}

impl<'a> Iterator for Members<'a> {
    type Item = Member<'a>;

    fn next(&mut self) -> Option<Member<'a>> {
        let start = self.0.iter().position(|byte| !matches!(byte, b',' | b' ' | b'\t'))?;
        let text = &self.0[start..];
        let (member, rest) = match (text.strip_prefix(b"*"), Tag::read(text)) {
            (Some(rest), _) => (Member::Any, rest),
            (None, Some((tag, rest))) => (Member::Tag(tag), rest),
            (None, None) => (Member::Malformed, text),
        };
        let end = rest.iter().position(|&byte| byte == b',').unwrap_or(rest.len());
        self.0 = &rest[end..];
        Some(if rest[..end].trim_ascii().is_empty() { member } else { Member::Malformed })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn members(line: &[u8]) -> Vec<String> {
        let line = HeaderValue::from_bytes(line).expect("a field value");
        Members::of(&line)
            .map(|member| match member {
                Member::Any => "any".to_owned(),
                Member::Malformed => "malformed".to_owned(),
                Member::Tag(Tag { weak, opaque }) => {
                    format!("{}{}", if weak { "W " } else { "" }, String::from_utf8_lossy(opaque))
                }
            })
            .collect()
    }

    #[test]
    fn a_list_of_tags_is_read_as_section_5_6_1_and_8_8_3_say() {
        let vectors: [(&[u8], &[&str]); 16] = [
            (b"\"a\"", &["a"]),
            (b"\"a\", W/\"b\" , \"c\"", &["a", "W b", "c"]),
            // A comma inside a tag is part of it.
            (b"\"a,b\", \"c\"", &["a,b", "c"]),
            // Empty members and tabs.
            (b", ,\t\"a\"\t,,\"b\",", &["a", "b"]),
            // A backslash is no escape.
            (br#""a\", "b""#, &[r"a\", "b"]),
            (b"\"\"", &[""]),
            ("\"\u{e9}\"".as_bytes(), &["\u{e9}"]),
            (b"*", &["any"]),
            (b"", &[]),
            (b" , ,", &[]),
            // `W` is case-sensitive, and nothing stands between it and the tag.
            (b"w/\"a\", \"b\"", &["malformed", "b"]),
            (b"W/ \"a\"", &["malformed"]),
            (b"abc, \"b\"", &["malformed", "b"]),
            (b"\"a\"b, \"c\"", &["malformed", "c"]),
            (b"\"never closed", &["malformed"]),
            (b"*a, *", &["malformed", "any"]),
        ];
        for (line, expected) in vectors {
            assert_eq!(members(line), expected, "{}", String::from_utf8_lossy(line));
        }
    }

    #[test]
    fn tags_compare_as_the_table_of_section_8_8_3_2_says() {
        let (w1, w2, s1) = (EntityTag::weak("1"), EntityTag::weak("2"), EntityTag::strong("1"));
        for (first, second, strongly, weakly) in
            [(&w1, &w1, false, true), (&w1, &w2, false, false), (&w1, &s1, false, true), (&s1, &s1, true, true)]
        {
            assert_eq!(first.tag().equals(second.tag(), Comparison::Strong), strongly, "{first} {second}");
            assert_eq!(first.tag().equals(second.tag(), Comparison::Weak), weakly, "{first} {second}");
        }
    }

    #[test]
    fn the_tag_of_another_coding_names_the_same_content() {
        let hash = "0123456789abcdefghij-_";
        for (listed, current, strongly, weakly) in [
            (EntityTag::strong(&format!("{hash}-gz")), EntityTag::strong(hash), true, true),
            (EntityTag::strong(hash), EntityTag::strong(&format!("{hash}-br")), true, true),
            (EntityTag::weak(&format!("{hash}-gzip")), EntityTag::strong(hash), false, true),
            // Each of these is another representation, and neither is the content's own.
            (EntityTag::strong(&format!("{hash}-gz")), EntityTag::strong(&format!("{hash}-br")), false, false),
            (EntityTag::strong(&format!("{hash}-x")), EntityTag::strong(hash), false, false),
            // Versions, and no hashes.
            (EntityTag::strong("home-pt-br"), EntityTag::strong("home-pt"), false, false),
        ] {
            let names = |comparison| listed.tag().names(current.tag(), comparison);
            assert_eq!(names(Comparison::Strong), strongly, "{listed} {current}");
            assert_eq!(names(Comparison::Weak), weakly, "{listed} {current}");
        }
        let made = EntityTag::from(Validator::of_bytes(b"content"));
        assert_eq!(made.tag().opaque.len(), HASH_LENGTH);
    }

    #[test]
    fn a_version_that_cannot_stand_in_a_tag_is_hashed() {
        for version in ["", "a b", "a\"b", "é", "a,b", "\r\nx: y"] {
            let tag = EntityTag::strong(version);
            assert_eq!(tag.tag().opaque.len(), 22, "{version:?}");
            assert!(!tag.is_weak());
        }
        assert_ne!(EntityTag::strong("a b"), EntityTag::strong("a c"));
    }

    #[test]
    fn a_field_that_is_not_one_tag_is_none() {
        for (field, is_tag) in [("\"a\"", true), ("W/\"a\"", true), ("a", false), ("\"a\", \"b\"", false), ("*", false)]
        {
            assert_eq!(EntityTag::from_field(&HeaderValue::from_static(field)).is_some(), is_tag, "{field}");
        }
    }
}
