//! One option's expression as its value.

use proc_macro2::Group;
use syn::{
    Expr, ExprLit, ExprUnary, Ident, Lit, LitInt, LitStr, Pat, Path, Token, UnOp,
    ext::IdentExt as _,
    parse::{Parse, ParseStream, Parser as _},
    punctuated::Punctuated,
    token,
};

use super::{Given, KeySource, Lifetime, OnOutage, duration, example, known};
use crate::{
    errors::{Errors, did_you_mean},
    http::{Directives, Etag, field_name},
    key::Template,
    size,
};

/// Which tiers an entry passes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Tiers {
    Memory,
    Redis,
    MemoryAndRedis,
}

impl Tiers {
    pub(crate) fn has_memory(self) -> bool {
        self != Self::Redis
    }

    pub(crate) fn has_shared(self) -> bool {
        self != Self::Memory
    }
}

/// How values become bytes in the shared tier.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Codec {
    Bincode,
    Json,
    Postcard,
}

/// How long errors are kept.
#[derive(Clone)]
pub(crate) enum ErrorTtl {
    /// Each of them.
    All(Lifetime),
    /// Those that a pattern matches, the first one that does.
    Matching(Vec<(Pat, Lifetime)>),
}

/// The expression behind `=`.
pub(super) fn expression(input: ParseStream<'_>, option: &Ident) -> syn::Result<Expr> {
    equals(input, option)?;
    if input.is_empty() || input.peek(Token![,]) {
        return Err(needs_value(option));
    }
    input.parse().map(opened)
}

/// The expression without the group that a fragment of a `macro_rules!` comes in.
fn opened(mut value: Expr) -> Expr {
    while let Expr::Group(group) = value {
        value = *group.expr;
    }
    value
}

/// The path behind `crate =`.
pub(super) fn path(input: ParseStream<'_>, option: &Ident) -> syn::Result<Path> {
    equals(input, option)?;
    input
        .call(Path::parse_mod_style)
        .map_err(|error| syn::Error::new(error.span(), "expected a path; write `crate = renamed_core`"))
}

/// The names in `skip(a, b)`.
pub(super) fn names(input: ParseStream<'_>, option: &Ident) -> syn::Result<Punctuated<Ident, Token![,]>> {
    if !input.peek(token::Paren) {
        return Err(syn::Error::new(option.span(), "`skip` takes arguments in parentheses; write `skip(db)`"));
    }
    let inside: Group = input.parse()?;
    let names = |inside: ParseStream<'_>| Punctuated::parse_terminated_with(inside, Ident::parse_any);
    names
        .parse2(inside.stream())
        .map_err(|error| syn::Error::new(error.span(), "expected the name of an argument; write `skip(db)`"))
}

/// An option that is there or not.
pub(super) fn flag(input: ParseStream<'_>, option: &Ident) -> syn::Result<()> {
    if input.is_empty() || input.peek(Token![,]) {
        return Ok(());
    }
    Err(syn::Error::new(option.span(), format!("`{option}` takes no value; write `{option}` alone")))
}

/// `error_ttl = "10s"`, or `error_ttl = (NotFound = "10s", Busy(_) = "1s")`.
pub(super) fn error_ttl(
    input: ParseStream<'_>,
    option: &Ident,
    errors: &Errors,
) -> syn::Result<Option<Given<ErrorTtl>>> {
    if input.peek(token::Paren) {
        let mistake = "`error_ttl` takes its patterns behind `=`; write `error_ttl = (NotFound = \"10s\")`";
        return Err(syn::Error::new(option.span(), mistake));
    }
    let ahead = input.fork();
    equals(&ahead, option)?;
    if !ahead.peek(token::Paren) {
        let value = expression(input, option)?;
        return Ok(lifetime("error_ttl", &value, errors).map(|ttl| Given::new(ErrorTtl::All(ttl.value), value)));
    }
    equals(input, option)?;
    let inside: Group = input.parse()?;
    let written = inside.clone();
    let arms = |inside: ParseStream<'_>| Punctuated::<ErrorArm, Token![,]>::parse_terminated(inside);
    let arms = arms.parse2(inside.stream())?;
    if arms.is_empty() {
        errors.over(&written, "`error_ttl` lists no error; write `error_ttl = (NotFound = \"10s\")`");
    }
    let read = |arm: ErrorArm| lifetime("error_ttl", &arm.ttl, errors).map(|ttl| (arm.pattern, ttl.value));
    Ok(Some(Given::new(ErrorTtl::Matching(arms.into_iter().filter_map(read).collect()), written)))
}

