//! Content codings (RFC 9110 §8.4.1): which of them a client takes, and the encoding itself.

use std::sync::OnceLock;

use actix_web::http::header::{ACCEPT_ENCODING, HeaderMap, HeaderValue};
use bytes::Bytes;

use crate::validators::EntityTag;

/// Bodies below this many bytes are sent as they are: the fields that a coding adds, and the work at the other end, are
/// worth more than what it saves.
const LEAST_BYTES: usize = 1024;

/// A content coding other than `identity`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Coding {
    #[cfg(feature = "brotli")]
    Brotli,
    #[cfg(feature = "zstd")]
    Zstd,
    #[cfg(feature = "gzip")]
    Gzip,
}

/// How many codings there are, whether they are built in or not.
pub(crate) const MOST_CODINGS: usize = 3;

impl Coding {
    /// The codings that are built in. Of those that a client likes as well, the first one is taken: a stored body is
    /// encoded once and sent often, so the smallest one is worth its time.
    pub(crate) const ALL: &'static [Self] = &[
        #[cfg(feature = "brotli")]
        Self::Brotli,
        #[cfg(feature = "zstd")]
        Self::Zstd,
        #[cfg(feature = "gzip")]
        Self::Gzip,
    ];

    /// Its name in `Accept-Encoding` and `Content-Encoding`.
    pub(crate) fn name(self) -> &'static str {
        match self {
            #[cfg(feature = "brotli")]
            Self::Brotli => "br",
            #[cfg(feature = "zstd")]
            Self::Zstd => "zstd",
            #[cfg(feature = "gzip")]
            Self::Gzip => "gzip",
        }
    }

    /// The entity tag of the content in this coding: a strong one of its own, while a weak one is all codings' (RFC 9110
    /// §8.8.3.3).
    pub(crate) fn tag(self, plain: &EntityTag) -> Option<EntityTag> {
        if plain.is_weak() {
            return Some(plain.clone());
        }
        let tag = plain.as_header_value().as_bytes().strip_suffix(b"\"")?;
        EntityTag::from_field(&HeaderValue::try_from([tag, self.suffix().as_bytes(), b"\""].concat()).ok()?)
    }

    /// What tells the tag of this representation from the others'.
    fn suffix(self) -> &'static str {
        match self {
            #[cfg(feature = "brotli")]
            Self::Brotli => "-br",
            #[cfg(feature = "zstd")]
            Self::Zstd => "-zst",
            #[cfg(feature = "gzip")]
            Self::Gzip => "-gz",
        }
    }

    /// Its place among a body's encoded forms.
    pub(crate) fn index(self) -> usize {
        match self {
            #[cfg(feature = "brotli")]
            Self::Brotli => 0,
            #[cfg(feature = "zstd")]
            Self::Zstd => 1,
            #[cfg(feature = "gzip")]
            Self::Gzip => 2,
        }
    }

    /// The encoded body; `None` where that is no smaller.
    fn encode(self, body: &[u8]) -> Option<Bytes> {
        let encoded = self.encode_any(body);
        (encoded.len() < body.len()).then(|| encoded.into())
    }

    #[cfg_attr(
        not(any(feature = "gzip", feature = "brotli", feature = "zstd")),
        expect(unused_variables, reason = "no coding is there to encode it")
    )]
    fn encode_any(self, body: &[u8]) -> Vec<u8> {
        match self {
            #[cfg(feature = "brotli")]
            Self::Brotli => brotli_encoded(body),
            #[cfg(feature = "zstd")]
            Self::Zstd => zstd_encoded(body),
            #[cfg(feature = "gzip")]
            Self::Gzip => gzip_encoded(body),
        }
    }
}

/// The encoded forms of one body, each made when the first client asks for it; `None` for one that is no smaller.
#[derive(Debug, Default)]
pub(crate) struct Encoded([OnceLock<Option<Bytes>>; MOST_CODINGS]);

impl Encoded {
    /// The form, if it was asked for before.
    pub(crate) fn known(&self, coding: Coding) -> Option<&Option<Bytes>> {
        self.0[coding.index()].get()
    }

    /// The form, made of `body` unless it is there.
    pub(crate) fn of(&self, coding: Coding, body: &[u8]) -> Option<Bytes> {
        self.0[coding.index()].get_or_init(|| coding.encode(body)).clone()
    }
}

