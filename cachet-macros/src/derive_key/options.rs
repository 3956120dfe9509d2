//! `#[cache_key(…)]`: which option may stand where, and in which form.

use proc_macro2::{Span, TokenStream, TokenTree};
use quote::ToTokens;
use syn::{
    Attribute, Expr, ExprLit, Ident, Lit, LitStr, Meta, Path, Token,
    ext::IdentExt as _,
    parse::{ParseStream, discouraged::Speculative as _},
};

use crate::errors::{Errors, did_you_mean};

/// Where a `#[cache_key(…)]` stands.
#[derive(Clone, Copy, PartialEq)]
pub(super) enum Place {
    Item,
    Variant,
    Field,
}

/// What the attributes of one place say. An option that may not stand there is never set.
#[derive(Default)]
pub(super) struct Options {
    pub(super) skip: bool,
    /// The function that writes the field.
    pub(super) with: Option<Expr>,
    pub(super) rename: Option<LitStr>,
    pub(super) krate: Option<Path>,
    /// Names of all options that were there, whether their values were good or not.
    given: Vec<String>,
}

impl Place {
    fn options(self) -> &'static [&'static str] {
        match self {
            Self::Item => &["crate"],
            Self::Variant => &["rename"],
            Self::Field => &["skip", "with"],
        }
    }

    fn takes(self) -> &'static str {
        match self {
            Self::Item => "; a type takes `crate`",
            Self::Variant => "; a variant takes `rename`",
            Self::Field => "; a field takes `skip` or `with`",
        }
    }

    /// What an attribute there could say.
    fn example(self) -> &'static str {
        match self {
            Self::Item => "write `#[cache_key(crate = renamed_core)]`",
            Self::Variant => "write `#[cache_key(rename = \"name\")]`",
            Self::Field => "write `#[cache_key(skip)]` or `#[cache_key(with = path::to::function)]`",
        }
    }
}

impl Options {
    pub(super) fn read(attributes: &[Attribute], place: Place, errors: &Errors) -> Self {
        let mut options = Self::default();
        for attribute in attributes.iter().filter(|attribute| attribute.path().is_ident("cache_key")) {
            options.attribute(attribute, place, errors);
        }
        options
    }

    fn attribute(&mut self, attribute: &Attribute, place: Place, errors: &Errors) {
        let read = match &attribute.meta {
            Meta::List(list) if !list.tokens.is_empty() => list.parse_args_with(|input: ParseStream<'_>| {
                self.list(input, place, errors);
                Ok(())
            }),
            Meta::NameValue(meta) => {
                Err(syn::Error::new_spanned(meta, format!("options stand in parentheses; {}", place.example())))
            }
            meta => Err(syn::Error::new_spanned(meta, format!("no option is given; {}", place.example()))),
        };
        if let Err(error) = read {
            errors.add(error);
        }
    }

    fn list(&mut self, input: ParseStream<'_>, place: Place, errors: &Errors) {
        while !input.is_empty() {
            if let Err(error) = self.option(input, place, errors) {
                errors.add(error);
                rest(input);
            }
            if !input.is_empty() && input.parse::<Token![,]>().is_err() {
                errors.at(input.span(), "expected `,` between two options");
                rest(input);
                let _comma: syn::Result<Token![,]> = input.parse();
            }
        }
    }

    fn option(&mut self, input: ParseStream<'_>, place: Place, errors: &Errors) -> syn::Result<()> {
        let name = input
            .call(Ident::parse_any)
            .map_err(|error| syn::Error::new(error.span(), format!("expected an option; {}", place.example())))?;
        let text = name.to_string();
        if let Some(mistake) = self.unwelcome(&text, place) {
            errors.at(name.span(), mistake);
            pass_value(input);
            return Ok(());
        }
        self.given.push(text.clone());
        match text.as_str() {
            "skip" => self.skip = flag(input, &text)?,
            "with" => self.with = Some(function(input, &name)?),
            "rename" => self.rename = Some(variant_name(input, &name)?),
            _ => self.krate = Some(path(input, &name)?),
        }
        Ok(())
    }

    /// Why an option cannot stand here, if so.
    fn unwelcome(&self, name: &str, place: Place) -> Option<String> {
        if !place.options().contains(&name) {
            return Some(misplaced(name, place).map_or_else(|| unknown(name, place), str::to_owned));
        }
        let given = |option: &str| self.given.iter().any(|given| given == option);
        if given(name) {
            Some(format!("`{name}` is given twice; keep one"))
        } else if given("skip") || given("with") {
            Some("a field that is left out is not written; keep `skip` or `with`".into())
        } else {
            None
        }
    }
}

fn unknown(name: &str, place: Place) -> String {
    let hint = did_you_mean(name, place.options().iter().copied());
    let hint = if hint.is_empty() { place.takes() } else { &hint };
    format!("unknown option `{name}`{hint}")
}

