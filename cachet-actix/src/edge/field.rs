//! How tags are written into fields.

use std::{borrow::Cow, fmt::Write as _};

use actix_web::http::header::{HeaderName, HeaderValue};
use cachet_core::Validator;

/// The longest tag at Fastly and Cloudflare.
const MOST_TAG_BYTES: usize = 1024;

/// The longest value of a line: half of what Varnish takes by default.
pub(super) const MOST_LINE_BYTES: usize = 4096;

/// A field that carries tags.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum TagField {
    SurrogateKey,
    CacheTag,
    Xkey,
    /// A structured list of strings (RFC 9875 §2).
    CacheGroups,
}

impl TagField {
    pub(super) fn name(self) -> HeaderName {
        HeaderName::from_static(match self {
            Self::SurrogateKey => "surrogate-key",
            Self::CacheTag => "cache-tag",
            Self::Xkey => "xkey",
            Self::CacheGroups => "cache-groups",
        })
    }

    fn separator(self) -> &'static str {
        match self {
            Self::SurrogateKey | Self::Xkey => " ",
            Self::CacheTag => ",",
            Self::CacheGroups => ", ",
        }
    }

    /// The lines that carry the tags.
    pub(super) fn values(self, tags: &[String]) -> impl Iterator<Item = HeaderValue> {
        let written = tags.iter().map(|tag| match self {
            // What has to be escaped in a structured string is escaped in every tag.
            Self::CacheGroups => Cow::Owned(format!("\"{}\"", escape(tag))),
            Self::SurrogateKey | Self::CacheTag | Self::Xkey => escape(tag),
        });
        lines(written, self.separator(), usize::MAX).into_iter().filter_map(|line| HeaderValue::try_from(line).ok())
    }
}

/// Joins members to lines of at most [`MOST_LINE_BYTES`] and `most` members.
pub(super) fn lines<'a>(members: impl Iterator<Item = Cow<'a, str>>, separator: &str, most: usize) -> Vec<String> {
    let (mut lines, mut count) = (Vec::<String>::new(), 0);
    for member in members {
        match lines.last_mut() {
            Some(line) if count < most && line.len() + separator.len() + member.len() <= MOST_LINE_BYTES => {
                line.push_str(separator);
                line.push_str(&member);
                count += 1;
            }
            _ => {
                lines.push(member.into_owned());
                count = 1;
            }
        }
    }
    lines
}

/// A tag in characters that no edge reads anything into.
pub(super) fn escape(tag: &str) -> Cow<'_, str> {
    let is_plain = |byte: u8| byte.is_ascii_graphic() && !b"%,\"\\".contains(&byte);
    let written = if tag.bytes().all(is_plain) {
        Cow::Borrowed(tag)
    } else {
        let mut written = String::with_capacity(tag.len() + 8);
        for byte in tag.bytes() {
            if is_plain(byte) {
                written.push(char::from(byte));
            } else {
                write!(written, "%{byte:02X}").expect("a string takes all");
            }
        }
        Cow::Owned(written)
    };
    if written.is_empty() || written.len() > MOST_TAG_BYTES {
        return Cow::Owned(Validator::of_bytes(tag.as_bytes()).to_string());
    }
    written
}

#[cfg(test)]
mod tests {
    use super::*;

    fn values(field: TagField, tags: &[&str]) -> Vec<String> {
        let tags: Vec<_> = tags.iter().map(ToString::to_string).collect();
        field.values(&tags).map(|value| value.to_str().expect("visible characters").to_owned()).collect()
    }

    #[test]
    fn each_field_has_its_separator() {
        let tags = ["product:7", "all"];
        assert_eq!(values(TagField::SurrogateKey, &tags), ["product:7 all"]);
        assert_eq!(values(TagField::Xkey, &tags), ["product:7 all"]);
        assert_eq!(values(TagField::CacheTag, &tags), ["product:7,all"]);
        assert_eq!(values(TagField::CacheGroups, &tags), ["\"product:7\", \"all\""]);
    }

    #[test]
    fn what_an_edge_would_read_something_into_is_escaped() {
        assert_eq!(escape("brand:acme & co, \"ltd\"\r\nx: y"), "brand:acme%20&%20co%2C%20%22ltd%22%0D%0Ax:%20y");
        assert_eq!(escape("grün"), "gr%C3%BCn");
        assert_ne!(escape("a b"), escape("a%20b"), "two tags stay two");
        assert_eq!(values(TagField::CacheGroups, &["a\"\\"]), ["\"a%22%5C\""]);
    }

    #[test]
    fn no_tag_is_empty_or_too_long() {
        let long = ["x".repeat(MOST_TAG_BYTES), "x".repeat(MOST_TAG_BYTES + 1), "y".repeat(MOST_TAG_BYTES + 1)];
        assert_eq!(escape(&long[0]), long[0]);
        assert!(escape(&long[1]).len() < 64 && !escape("").is_empty());
        assert_ne!(escape(&long[1]), escape(&long[2]));
    }

    #[test]
    fn lines_stay_below_their_bound_and_lose_nothing() {
        let tags: Vec<_> = (0..1000).map(|n| format!("product:{n}")).collect();
        for field in [TagField::SurrogateKey, TagField::CacheTag, TagField::CacheGroups] {
            let lines: Vec<_> = field.values(&tags).collect();
            assert!(lines.len() > 2 && lines.iter().all(|line| line.len() <= MOST_LINE_BYTES));
            let members = lines.iter().flat_map(|line| line.to_str().expect("text").split(field.separator()));
            assert_eq!(members.map(|member| member.trim_matches('"')).collect::<Vec<_>>(), tags);
        }
        assert_eq!(lines(["a", "b", "c"].map(Cow::from).into_iter(), " ", 2), ["a b", "c"]);
    }
}
