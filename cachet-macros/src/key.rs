//! Templates of `key` and `tags`: text with `{name}`, `{name.field}` or `{name.method()}` in it.

use quote::ToTokens;
use syn::{Ident, LitStr, Member};

/// Text with places in it.
#[derive(Clone)]
pub(crate) struct Template {
    pub(crate) literal: LitStr,
    pub(crate) parts: Vec<Part>,
}

/// One stretch of a template.
#[derive(Clone)]
pub(crate) enum Part {
    Text(String),
    Place(Place),
}

/// An argument, or a part of one.
#[derive(Clone)]
pub(crate) struct Place {
    pub(crate) argument: String,
    pub(crate) fields: Vec<Step>,
}

/// From a value to a part of it.
#[derive(Clone)]
pub(crate) enum Step {
    Field(Member),
    /// A method without arguments.
    Method(Ident),
}

impl ToTokens for Step {
    fn to_tokens(&self, tokens: &mut proc_macro2::TokenStream) {
        tokens.extend(match self {
            Self::Field(member) => quote::quote!(.#member),
            Self::Method(name) => quote::quote!(.#name()),
        });
    }
}

/// Each of these is escaped wherever it occurs in a text value of a key, so it parts two values for certain.
const SEPARATORS: &str = ":/|@#;=&?! ";

impl Template {
    pub(crate) fn parse(literal: &LitStr) -> Result<Self, String> {
        let text = literal.value();
        let mut parts = Vec::new();
        let mut rest = text.as_str();
        while !rest.is_empty() {
            let (part, after) = next_part(rest, literal)?;
            parts.push(part);
            rest = after;
        }
        Ok(Self { literal: literal.clone(), parts })
    }

    pub(crate) fn places(&self) -> impl Iterator<Item = &Place> {
        self.parts.iter().filter_map(|part| match part {
            Part::Place(place) => Some(place),
            Part::Text(_) => None,
        })
    }

    /// The template as a format string, with a `{}` for each place.
    pub(crate) fn format(&self) -> String {
        let part = |part: &Part| match part {
            Part::Text(text) => text.replace('{', "{{").replace('}', "}}"),
            Part::Place(_) => "{}".to_owned(),
        };
        self.parts.iter().map(part).collect()
    }

    /// The text of a template without places.
    pub(crate) fn text(&self) -> String {
        let part = |part: &Part| match part {
            Part::Text(text) => text.clone(),
            Part::Place(_) => String::new(),
        };
        self.parts.iter().map(part).collect()
    }

    pub(crate) fn mentions(&self, argument: &str) -> bool {
        self.places().any(|place| place.argument == argument)
    }

    /// Whether two values could run together: `{a}{b}` writes `12` for both `1, 2` and `12, ""`.
    pub(crate) fn is_ambiguous(&self) -> bool {
        let mut parted = true;
        self.parts.iter().any(|part| match part {
            Part::Text(text) => {
                parted |= text.contains(|c| SEPARATORS.contains(c));
                false
            }
            Part::Place(_) => !std::mem::replace(&mut parted, false),
        })
    }
}

impl ToTokens for Template {
    fn to_tokens(&self, tokens: &mut proc_macro2::TokenStream) {
        self.literal.to_tokens(tokens);
    }
}

fn next_part<'a>(text: &'a str, literal: &LitStr) -> Result<(Part, &'a str), String> {
    for brace in ["{{", "}}"] {
        if let Some(rest) = text.strip_prefix(brace) {
            return Ok((Part::Text(brace[1..].into()), rest));
        }
    }
    if let Some(rest) = text.strip_prefix('{') {
        let (inside, rest) = rest.split_once('}').ok_or("`{` is never closed; write `{name}`, or `{{` for a brace")?;
        return Ok((Part::Place(place(inside, literal)?), rest));
    }
    if text.starts_with('}') {
        return Err("`}` closes nothing; write `}}` for a brace".into());
    }
    let (plain, rest) = text.split_at(text.find(['{', '}']).unwrap_or(text.len()));
    Ok((Part::Text(plain.into()), rest))
}

fn place(inside: &str, literal: &LitStr) -> Result<Place, String> {
    let inside = inside.trim();
    if inside.is_empty() {
        return Err("`{}` names no argument; write `{name}`".into());
    }
    if inside.contains(':') {
        return Err(format!(
            "`{{{inside}}}` has a format, which a template cannot; write `{{name}}` or `{{name.field}}`"
        ));
    }
    let mut names = inside.split('.').map(str::trim);
    let argument = names.next().unwrap_or_default();
    let argument = argument.strip_prefix("r#").unwrap_or(argument);
    let fields: Option<Vec<Step>> = names.map(|name| step(name, literal)).collect();
    match fields {
        Some(fields) if is_identifier(argument) => Ok(Place { argument: argument.into(), fields }),
        _ => Err(format!("`{{{inside}}}` is no argument; write `{{name}}`, `{{name.field}}` or `{{name.method()}}`")),
    }
}

fn step(name: &str, literal: &LitStr) -> Option<Step> {
    if let Some(method) = name.strip_suffix("()").map(str::trim_end) {
        return (method != "self" && is_identifier(method)).then(|| Step::Method(identifier(method, literal)));
    }
    member(name, literal).map(Step::Field)
}

fn member(name: &str, literal: &LitStr) -> Option<Member> {
    let is_number = !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_digit());
    if is_number {
        let index = name.parse().ok()?;
        return Some(Member::Unnamed(syn::Index { index, span: literal.span() }));
    }
    (name != "self" && is_identifier(name)).then(|| Member::Named(identifier(name, literal)))
}