/// One pattern with its lifetime.
struct ErrorArm {
    pattern: Pat,
    ttl: Expr,
}

impl Parse for ErrorArm {
    fn parse(input: ParseStream<'_>) -> syn::Result<Self> {
        let pattern = Pat::parse_multi(input).map_err(|error| {
            syn::Error::new(error.span(), "expected a pattern of the error; write `error_ttl = (NotFound = \"10s\")`")
        })?;
        if input.parse::<Token![=]>().is_err() || input.is_empty() || input.peek(Token![,]) {
            return Err(syn::Error::new_spanned(
                &pattern,
                "a pattern in `error_ttl` needs a duration; write `error_ttl = (NotFound = \"10s\")`",
            ));
        }
        Ok(Self { pattern, ttl: input.parse().map(opened)? })
    }
}

fn number(value: &Expr) -> Option<f64> {
    match value {
        Expr::Lit(ExprLit { lit: Lit::Float(number), .. }) => number.base10_parse().ok(),
        Expr::Lit(ExprLit { lit: Lit::Int(number), .. }) => number.base10_parse().ok(),
        _ => None,
    }
}

pub(super) fn early(value: &Expr, errors: &Errors) -> Option<Given<f64>> {
    let read = match number(value) {
        Some(0.0) => Err("an `early` of zero does nothing; remove it, or write `early = 1.0`".into()),
        Some(beta) if beta > 0.0 && beta <= 100.0 => Ok(beta),
        _ => Err("`early` is a number above 0 and at most 100, the larger the earlier; write `early = 1.0`".into()),
    };
    given(value, read, errors)
}

pub(super) fn jitter(value: &Expr, errors: &Errors) -> Option<Given<f64>> {
    let read = match number(value) {
        Some(0.0) => Err("a `jitter` of zero does nothing; remove it, or write `jitter = 0.1`".into()),
        Some(share) if share > 0.0 && share < 1.0 => Ok(share),
        _ => Err("`jitter` is a share of the TTL between 0 and 1; write `jitter = 0.1`".into()),
    };
    given(value, read, errors)
}

/// A closure over one value, or the path of a function that takes it by reference.
pub(super) fn closure(option: &str, value: &Expr, errors: &Errors) -> Option<Given<Expr>> {
    let read = match value {
        Expr::Closure(closure) if closure.inputs.len() != 1 => {
            Err(format!("`{option}` is asked about one value; write `{}`", example(option)))
        }
        Expr::Closure(_) | Expr::Path(_) => Ok(value.clone()),
        _ => Err(format!("`{option}` is a closure over the value; write `{}`", example(option))),
    };
    given(value, read, errors)
}

pub(super) fn codec(value: &Expr, errors: &Errors) -> Option<Given<Codec>> {
    const KNOWN: [&str; 3] = ["bincode", "json", "postcard"];
    let text = text("codec", value, errors)?.value();
    let read = match text.as_str() {
        "bincode" => Ok(Codec::Bincode),
        "json" => Ok(Codec::Json),
        "postcard" => Ok(Codec::Postcard),
        unknown => {
            let hint = did_you_mean(unknown, KNOWN);
            let hint = if hint.is_empty() { "; the codecs are `bincode`, `json` and `postcard`" } else { &hint };
            Err(format!("unknown codec `{unknown}`{hint}"))
        }
    };
    given(value, read, errors)
}