#[cfg(feature = "gzip")]
fn gzip_encoded(body: &[u8]) -> Vec<u8> {
    use std::io::Write as _;
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    encoder.write_all(body).and_then(|()| encoder.finish()).expect("a vector takes every byte")
}

#[cfg(feature = "zstd")]
fn zstd_encoded(body: &[u8]) -> Vec<u8> {
    // Level 9 needs a window of at most 4 MiB, of the 8 that every client has (RFC 9659). What the library refuses is sent
    // as it is.
    zstd::bulk::compress(body, 9).unwrap_or_else(|_| body.to_vec())
}

#[cfg(feature = "brotli")]
fn brotli_encoded(body: &[u8]) -> Vec<u8> {
    // Quality 5 is the highest whose time is near gzip's; the window of 4 MiB is the largest body.
    let parameters =
        brotli::enc::BrotliEncoderParams { quality: 5, lgwin: 22, size_hint: body.len(), ..Default::default() };
    let mut encoded = Vec::new();
    brotli::BrotliCompress(&mut &*body, &mut encoded, &parameters).expect("a vector takes every byte");
    encoded
}

/// Whether a body is worth encoding: long enough, and of a type that is text in some form.
pub(crate) fn is_worth_encoding(content_type: Option<&str>, bytes: usize) -> bool {
    const BEFORE: [&str; 11] = [
        "application/javascript",
        "application/json",
        "application/json-seq",
        "application/manifest+json",
        "application/wasm",
        "application/x-ndjson",
        "application/xml",
        "font/otf",
        "font/ttf",
        "image/bmp",
        "image/svg+xml",
    ];
    let Some(content_type) = content_type else { return false };
    let essence = content_type.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    // An event stream is read piece by piece, and is no text to be kept whole.
    let is_text = essence.starts_with("text/") && essence != "text/event-stream";
    let is_structured = essence.ends_with("+json") || essence.ends_with("+xml");
    bytes >= LEAST_BYTES && (is_text || is_structured || BEFORE.contains(&essence.as_str()))
}

/// Which codings a client takes, and how gladly (RFC 9110 §12.5.3).
#[derive(Debug, Default)]
pub(crate) struct Accepted<'a> {
    /// Names with their weights in thousandths; `*` among them.
    members: Vec<(&'a [u8], u16)>,
}

impl<'a> Accepted<'a> {
    /// Reads the field, over all of its lines. Malformed members are passed over: they name no coding.
    pub(crate) fn of(headers: &'a HeaderMap) -> Self {
        let mut members = Vec::new();
        for line in headers.get_all(ACCEPT_ENCODING) {
            members.extend(line.as_bytes().split(|&byte| byte == b',').filter_map(member));
        }
        Self { members }
    }

    /// The coding of the answer; `None` for the body as it is, which also those get who take nothing that we have.
    pub(crate) fn best(&self) -> Option<Coding> {
        let weighed = Coding::ALL.iter().map(|&coding| (coding, self.weight(coding.name()).unwrap_or(0)));
        // The first of equals is kept, which `max_by_key` would not do.
        let (best, weight) = weighed.fold(None, |best: Option<(Coding, u16)>, (coding, weight)| {
            if best.is_none_or(|(_, least)| weight > least) { Some((coding, weight)) } else { best }
        })?;
        let is_wanted = weight > 0 && self.named("identity").is_none_or(|identity| weight >= identity);
        is_wanted.then_some(best)
    }

    /// Whether an intermediary, or a middleware, could encode what we send as it is.
    pub(crate) fn any(&self) -> bool {
        self.members.iter().any(|(name, weight)| *weight > 0 && !name.eq_ignore_ascii_case(b"identity"))
    }

    /// Whether the client takes a coding, ours or another's.
    pub(crate) fn takes(&self, coding: &str) -> bool {
        self.weight(coding).is_some_and(|weight| weight > 0)
    }

    fn weight(&self, coding: &str) -> Option<u16> {
        self.named(coding).or_else(|| self.named("*"))
    }

    fn named(&self, coding: &str) -> Option<u16> {
        // RFC 9110 §8.4.1.3: `x-gzip` is `gzip`.
        let is_named = |name: &[u8]| {
            name.eq_ignore_ascii_case(coding.as_bytes()) || (coding == "gzip" && name.eq_ignore_ascii_case(b"x-gzip"))
        };
        self.members.iter().find(|(name, _)| is_named(name)).map(|(_, weight)| *weight)
    }
}

