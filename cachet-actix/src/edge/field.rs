//! How tags are written into fields.

use std::{borrow::Cow, collections::HashSet, fmt::Write as _};

use actix_web::http::header::{HeaderMap, HeaderName, HeaderValue};
use cachet_core::Validator;

/// The longest tag at Fastly and Cloudflare.
const MOST_TAG_BYTES: usize = 1024;

/// The longest value of a line: half of what Varnish takes by default (`http_resp_hdr_len`).
pub(super) const MOST_LINE_BYTES: usize = 4096;

/// What Fastly and Cloudflare read of a field in all: 16 KB, by either meaning. The lines of Varnish's answer have room
/// for twice that (`http_resp_size`).
const MOST_BYTES: usize = 16_000;

/// The most tags of an answer at Cloudflare.
const MOST_CACHE_TAGS: usize = 1000;

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

    /// What parts the members of a line that somebody else wrote.
    fn separates(self) -> char {
        match self {
            Self::SurrogateKey | Self::Xkey => ' ',
            Self::CacheTag | Self::CacheGroups => ',',
        }
    }

    /// Of Fastly's field there is one line, since only one is heeded.
    fn most_line_bytes(self) -> usize {
        match self {
            Self::SurrogateKey => MOST_BYTES,
            Self::CacheTag | Self::Xkey | Self::CacheGroups => MOST_LINE_BYTES,
        }
    }

    /// The lines that carry the tags, each once, behind those that are there; `None` where it is more than edges read.
    pub(super) fn values(self, headers: &HeaderMap, tags: &[String]) -> Option<Vec<HeaderValue>> {
        let there = headers.get_all(self.name()).filter_map(|line| line.to_str().ok());
        let there = there.flat_map(|line| line.split(self.separates())).map(str::trim);
        let added = tags.iter().map(|tag| match self {
            // What has to be escaped in a structured string is escaped in every tag.
            Self::CacheGroups => Cow::Owned(format!("\"{}\"", escape(tag))),
            Self::SurrogateKey | Self::CacheTag | Self::Xkey => escape(tag),
        });
        let mut known = HashSet::new();
        let members: Vec<_> = there.filter(|member| !member.is_empty()).map(Cow::Borrowed).chain(added).collect();
        let distinct: Vec<_> = members.into_iter().filter(|member| known.insert(member.clone())).collect();
        if self == Self::CacheTag && distinct.len() > MOST_CACHE_TAGS {
            return None;
        }
        let lines = lines(distinct.into_iter(), self.separator(), usize::MAX, self.most_line_bytes());
        let fits = lines.iter().map(|line| line.len() + self.separator().len()).sum::<usize>() <= MOST_BYTES;
        fits.then(|| lines.into_iter().filter_map(|line| HeaderValue::try_from(line).ok()).collect())
    }
}

/// Joins members to lines of at most `most` of them and, with the separators, so many bytes.
pub(super) fn lines<'a>(
    members: impl Iterator<Item = Cow<'a, str>>,
    separator: &str,
    most: usize,
    most_bytes: usize,
) -> Vec<String> {
    let (mut lines, mut count) = (Vec::<String>::new(), 0);
    for member in members {
        match lines.last_mut() {
            Some(line) if count < most && line.len() + separator.len() + member.len() <= most_bytes => {
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
        let values = field.values(&HeaderMap::new(), &tags).expect("they fit");
        values.iter().map(|value| value.to_str().expect("visible characters").to_owned()).collect()
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
        for (field, least) in
            [(TagField::SurrogateKey, 1), (TagField::Xkey, 3), (TagField::CacheTag, 3), (TagField::CacheGroups, 3)]
        {
            let lines = field.values(&HeaderMap::new(), &tags).expect("they fit");
            assert!(lines.len() >= least && lines.iter().all(|line| line.len() <= field.most_line_bytes()));
            assert!(field != TagField::SurrogateKey || lines.len() == 1, "Fastly heeds one");
            let members = lines.iter().flat_map(|line| line.to_str().expect("text").split(field.separator()));
            assert_eq!(members.map(|member| member.trim_matches('"')).collect::<Vec<_>>(), tags);
        }
        assert_eq!(lines(["a", "b", "c"].map(Cow::from).into_iter(), " ", 2, 100), ["a b", "c"]);
    }

    #[test]
    fn what_is_there_already_counts_and_is_written_once() {
        let mut headers = HeaderMap::new();
        headers.append(TagField::CacheGroups.name(), HeaderValue::from_static("\"a\",  \"b\""));
        headers.append(TagField::CacheGroups.name(), HeaderValue::from_static("\"c\""));
        let tags = ["b", "d", "d"].map(str::to_owned);
        let values = TagField::CacheGroups.values(&headers, &tags).expect("they fit");
        assert_eq!(values, ["\"a\", \"b\", \"c\", \"d\""]);
    }

    #[test]
    fn what_no_edge_would_read_does_not_fit() {
        let tags = |count: usize, length: usize| (0..count).map(|n| format!("{n:0length$}")).collect::<Vec<_>>();
        for field in [TagField::SurrogateKey, TagField::Xkey, TagField::CacheTag] {
            assert!(field.values(&HeaderMap::new(), &tags(15, 1000)).is_some());
            assert!(field.values(&HeaderMap::new(), &tags(16, 1000)).is_none());
        }
        assert!(TagField::CacheTag.values(&HeaderMap::new(), &tags(1001, 4)).is_none());
        assert!(TagField::Xkey.values(&HeaderMap::new(), &tags(1001, 4)).is_some());
    }
}
