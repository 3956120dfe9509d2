//! The options of handlers: Cache-Control response directives, checked while the program compiles, and what goes with
//! them.

use syn::Expr;

use crate::errors::did_you_mean;

/// What `etag` says.
#[derive(Clone)]
pub(crate) enum Etag {
    Strong,
    Weak,
    /// A closure over the body, or the path of a function.
    By(Expr),
}

/// The parsed directives.
#[derive(Clone)]
pub(crate) struct Directives(Vec<Directive>);

#[derive(Clone)]
struct Directive {
    name: &'static str,
    value: Value,
}

#[derive(Clone, PartialEq)]
enum Value {
    None,
    Seconds(u64),
    /// The quoted list of field names that the directive is limited to.
    Fields(String),
}

/// What may stand behind a directive's name.
#[derive(Clone, Copy, PartialEq)]
enum Takes {
    Nothing,
    Seconds,
    /// Nothing, or quoted field names.
    Fields,
}

const KNOWN: [(&str, Takes); 14] = [
    ("public", Takes::Nothing),
    ("private", Takes::Fields),
    ("no-store", Takes::Nothing),
    ("no-cache", Takes::Fields),
    ("must-revalidate", Takes::Nothing),
    ("proxy-revalidate", Takes::Nothing),
    ("no-transform", Takes::Nothing),
    ("must-understand", Takes::Nothing),
    ("immutable", Takes::Nothing),
    ("max-age", Takes::Seconds),
    ("s-maxage", Takes::Seconds),
    ("stale-while-revalidate", Takes::Seconds),
    ("stale-if-error", Takes::Seconds),
    // Known to many, a directive of requests only: it gets a message of its own.
    ("only-if-cached", Takes::Nothing),
];

/// Pairs that say the opposite of each other, with the reason. Qualified directives (`private="x-user"`) are exempt.
const CONTRADICTIONS: [(&str, &str, &str); 12] = [
    ("public", "private", "a response is for everyone or for one client"),
    ("private", "s-maxage", "`s-maxage` speaks to shared caches, which `private` keeps out"),
    ("private", "proxy-revalidate", "`proxy-revalidate` speaks to shared caches, which `private` keeps out"),
    ("no-store", "public", "what may not be stored has no other rules of storing"),
    ("no-store", "max-age", "what may not be stored has no age"),
    ("no-store", "s-maxage", "what may not be stored has no age"),
    ("no-store", "immutable", "what may not be stored has no age"),
    ("no-store", "stale-while-revalidate", "what may not be stored is never stale"),
    ("no-store", "stale-if-error", "what may not be stored is never stale"),
    ("no-cache", "stale-while-revalidate", "`no-cache` forbids to serve it without asking"),
    ("must-revalidate", "stale-while-revalidate", "`must-revalidate` forbids to serve it stale"),
    ("must-revalidate", "stale-if-error", "`must-revalidate` forbids to serve it stale"),
];

/// The greatest delta-seconds that every cache understands (RFC 9111 §1.2.2).
const MOST_SECONDS: u64 = 1 << 31;

impl Directives {
    /// Reads the directives. On mistakes it gives all of them.
    pub(crate) fn parse(text: &str) -> Result<Self, Vec<String>> {
        let mut directives = Self(Vec::new());
        let mut mistakes = Vec::new();
        for item in split(text) {
            match Directive::parse(item) {
                Ok(directive) if directives.has(directive.name) => {
                    mistakes.push(format!("`{}` is given twice; keep one", directive.name));
                }
                Ok(directive) => directives.0.push(directive),
                Err(mistake) => mistakes.push(mistake),
            }
        }
        if directives.0.is_empty() && mistakes.is_empty() {
            mistakes.push("no directive; write the response's Cache-Control, such as \"public, max-age=30\"".into());
        }
        mistakes.extend(directives.contradictions());
        if mistakes.is_empty() { Ok(directives) } else { Err(mistakes) }
    }

    /// Reads the directives of `CDN-Cache-Control` (RFC 9213 §3.1). Written as this module does, they are a dictionary of
    /// structured fields as well: keys in lower case, integers, strings, and a bare key for true.
    pub(crate) fn parse_targeted(text: &str) -> Result<Self, Vec<String>> {
        let directives = Self::parse(text)?;
        let shared = [("s-maxage", "max-age"), ("proxy-revalidate", "must-revalidate")];
        let mistakes: Vec<_> = shared
            .into_iter()
            .filter(|(name, _)| directives.has(name))
            .map(|(name, instead)| {
                format!("`{name}` sets shared caches apart, and only such read this field; write `{instead}`")
            })
            .collect();
        if mistakes.is_empty() { Ok(directives) } else { Err(mistakes) }
    }