pub(super) fn on_outage(value: &Expr, errors: &Errors) -> Option<Given<OnOutage>> {
    const KNOWN: [&str; 3] = ["load", "stale", "fail"];
    let text = text("on_outage", value, errors)?.value();
    let read = match text.as_str() {
        "load" => Ok(OnOutage::Load),
        "stale" => Ok(OnOutage::Stale),
        "fail" => Ok(OnOutage::Fail),
        unknown => {
            let hint = did_you_mean(unknown, KNOWN);
            let hint = if hint.is_empty() { "; write `load`, `stale` or `fail`" } else { &hint };
            Err(format!("`on_outage` has no `{unknown}`{hint}"))
        }
    };
    given(value, read, errors)
}

pub(super) fn batch(value: &Expr, errors: &Errors) -> Option<Ident> {
    if let Expr::Path(path) = value
        && let Some(name) = path.path.get_ident()
    {
        return Some(name.clone());
    }
    errors.over(value, "`batch` is the name of the argument with the keys; write `batch = ids`");
    None
}

fn equals(input: ParseStream<'_>, option: &Ident) -> syn::Result<()> {
    input.parse::<Token![=]>().map(drop).map_err(|_| needs_value(option))
}

fn needs_value(option: &Ident) -> syn::Error {
    syn::Error::new(option.span(), format!("`{option}` needs a value; write `{}`", example(&option.to_string())))
}

/// A duration: seconds, text, or an expression of type `Duration`.
pub(super) fn lifetime(option: &str, value: &Expr, errors: &Errors) -> Option<Given<Lifetime>> {
    given(value, read_lifetime(option, value), errors)
}

/// How long a load may keep its callers waiting.
pub(super) fn deadline(option: &str, value: &Expr, errors: &Errors) -> Option<Given<Lifetime>> {
    let read = read_lifetime(option, value).map_err(|message| {
        if message.ends_with(duration::ZERO) {
            "a `timeout` of zero waits for no load; write how long one may take, such as \"500ms\", or `stale` in its \
             place to serve what is stale at once"
                .into()
        } else {
            message
        }
    });
    given(value, read, errors)
}

fn read_lifetime(option: &str, value: &Expr) -> Result<Lifetime, String> {
    match value {
        Expr::Lit(ExprLit { lit: Lit::Int(seconds), .. }) => whole_seconds(option, seconds),
        Expr::Lit(ExprLit { lit: Lit::Str(text), .. }) => known(option, duration::from_text(&text.value())),
        Expr::Lit(_) => Err(format!("`{option}` takes seconds, text, or a `Duration`; write `{option} = \"5m\"`")),
        Expr::Unary(ExprUnary { op: UnOp::Neg(_), .. }) => {
            Err(format!("`{option}` cannot be negative; write `{option} = \"5m\"`"))
        }
        computed => Ok(Lifetime::Computed(computed.clone())),
    }
}

fn whole_seconds(option: &str, literal: &LitInt) -> Result<Lifetime, String> {
    let suffix = literal.suffix();
    if duration::is_unit(suffix) {
        return Err(format!(
            "`{option}` with a unit is text; write `{option} = \"{}{suffix}\"`",
            literal.base10_digits()
        ));
    }
    if !suffix.is_empty() {
        return Err(format!(
            "`{option}` takes a plain number of seconds; write `{option} = {}`",
            literal.base10_digits()
        ));
    }
    known(option, duration::from_seconds(literal.base10_parse().unwrap_or(u64::MAX)))
}

pub(super) fn tiers(value: &Expr, errors: &Errors) -> Option<Given<Tiers>> {
    let text = text("tier", value, errors)?;
    given(value, read_tiers(&text.value()), errors)
}