/// Why an option of another place makes no sense in this one.
fn misplaced(name: &str, place: Place) -> Option<&'static str> {
    Some(match (name, place) {
        ("skip", Place::Item) => "`skip` goes on a field; a type that is no key needs no derive",
        ("skip", Place::Variant) => "`skip` goes on a field; a variant is always part of the key",
        ("with", Place::Item) => "`with` goes on a field; write `impl CacheKey` by hand for a whole type",
        ("with", Place::Variant) => "`with` goes on a field; write it before each field of the variant that needs it",
        ("rename", Place::Item) => {
            "`rename` goes on a variant; the name of a type is no part of its key, so rename the type freely"
        }
        ("rename", Place::Field) => {
            "`rename` goes on a variant; the name of a field is no part of the key, so rename the field freely"
        }
        ("crate", Place::Variant | Place::Field) => {
            "`crate` goes on the type; write `#[cache_key(crate = …)]` before the `struct` or `enum`"
        }
        _ => return None,
    })
}

/// An option without a value.
fn flag(input: ParseStream<'_>, name: &str) -> syn::Result<bool> {
    let value = rest(input);
    if value.is_empty() {
        Ok(true)
    } else {
        Err(syn::Error::new_spanned(value, format!("`{name}` takes no value; write `{name}`")))
    }
}

/// The function behind `with =`.
fn function(input: ParseStream<'_>, option: &Ident) -> syn::Result<Expr> {
    const EXAMPLE: &str = "write `with = path::to::function`";
    let value = expression(input, option, EXAMPLE)?;
    let mistake = match &value {
        Expr::Path(_) => return Ok(value),
        Expr::Lit(ExprLit { lit: Lit::Str(text), .. }) => not_text(text, "with", EXAMPLE),
        Expr::Closure(_) => format!("`with` takes the path of a function, no closure; {EXAMPLE}"),
        Expr::Call(_) => "`with` takes a function, which the derive calls itself; leave its arguments out".into(),
        _ => format!("`with` takes the path of a function; {EXAMPLE}"),
    };
    Err(syn::Error::new_spanned(value, mistake))
}

/// The text behind `rename =`.
fn variant_name(input: ParseStream<'_>, option: &Ident) -> syn::Result<LitStr> {
    const EXAMPLE: &str = "write `rename = \"name\"`";
    let value = expression(input, option, EXAMPLE)?;
    let Expr::Lit(ExprLit { lit: Lit::Str(name), .. }) = &value else {
        return Err(syn::Error::new_spanned(value, format!("`rename` takes text; {EXAMPLE}")));
    };
    match name.value().chars().next() {
        None => Err(syn::Error::new_spanned(name, format!("an empty name; {EXAMPLE}"))),
        Some('0'..='9') => {
            let mistake = format!("a name that begins with a digit reads like the index of another variant; {EXAMPLE}");
            Err(syn::Error::new_spanned(name, mistake))
        }
        Some(_) => Ok(name.clone()),
    }
}

/// The path behind `crate =`.
fn path(input: ParseStream<'_>, option: &Ident) -> syn::Result<Path> {
    const EXAMPLE: &str = "write `crate = renamed_core`";
    equals(input, option, EXAMPLE)?;
    if let Ok(text) = input.fork().parse::<LitStr>() {
        return Err(syn::Error::new_spanned(&text, not_text(&text, "crate", EXAMPLE)));
    }
    let path = input.call(Path::parse_mod_style);
    path.map_err(|error| syn::Error::new(error.span(), format!("`crate` takes a path; {EXAMPLE}")))
}

/// Text where a path belongs, as other derives have it.
fn not_text(text: &LitStr, option: &str, example: &str) -> String {
    match text.parse::<Path>() {
        Ok(_) => format!("`{option}` takes a path, no text; write `{option} = {}`", text.value()),
        Err(_) => format!("`{option}` takes a path, no text; {example}"),
    }
}

fn expression(input: ParseStream<'_>, option: &Ident, example: &str) -> syn::Result<Expr> {
    equals(input, option, example)?;
    let unreadable = |place: Span| syn::Error::new(place, format!("`{option}` has an unreadable value; {example}"));
    let mut value = input.parse().map_err(|error: syn::Error| unreadable(error.span()))?;
    while let Expr::Group(group) = value {
        value = *group.expr;
    }
    Ok(value)
}

fn equals(input: ParseStream<'_>, option: &Ident, example: &str) -> syn::Result<()> {
    let ahead = input.fork();
    if ahead.parse::<Token![=]>().is_ok() && !ahead.is_empty() && !ahead.peek(Token![,]) {
        input.advance_to(&ahead);
        Ok(())
    } else {
        Err(syn::Error::new(option.span(), format!("`{option}` needs a value; {example}")))
    }
}

/// Passes over `= value` or `(…)` behind an option that is not read.
fn pass_value(input: ParseStream<'_>) {
    let ahead = input.fork();
    if ahead.parse::<Token![=]>().is_ok() && ahead.parse::<Expr>().is_ok() {
        input.advance_to(&ahead);
    } else {
        rest(input);
    }
}

/// Takes what is left before the next comma.
fn rest(input: ParseStream<'_>) -> TokenStream {
    let mut passed = TokenStream::new();
    while !input.is_empty() && !input.peek(Token![,]) {
        let Ok(token) = input.parse::<TokenTree>() else { break };
        token.to_tokens(&mut passed);
    }
    passed
}