fn member(text: &[u8]) -> Option<(&[u8], u16)> {
    let mut parts = text.split(|&byte| byte == b';').map(<[u8]>::trim_ascii);
    let name = parts.next().filter(|name| !name.is_empty())?;
    let weight = match parts.next() {
        None => 1000,
        Some(parameter) => {
            let (name, value) = std::str::from_utf8(parameter).ok()?.split_once('=')?;
            if !name.trim_ascii().eq_ignore_ascii_case("q") {
                return None;
            }
            thousandths(value.trim_ascii())?
        }
    };
    parts.next().is_none().then_some((name, weight))
}

/// A `qvalue` of RFC 9110 §12.4.2: from 0 to 1 with at most three digits behind the point.
fn thousandths(text: &str) -> Option<u16> {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    if fraction.len() > 3 || !fraction.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let digits = fraction.bytes().map(|digit| u16::from(digit - b'0')).chain([0; 3]).take(3);
    let fraction = digits.fold(0, |number, digit| number * 10 + digit);
    match (whole, fraction) {
        ("0", fraction) => Some(fraction),
        ("1", 0) => Some(1000),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[cfg(all(feature = "gzip", feature = "brotli", feature = "zstd"))]
    fn best(lines: &[&'static str]) -> Option<&'static str> {
        let mut headers = HeaderMap::new();
        for line in lines {
            headers.append(ACCEPT_ENCODING, HeaderValue::from_static(line));
        }
        Accepted::of(&headers).best().map(Coding::name)
    }

    #[test]
    #[cfg(all(feature = "gzip", feature = "brotli", feature = "zstd"))]
    fn the_coding_is_chosen_as_section_12_5_3_says() {
        for (lines, expected) in [
            (&[][..], None),
            (&[""], None),
            (&["gzip"], Some("gzip")),
            (&["GZip"], Some("gzip")),
            (&["x-gzip"], Some("gzip")),
            (&["gzip, deflate, br, zstd"], Some("br")),
            (&["gzip, zstd"], Some("zstd")),
            (&["gzip;q=1.0, br;q=0.5"], Some("gzip")),
            (&["gzip;q=0.5", "br;q=0.4, zstd ; q=0.501"], Some("zstd")),
            (&["br;q=0, *"], Some("zstd")),
            (&["*"], Some("br")),
            (&["*;q=0"], None),
            (&["identity"], None),
            (&["identity;q=0, gzip;q=0.1"], Some("gzip")),
            (&["identity;q=0"], None),
            (&["identity;q=0.5, gzip;q=0.4"], None),
            (&["identity;q=0.5, gzip;q=0.5"], Some("gzip")),
            (&["gzip;q=0"], None),
            (&["deflate, compress"], None),
            // What is malformed names nothing.
            (&["gzip;q=2"], None),
            (&["gzip;q=0.0001"], None),
            (&["gzip;q="], None),
            (&["gzip;level=1"], None),
            (&["gzip;q=-1, br;q=0.1"], Some("br")),
            (&[",, ;q=1,gzip,"], Some("gzip")),
        ] {
            assert_eq!(best(lines), expected, "{lines:?}");
        }
    }

    #[test]
    fn text_in_any_form_is_worth_encoding() {
        for (content_type, is_worth) in [
            ("text/html; charset=utf-8", true),
            ("Application/JSON", true),
            ("application/problem+json", true),
            ("image/svg+xml", true),
            ("text/event-stream", false),
            ("image/png", false),
            ("application/zip", false),
            ("application/octet-stream", false),
        ] {
            assert_eq!(is_worth_encoding(Some(content_type), LEAST_BYTES), is_worth, "{content_type}");
            assert!(!is_worth_encoding(Some(content_type), LEAST_BYTES - 1), "it is short");
        }
        assert!(!is_worth_encoding(None, LEAST_BYTES));
    }

    #[test]
    fn what_does_not_shrink_is_left_as_it_is() {
        let noise: Vec<u8> = std::iter::repeat_with(|| fastrand::u8(..)).take(4096).collect();
        for coding in Coding::ALL {
            assert_eq!(coding.encode(&noise), None, "{coding:?}");
            assert!(coding.encode(&[b'a'; 4096]).is_some_and(|encoded| encoded.len() < 100), "{coding:?}");
        }
    }
}