fn read_tiers(text: &str) -> Result<Tiers, String> {
    const KNOWN: [&str; 2] = ["memory", "redis"];
    let names: Vec<&str> = text.split(',').map(str::trim).collect();
    if let Some(unknown) = names.iter().find(|name| !name.is_empty() && !KNOWN.contains(name)) {
        let hint = did_you_mean(unknown, KNOWN);
        let hint = if hint.is_empty() { "; the tiers are `memory` and `redis`" } else { &hint };
        return Err(format!("unknown tier `{unknown}`{hint}"));
    }
    match names.as_slice() {
        ["memory"] => Ok(Tiers::Memory),
        ["redis"] => Ok(Tiers::Redis),
        ["memory", "redis"] => Ok(Tiers::MemoryAndRedis),
        ["redis", "memory"] => Err("the nearest tier comes first; write `tier = \"memory,redis\"`".into()),
        _ => Err("`tier` names each tier once, the nearest first; write `tier = \"memory,redis\"`".into()),
    }
}

pub(super) fn key(value: &Expr, errors: &Errors) -> Option<Given<KeySource>> {
    let read = match value {
        Expr::Lit(ExprLit { lit: Lit::Str(text), .. }) => {
            Template::parse(text).map(KeySource::Template).map_err(|mistake| format!("`key`: {mistake}"))
        }
        Expr::Lit(_) => Err("a constant key shares one entry among all calls; write `key = \"{id}\"`".into()),
        expression => Ok(KeySource::Expression(expression.clone())),
    };
    given(value, read, errors)
}

pub(super) fn name(value: &Expr, errors: &Errors) -> Option<Given<LitStr>> {
    let text = text("name", value, errors)?;
    let written = text.value();
    let good =
        !written.is_empty() && written.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_-.:/".contains(&byte));
    let read = if good {
        Ok(text)
    } else {
        Err("`name` is made of ASCII letters, digits and `_-.:/`; write `name = \"product\"`".into())
    };
    given(value, read, errors)
}

pub(super) fn capacity(value: &Expr, errors: &Errors) -> Option<Given<u64>> {
    let read = match integer(value) {
        Some(0) => Err("a `capacity` of zero keeps nothing; write `capacity = 10_000`".into()),
        // Room for every entry of that number does not exist; it also keeps the count a `usize` on every platform.
        Some(entries) if entries > u64::from(u32::MAX) => Err(format!("`capacity` is at most {} entries", u32::MAX)),
        Some(entries) => Ok(entries),
        None => Err("`capacity` is a number of entries; write `capacity = 10_000`".into()),
    };
    given(value, read, errors)
}

/// Whole bytes, or text with a unit.
pub(super) fn max_bytes(value: &Expr, errors: &Errors) -> Option<Given<u64>> {
    let read = match value {
        Expr::Lit(ExprLit { lit: Lit::Str(text), .. }) => size::from_text(&text.value()),
        value => match integer(value) {
            Some(bytes) => size::bounded(bytes),
            None => Err("it takes bytes, or text; write `max_bytes = \"64 MiB\"`".into()),
        },
    };
    given(value, read.map_err(|mistake| format!("`max_bytes`: {mistake}")), errors)
}

pub(super) fn version(value: &Expr, errors: &Errors) -> Option<Given<u64>> {
    let read = integer(value)
        .filter(|version| u32::try_from(*version).is_ok())
        .ok_or_else(|| format!("`version` is a whole number up to {}; write `version = 2`", u32::MAX));
    given(value, read, errors)
}

fn integer(value: &Expr) -> Option<u64> {
    match value {
        Expr::Lit(ExprLit { lit: Lit::Int(number), .. }) if number.suffix().is_empty() => number.base10_parse().ok(),
        _ => None,
    }
}

pub(super) fn tags(value: &Expr, errors: &Errors) -> Vec<Template> {
    let Expr::Array(list) = value else {
        errors.over(value, "`tags` is a list; write `tags = [\"products\", \"product:{id}\"]`");
        return Vec::new();
    };
    list.elems.iter().filter_map(|tag| read_tag(tag, errors)).collect()
}

