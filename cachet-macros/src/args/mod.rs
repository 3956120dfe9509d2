//! The tokens between the parentheses of `#[cached(…)]`, as values that know their place.
//!
//! A mistake in one option is noted and the reading goes on with the next one.

mod mentions;
mod values;

use proc_macro2::{Span, TokenStream, TokenTree};
use quote::ToTokens;
use syn::{
    Expr, Ident, LitStr, Path, Token,
    ext::IdentExt as _,
    parse::{ParseStream, Parser as _, discouraged::Speculative as _},
    token,
};

pub(crate) use self::values::{Codec, ErrorTtl, Tiers};
use crate::{
    duration,
    errors::{self, Errors, did_you_mean},
    http::{Directives, Etag},
    key::Template,
};

/// The options of this release, each with an example of its use.
const OPTIONS: [(&str, &str); 30] = [
    ("ttl", "ttl = \"5m\""),
    ("tier", "tier = \"memory,redis\""),
    ("key", "key = \"{id}\""),
    ("skip", "skip(db)"),
    ("name", "name = \"product\""),
    ("capacity", "capacity = 10_000"),
    ("max_bytes", "max_bytes = \"64 MiB\""),
    ("weight", "weight = |value| value.len()"),
    ("version", "version = 2"),
    ("negative_ttl", "negative_ttl = \"10s\""),
    ("memory_ttl", "memory_ttl = \"30s\""),
    ("tags", "tags = [\"products\"]"),
    ("jitter", "jitter = 0.1"),
    ("stale", "stale = \"1m\""),
    ("stale_if_error", "stale_if_error = \"1h\""),
    ("early", "early = 1.0"),
    ("timeout", "timeout = \"500ms\""),
    ("error_ttl", "error_ttl = \"10s\""),
    ("when", "when = |value| value.is_public"),
    ("ttl_of", "ttl_of = |value| value.max_age"),
    ("codec", "codec = \"json\""),
    ("on_outage", "on_outage = \"stale\""),
    ("batch", "batch = ids"),
    ("associated", "associated"),
    ("http", "http = \"public, max-age=30\""),
    ("cdn", "cdn = \"max-age=3600\""),
    ("vary", "vary = [\"accept-language\"]"),
    ("etag", "etag = \"weak\""),
    ("handle", "handle = product_cache"),
    ("crate", "crate = renamed_core"),
];

/// What other caches call an option, where the spelling leads nowhere or astray.
const ELSEWHERE: [(&str, &str); 16] = [
    ("time", "ttl"),
    ("ttl_secs", "ttl"),
    ("ttl_millis", "ttl"),
    ("time_to_live", "ttl"),
    ("expire", "ttl"),
    ("expires", "ttl"),
    ("max_age", "ttl"),
    ("size", "capacity"),
    ("max_size", "capacity"),
    ("max_capacity", "capacity"),
    ("max_entries", "capacity"),
    ("ignore", "skip"),
    ("exclude", "skip"),
    ("convert", "key"),
    ("condition", "when"),
    ("stale_while_revalidate", "stale"),
];

/// An option's value beside the place where it was written.
pub(crate) struct Given<T> {
    pub(crate) value: T,
    /// The value's tokens.
    pub(crate) written: TokenStream,
}

/// How long something lives.
#[derive(Clone)]
pub(crate) enum Lifetime {
    Known(std::time::Duration),
    /// An expression of type `Duration`.
    Computed(Expr),
}

/// What `key` says.
#[derive(Clone)]
pub(crate) enum KeySource {
    Template(Template),
    Expression(Expr),
}

/// What a call does that the shared tier should answer, and cannot.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum OnOutage {
    Load,
    Stale,
    Fail,
}