    /// Whether a shared cache is told to keep the response.
    pub(crate) fn is_for_everyone(&self) -> bool {
        self.has("public") || self.has("s-maxage")
    }

    pub(crate) fn says_private(&self) -> bool {
        self.has_whole("private")
    }

    /// Whether no shared cache may keep the response.
    pub(crate) fn keeps_shared_caches_out(&self) -> bool {
        self.has_whole("private") || self.has_whole("no-store")
    }

    /// The directives as they go out: lower case, one space after each comma.
    pub(crate) fn text(&self) -> String {
        self.0.iter().map(Directive::text).collect::<Vec<_>>().join(", ")
    }

    pub(crate) fn has(&self, name: &str) -> bool {
        self.0.iter().any(|directive| directive.name == name)
    }

    pub(crate) fn seconds(&self, name: &str) -> Option<u64> {
        self.0.iter().find(|directive| directive.name == name).and_then(|directive| match directive.value {
            Value::Seconds(seconds) => Some(seconds),
            Value::None | Value::Fields(_) => None,
        })
    }

    fn contradictions(&self) -> Vec<String> {
        // RFC 9111 §5.2.2.3: caches that understand the status ignore a `no-store` beside `must-understand`.
        let hedged = self.has("must-understand");
        CONTRADICTIONS
            .iter()
            .filter(|(first, second, _)| self.has_whole(first) && self.has_whole(second))
            .filter(|(first, ..)| !(hedged && *first == "no-store"))
            .map(|(first, second, why)| format!("`{first}` contradicts `{second}`: {why}; keep one"))
            .collect()
    }

    /// Whether the directive is there and not limited to some fields.
    fn has_whole(&self, name: &str) -> bool {
        self.0.iter().any(|directive| directive.name == name && !matches!(directive.value, Value::Fields(_)))
    }
}

impl Directive {
    fn parse(item: &str) -> Result<Self, String> {
        let (written, value) = match item.split_once('=') {
            Some((name, value)) => (name.trim_end(), Some(value.trim_start())),
            None => (item, None),
        };
        let name = written.to_ascii_lowercase();
        let Some((name, takes)) = KNOWN.into_iter().find(|(known, _)| *known == name) else {
            let hint = did_you_mean(written, KNOWN.map(|(known, _)| known));
            return Err(format!("unknown Cache-Control directive `{written}`{hint}"));
        };
        if name == "only-if-cached" {
            return Err("`only-if-cached` is a directive of requests; leave it out".into());
        }
        Ok(Self { name, value: Value::parse(name, takes, value)? })
    }

    fn text(&self) -> String {
        let name = self.name;
        match &self.value {
            Value::None => name.to_owned(),
            Value::Seconds(seconds) => format!("{name}={seconds}"),
            Value::Fields(fields) => format!("{name}=\"{fields}\""),
        }
    }
}

impl Value {
    fn parse(name: &str, takes: Takes, value: Option<&str>) -> Result<Self, String> {
        match (takes, value) {
            (Takes::Nothing | Takes::Fields, None) => Ok(Self::None),
            (Takes::Nothing, Some(_)) => Err(format!("`{name}` takes no value; write `{name}`")),
            (Takes::Seconds, None) => Err(format!("`{name}` needs seconds; write `{name}=60`")),
            (Takes::Seconds, Some(value)) => seconds(name, value),
            (Takes::Fields, Some(value)) => fields(name, value),
        }
    }
}

fn seconds(name: &str, value: &str) -> Result<Value, String> {
    let bare = value.trim_matches('"');
    let is_number = !bare.is_empty() && bare.bytes().all(|byte| byte.is_ascii_digit());
    if !is_number {
        return Err(format!("`{name}={value}` is no number of whole seconds; write `{name}=60`"));
    }
    if bare.len() != value.len() {
        return Err(format!("`{name}` has a quoted number, which caches may ignore; write `{name}={bare}`"));
    }
    match bare.parse() {
        Ok(seconds) if seconds <= MOST_SECONDS => Ok(Value::Seconds(seconds)),
        _ => Err(format!("`{name}={value}` is more than caches understand; write at most {MOST_SECONDS}")),
    }
}

fn fields(name: &str, value: &str) -> Result<Value, String> {
    let inside = value.strip_prefix('"').and_then(|rest| rest.strip_suffix('"'));
    let Some(inside) = inside else {
        return Err(format!("`{name}` takes quoted field names only; write `{name}` or `{name}=\"set-cookie\"`"));
    };
    let names: Vec<&str> = inside.split(',').map(str::trim).collect();
    if names.iter().any(|name| name.is_empty() || !name.bytes().all(is_token)) {
        return Err(format!("`{name}={value}` does not list field names; write `{name}=\"set-cookie\"`"));
    }
    Ok(Value::Fields(names.join(", ")))
}