fn read_tag(tag: &Expr, errors: &Errors) -> Option<Template> {
    let Some(text) = literal(tag) else {
        errors.over(tag, "a tag is text; write `\"product:{id}\"`");
        return None;
    };
    let read = match Template::parse(&text) {
        Ok(template) if template.parts.is_empty() => Err("an empty tag; write `\"products\"`".into()),
        read => read.map_err(|mistake| format!("`tags`: {mistake}")),
    };
    read.map_err(|mistake: String| errors.over(tag, mistake)).ok()
}

/// The directives of a field, all mistakes noted.
pub(super) fn directives(
    option: &str,
    value: &Expr,
    parse: impl Fn(&str) -> Result<Directives, Vec<String>>,
    errors: &Errors,
) -> Option<Given<Directives>> {
    let text = text(option, value, errors)?;
    match parse(&text.value()) {
        Ok(directives) => Some(Given::new(directives, value)),
        Err(mistakes) => {
            for mistake in mistakes {
                errors.over(value, format_args!("`{option}`: {mistake}"));
            }
            None
        }
    }
}

/// The fields of a request, each once.
pub(super) fn vary(value: &Expr, errors: &Errors) -> Vec<String> {
    let Expr::Array(list) = value else {
        errors.over(value, "`vary` is a list of a request's fields; write `vary = [\"accept-language\"]`");
        return Vec::new();
    };
    if list.elems.is_empty() {
        errors.over(value, "`vary` lists no field; write `vary = [\"accept-language\"]`, or remove it");
    }
    let mut names = Vec::new();
    for field in &list.elems {
        let read = match literal(field) {
            Some(text) => field_name(&text.value()),
            None => Err("a field's name is text; write `vary = [\"accept-language\"]`".into()),
        };
        match read {
            Ok(name) if names.contains(&name) => errors.over(field, format_args!("`{name}` is listed twice; keep one")),
            Ok(name) => names.push(name),
            Err(mistake) => errors.over(field, format_args!("`vary`: {mistake}")),
        }
    }
    names
}

/// `"strong"`, `"weak"`, or what makes the tag of a body.
pub(super) fn etag(value: &Expr, errors: &Errors) -> Option<Given<Etag>> {
    let is_function = |value: &Expr| match value {
        Expr::Closure(closure) => closure.inputs.len() == 1,
        Expr::Path(_) => true,
        _ => false,
    };
    let Expr::Lit(ExprLit { lit: Lit::Str(kind), .. }) = value else {
        let mistake = "`etag` is text, or a closure over the body's bytes; write `etag = \"weak\"`";
        let read = is_function(value).then(|| Etag::By(value.clone())).ok_or_else(|| mistake.to_owned());
        return given(value, read, errors);
    };
    let read = match kind.value().as_str() {
        "strong" => Ok(Etag::Strong),
        "weak" => Ok(Etag::Weak),
        unknown => {
            let hint = did_you_mean(unknown, ["strong", "weak"]);
            let hint =
                if hint.is_empty() { "; it is `strong`, `weak`, or a closure over the body's bytes" } else { &hint };
            Err(format!("unknown kind of entity tag `{unknown}`{hint}"))
        }
    };
    given(value, read, errors)
}

pub(super) fn handle(value: &Expr, errors: &Errors) -> Option<Ident> {
    if let Expr::Path(path) = value
        && let Some(name) = path.path.get_ident()
    {
        return Some(name.clone());
    }
    errors.over(value, "`handle` is the name of a type; write `handle = product_cache`");
    None
}

fn text(option: &str, value: &Expr, errors: &Errors) -> Option<LitStr> {
    let text = literal(value);
    if text.is_none() {
        errors.over(value, format_args!("`{option}` is text; write `{}`", example(option)));
    }
    text
}

fn literal(value: &Expr) -> Option<LitStr> {
    match opened(value.clone()) {
        Expr::Lit(ExprLit { lit: Lit::Str(text), .. }) => Some(text),
        _ => None,
    }
}

fn given<T>(written: &Expr, read: Result<T, String>, errors: &Errors) -> Option<Given<T>> {
    read.map(|value| Given::new(value, written)).map_err(|mistake| errors.over(written, mistake)).ok()
}