/// The options as they were written.
#[derive(Default)]
pub(crate) struct Args {
    pub(crate) ttl: Option<Given<Lifetime>>,
    pub(crate) tier: Option<Given<Tiers>>,
    pub(crate) key: Option<Given<KeySource>>,
    pub(crate) skip: Vec<Ident>,
    pub(crate) name: Option<Given<LitStr>>,
    pub(crate) capacity: Option<Given<u64>>,
    pub(crate) max_bytes: Option<Given<u64>>,
    pub(crate) weight: Option<Given<Expr>>,
    pub(crate) version: Option<Given<u64>>,
    pub(crate) negative_ttl: Option<Given<Lifetime>>,
    pub(crate) memory_ttl: Option<Given<Lifetime>>,
    pub(crate) tags: Vec<Template>,
    pub(crate) http: Option<Given<Directives>>,
    pub(crate) cdn: Option<Given<Directives>>,
    /// Names of fields in lower case.
    pub(crate) vary: Vec<String>,
    pub(crate) etag: Option<Given<Etag>>,
    pub(crate) jitter: Option<Given<f64>>,
    pub(crate) stale: Option<Given<Lifetime>>,
    pub(crate) stale_if_error: Option<Given<Lifetime>>,
    pub(crate) early: Option<Given<f64>>,
    pub(crate) timeout: Option<Given<Lifetime>>,
    pub(crate) error_ttl: Option<Given<ErrorTtl>>,
    pub(crate) when: Option<Given<Expr>>,
    pub(crate) ttl_of: Option<Given<Expr>>,
    pub(crate) codec: Option<Given<Codec>>,
    pub(crate) on_outage: Option<Given<OnOutage>>,
    pub(crate) batch: Option<Ident>,
    /// The function stands in an `impl` block, which its tokens alone do not tell.
    pub(crate) associated: bool,
    pub(crate) handle: Option<Ident>,
    pub(crate) krate: Option<Path>,
    /// Names of all options that were there, whether their values were good or not.
    mentioned: Vec<Ident>,
    /// A misspelt `ttl`, or a value without a name, so that the missing one is no mistake of its own.
    seems_to_have_ttl: bool,
}

impl Args {
    pub(crate) fn parse(tokens: TokenStream, errors: &Errors) -> Self {
        let mut args = Self::default();
        let read = |input: ParseStream<'_>| {
            args.read(input, errors);
            Ok(())
        };
        if let Err(error) = read.parse2(tokens) {
            errors.add(error);
        }
        args
    }

    pub(crate) fn mentions(&self, option: &str) -> bool {
        self.mentioned_at(option).is_some()
    }

    pub(crate) fn seems_to_have_ttl(&self) -> bool {
        self.seems_to_have_ttl || self.mentions("ttl")
    }

    /// Where an option's name stands.
    pub(crate) fn mentioned_at(&self, option: &str) -> Option<Span> {
        self.mentioned.iter().find(|name| *name == option).map(Ident::span)
    }

    fn read(&mut self, input: ParseStream<'_>, errors: &Errors) {
        while !input.is_empty() {
            if let Err(error) = self.option(input, errors) {
                errors.add(error);
                skip_to_comma(input);
            }
            if !input.is_empty() && input.parse::<Token![,]>().is_err() {
                errors.at(input.span(), "expected `,` between two options");
                skip_unless_option(input);
            }
        }
    }

    fn option(&mut self, input: ParseStream<'_>, errors: &Errors) -> syn::Result<()> {
        if !input.peek(Ident::peek_any) {
            self.seems_to_have_ttl = true;
            return Err(input.error("expected an option; write its name, such as `ttl = \"5m\"`"));
        }
        let name = input.call(Ident::parse_any)?;
        let text = name.to_string();
        if let Some(mistake) = self.unwelcome(&text) {
            errors.at(name.span(), mistake);
            let meant = elsewhere(&text).or_else(|| errors::closest(&text, option_names()));
            self.seems_to_have_ttl |= meant == Some("ttl");
            skip_value(input);
            return Ok(());
        }
        self.mentioned.push(name.clone());
        match text.as_str() {
            "skip" => self.skip.extend(values::names(input, &name)?),
            "crate" => self.krate = Some(values::path(input, &name)?),
            "associated" => {
                values::flag(input, &name)?;
                self.associated = true;
            }
            "error_ttl" => self.error_ttl = values::error_ttl(input, &name, errors)?,
            _ => self.assign(&text, &values::expression(input, &name)?, errors),
        }
        Ok(())
    }

    /// Why an option cannot stand here, if so.
    fn unwelcome(&self, name: &str) -> Option<String> {
        if OPTIONS.iter().all(|(known, _)| *known != name) {
            let hint = elsewhere(name).map(|meant| format!("; write `{}`", example(meant)));
            let hint = hint.unwrap_or_else(|| did_you_mean(name, option_names()));
            Some(format!("unknown option `{name}`{hint}"))
        } else {
            self.mentions(name).then(|| format!("`{name}` is given twice; keep one"))
        }
    }

    fn assign(&mut self, name: &str, value: &Expr, errors: &Errors) {
        match name {
            "ttl" => self.ttl = values::lifetime(name, value, errors),
            "tier" => self.tier = values::tiers(value, errors),
            "key" => self.key = values::key(value, errors),
            "name" => self.name = values::name(value, errors),
            "capacity" => self.capacity = values::capacity(value, errors),
            "max_bytes" => self.max_bytes = values::max_bytes(value, errors),
            "version" => self.version = values::version(value, errors),
            "negative_ttl" => self.negative_ttl = values::lifetime(name, value, errors),
            "memory_ttl" => self.memory_ttl = values::lifetime(name, value, errors),
            "tags" => self.tags = values::tags(value, errors),
            "http" => self.http = values::directives(name, value, Directives::parse, errors),
            "cdn" => self.cdn = values::directives(name, value, Directives::parse_targeted, errors),
            "vary" => self.vary = values::vary(value, errors),
            "etag" => self.etag = values::etag(value, errors),
            "jitter" => self.jitter = values::jitter(value, errors),
            "stale" => self.stale = values::lifetime(name, value, errors),
            "stale_if_error" => self.stale_if_error = values::lifetime(name, value, errors),
            "early" => self.early = values::early(value, errors),
            "timeout" => self.timeout = values::deadline(name, value, errors),
            "when" => self.when = values::closure(name, value, errors),
            "ttl_of" => self.ttl_of = values::closure(name, value, errors),
            "weight" => self.weight = values::closure(name, value, errors),
            "codec" => self.codec = values::codec(value, errors),
            "on_outage" => self.on_outage = values::on_outage(value, errors),
            "batch" => self.batch = values::batch(value, errors),
            _ => self.handle = values::handle(value, errors),
        }
    }
}