/// A name in a template is written without `r#`, whatever word it is.
fn identifier(name: &str, literal: &LitStr) -> Ident {
    syn::parse_str::<Ident>(name).map_or_else(
        |_| Ident::new_raw(name, literal.span()),
        |mut ident| {
            ident.set_span(literal.span());
            ident
        },
    )
}

/// Keywords are identifiers here, `self` among them; those four cannot be raw identifiers, so they are no names at all.
fn is_identifier(name: &str) -> bool {
    if name == "self" {
        return true;
    }
    let never = ["Self", "super", "crate", "_"].contains(&name);
    !never && (syn::parse_str::<Ident>(name).is_ok() || syn::parse_str::<Ident>(&format!("r#{name}")).is_ok())
}

#[cfg(test)]
mod tests {
    use proc_macro2::Span;

    use super::*;

    fn parse(text: &str) -> Result<Template, String> {
        Template::parse(&LitStr::new(text, Span::call_site()))
    }

    fn shape(text: &str) -> String {
        let template = parse(text).expect(text);
        let part = |part: &Part| match part {
            Part::Text(text) => text.clone(),
            Part::Place(place) => format!("<{}+{}>", place.argument, place.fields.len()),
        };
        template.parts.iter().map(part).collect()
    }

    #[test]
    fn places_and_text_come_apart() {
        assert_eq!(shape("products"), "products");
        assert_eq!(shape("product:{id}"), "product:<id+0>");
        assert_eq!(shape("{ id }:{user.lang}/{pair.0.name}"), "<id+0>:<user+1>/<pair+2>");
        assert_eq!(shape("{{{id}}}"), "{<id+0>}");
        assert_eq!(shape("{type.match}"), "<type+1>");
        assert_eq!(shape("{self.region()}:{name.len()}"), "<self+1>:<name+1>");
        assert_eq!(shape(""), "");
    }

    #[test]
    fn every_mistake_says_what_to_write() {
        for (text, says) in [
            ("{id", "never closed"),
            ("id}", "closes nothing"),
            ("{}", "names no argument"),
            ("{id:?}", "has a format"),
            ("{0}", "is no argument"),
            ("{id.}", "is no argument"),
            ("{a b}", "is no argument"),
            ("{id.self}", "is no argument"),
            ("{id.len(1)}", "is no argument"),
            ("{id.99999999999}", "is no argument"),
        ] {
            let message = parse(text).err().expect(text);
            assert!(message.contains(says), "{text}: {message}");
        }
    }

    #[test]
    fn values_that_could_run_together_are_noticed() {
        for (text, ambiguous) in [
            ("{a}{b}", true),
            ("{a}-{b}", true),
            ("{a},{b}", true),
            ("{a}:{b}", false),
            ("{a} x {b}", false),
            ("x{a}y", false),
        ] {
            assert_eq!(parse(text).expect(text).is_ambiguous(), ambiguous, "{text}");
        }
    }
}