/// The name of a request's field in lower case, or why it is none that `vary` could have.
pub(crate) fn field_name(written: &str) -> Result<String, String> {
    let name = written.to_ascii_lowercase();
    match name.as_str() {
        "*" => Err("`*` names no field, so there is nothing to store by; write the fields, or remove `http`".into()),
        "accept-encoding" => Err("content codings are seen to without it; remove it".into()),
        name if name.is_empty() || !name.bytes().all(is_token) => {
            Err(format!("`{written}` is no name of a request's field; write `vary = [\"accept-language\"]`"))
        }
        _ => Ok(name),
    }
}

/// A `tchar` of RFC 9110 §5.6.2.
fn is_token(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte)
}

/// The list's members, empty ones left out; a comma in quotes parts nothing.
fn split(text: &str) -> impl Iterator<Item = &str> {
    let mut quoted = false;
    text.split(move |c| {
        quoted ^= c == '"';
        c == ',' && !quoted
    })
    .map(str::trim)
    .filter(|item| !item.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn directives_are_normalised() {
        for (written, goes_out) in [
            ("public, max-age=30", "public, max-age=30"),
            (" Public ,MAX-AGE = 030,, ", "public, max-age=30"),
            ("private=\"Set-Cookie,X-A\", s-maxage=5", "private=\"Set-Cookie, X-A\", s-maxage=5"),
            ("must-understand, no-store, max-age=5", "must-understand, no-store, max-age=5"),
            ("private=\"x-user\", public", "private=\"x-user\", public"),
        ] {
            let directives = Directives::parse(written).unwrap_or_else(|mistakes| panic!("{written}: {mistakes:?}"));
            assert_eq!(directives.text(), goes_out);
        }
    }

    #[test]
    fn every_mistake_says_what_to_write() {
        for (written, says) in [
            ("", "no directive"),
            ("publik", "did you mean `public`?"),
            ("max_age=5", "did you mean `max-age`?"),
            ("public, private", "`public` contradicts `private`"),
            ("no-store, max-age=5", "`no-store` contradicts `max-age`"),
            ("max-age=5, must-revalidate, stale-if-error=9", "contradicts `stale-if-error`"),
            ("max-age=\"5\"", "write `max-age=5`"),
            ("max-age", "write `max-age=60`"),
            ("max-age=", "no number"),
            ("max-age=-1", "no number"),
            ("max-age=1.5", "no number"),
            ("max-age=99999999999999999999", "at most 2147483648"),
            ("public=1", "takes no value"),
            ("private=x", "quoted field names only"),
            ("private=\"\"", "does not list"),
            ("private=\"a b\"", "does not list"),
            ("max-age=1, max-age=2", "given twice"),
            ("only-if-cached", "directive of requests"),
        ] {
            let mistakes = Directives::parse(written).err().expect(written).join("\n");
            assert!(mistakes.contains(says), "{written}: {mistakes}");
        }
    }

    #[test]
    fn what_speaks_to_shared_caches_alone_has_no_words_for_them() {
        for (written, says) in [
            ("s-maxage=5", "write `max-age`"),
            ("public, proxy-revalidate", "write `must-revalidate`"),
            ("max-agee=5", "did you mean `max-age`?"),
            ("no-store, max-age=5", "contradicts"),
        ] {
            let mistakes = Directives::parse_targeted(written).err().expect(written).join("\n");
            assert!(mistakes.contains(says), "{written}: {mistakes}");
        }
        let targeted = Directives::parse_targeted("Max-Age=3600, must-revalidate").ok();
        assert_eq!(targeted.expect("it is sound").text(), "max-age=3600, must-revalidate");
    }

    #[test]
    fn a_field_of_vary_is_a_name() {
        assert_eq!(field_name("Accept-Language"), Ok("accept-language".into()));
        for (written, says) in
            [("*", "names no field"), ("Accept-Encoding", "remove it"), ("", "no name"), ("a b", "no name")]
        {
            let mistake = field_name(written).expect_err(written);
            assert!(mistake.contains(says), "{written}: {mistake}");
        }
    }

    #[test]
    fn all_mistakes_are_found_at_once() {
        let mistakes = Directives::parse("publik, max-age, no-store, immutable").err().expect("it is full of mistakes");
        assert_eq!(mistakes.len(), 3, "{mistakes:?}");
    }
}