impl KeySource {
    /// Whether an argument is part of the key.
    pub(crate) fn mentions(&self, argument: &Ident) -> bool {
        match self {
            Self::Template(template) => template.mentions(&argument.unraw().to_string()),
            Self::Expression(expression) => mentions::mentions(expression.to_token_stream(), argument),
        }
    }
}

impl<T> Given<T> {
    fn new(value: T, written: impl ToTokens) -> Self {
        Self { value, written: written.into_token_stream() }
    }
}

fn option_names() -> impl Iterator<Item = &'static str> {
    OPTIONS.iter().map(|(name, _)| *name)
}

/// The option that another cache calls so.
fn elsewhere(name: &str) -> Option<&'static str> {
    ELSEWHERE.iter().find(|(other, _)| *other == name).map(|(_, ours)| *ours)
}

/// How an option is written.
fn example(option: &str) -> &'static str {
    OPTIONS.iter().find(|(name, _)| *name == option).map_or("ttl = \"5m\"", |(_, example)| example)
}

/// Passes over `= value` or `(…)` of an option that is not read.
fn skip_value(input: ParseStream<'_>) {
    let ahead = input.fork();
    if ahead.parse::<Token![=]>().is_ok() && ahead.parse::<Expr>().is_ok() {
        input.advance_to(&ahead);
    } else if input.peek(token::Paren) {
        let _group: syn::Result<TokenTree> = input.parse();
    } else {
        skip_to_comma(input);
    }
}

fn skip_unless_option(input: ParseStream<'_>) {
    if !input.peek(Ident::peek_any) {
        skip_to_comma(input);
        let _comma: syn::Result<Token![,]> = input.parse();
    }
}

fn skip_to_comma(input: ParseStream<'_>) {
    while !input.is_empty() && !input.peek(Token![,]) {
        let _skipped: syn::Result<TokenTree> = input.parse();
    }
}

/// The duration of a literal, with the option's name before the mistake.
fn known(option: &str, read: Result<std::time::Duration, String>) -> Result<Lifetime, String> {
    read.map(Lifetime::Known).map_err(|mistake| format!("`{option}`: {mistake}"))
}
