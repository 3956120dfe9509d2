//! Rules about handlers and their responses.

use syn::{Ident, Type};

use crate::{
    args::{Args, Given, Lifetime},
    errors::Errors,
    http::Directives,
    model::{beside_the_key, key_parameters},
    signature::{Extractor, Function},
};

/// A handler's answer is no value that could be kept; it becomes one through `http`.
pub(super) fn routes_need_http(args: &Args, function: &Function, errors: &Errors) {
    if let Some(route) = function.route().filter(|_| !args.mentions("http")) {
        errors.over(
            route,
            "the function is a handler; write `http = \"private, max-age=30\"` in `#[cached]` to cache its response",
        );
    }
}

/// Below `#[cached]` the route attribute makes a type of the function's name.
pub(super) fn handle_is_free(args: &Args, function: &Function, errors: &Errors) {
    if let Some(handle) =
        args.handle.as_ref().filter(|handle| **handle == function.sig.ident && function.route().is_some())
    {
        errors.over(
            handle,
            format_args!(
                "the route attribute takes the name `{handle}`; write another, such as `handle = {handle}_cache`"
            ),
        );
    }
}

/// actix-web calls nothing else.
pub(super) fn handlers_are_async(args: &Args, function: &Function, errors: &Errors) {
    if args.mentions("http") && !function.is_async() {
        errors.over(function.sig.fn_token, "a handler is an `async fn`; write `async fn`, or remove `http`");
    }
}

/// The request as it came cannot be compared with another, so it is either left out on purpose, or what is needed of
/// it is taken as a value.
pub(super) fn handlers_key_on_values(args: &Args, function: &Function, errors: &Errors) {
    if !args.mentions("http") {
        return;
    }
    for parameter in key_parameters(args, function) {
        if matches!(parameter.extractor, Extractor::Raw | Extractor::Identity) {
            let name = &parameter.ident;
            errors.over(
                &parameter.ty,
                format_args!(
                    "this argument cannot be part of a key; write `skip({name})`, or take what is needed of it as \
                     `Path`, `Query` or a type with `CacheKey`"
                ),
            );
        }
    }
}

/// What everyone may be given must not depend on who asked. An argument that is left out of the key could still be
/// looked at by the body; what it looks at may be part of the key through `vary`.
pub(super) fn public_answers_depend_on_no_identity(args: &Args, function: &Function, errors: &Errors) {
    let is_for_everyone = |given: &&Given<Directives>| given.value.is_for_everyone();
    let Some(said) = args.http.as_ref().filter(is_for_everyone).or(args.cdn.as_ref()) else { return };
    if said.value.keeps_shared_caches_out() {
        return;
    }
    let keyed: Vec<&Ident> = key_parameters(args, function).map(|parameter| &parameter.ident).collect();
    for parameter in &function.parameters {
        if !matches!(parameter.extractor, Extractor::Identity) {
            continue;
        }
        let fields = told_by(&parameter.ty);
        let is_declared = args.vary.iter().any(|name| fields.is_empty() || fields.contains(&name.as_str()));
        if !is_declared && !keyed.contains(&&parameter.ident) {
            let (name, field) = (&parameter.ident, fields.first().unwrap_or(&"accept-language"));
            errors.over(
                &said.written,
                format_args!(
                    "a response for everyone cannot depend on `{name}`, which tells who asks and is no part of the \
                     key; write `private`, or what it looks at, such as `vary = [\"{field}\"]`, or remove the argument"
                ),
            );
        }
    }
}

/// The fields of a request that an identity is read from; none for the request itself, which has all of them.
fn told_by(identity: &Type) -> &'static [&'static str] {
    let Type::Path(path) = identity else { return &[] };
    let last = path.path.segments.last().map(|last| last.ident.to_string());
    match last.as_deref() {
        Some("Session" | "Identity") => &["cookie"],
        Some("BearerAuth" | "BasicAuth") => &["authorization"],
        Some("ConnectionInfo") => &["host", "forwarded", "x-forwarded-host", "x-forwarded-proto", "x-forwarded-for"],
        Some("ReqData") => &["authorization", "cookie"],
        _ => &[],
    }
}

/// A client must not keep a response longer than the entry it came from.
pub(super) fn max_age_is_within_ttl(args: &Args, errors: &Errors) {
    let (Some(http), Some(ttl)) = (&args.http, &args.ttl) else { return };
    let Lifetime::Known(ttl) = &ttl.value else { return };
    for directive in ["max-age", "s-maxage"] {
        if http.value.seconds(directive).is_some_and(|seconds| seconds > ttl.as_secs()) {
            let seconds = ttl.as_secs();
            errors.over(
                &http.written,
                format_args!(
                    "`{directive}` is longer than `ttl`; write at most `{directive}={seconds}`, or leave it out"
                ),
            );
        }
    }
}

/// A value of a function goes out through no response of its own.
pub(super) fn fields_are_of_handlers(args: &Args, errors: &Errors) {
    for option in ["cdn", "vary", "etag"] {
        if let Some(name) = args.mentioned_at(option).filter(|_| !args.mentions("http")) {
            errors.at(
                name,
                format_args!(
                    "`{option}` is about a handler's response; write `http = \"public, max-age=30\"` beside it, or \
                     remove it"
                ),
            );
        }
    }
}

/// A network that reads the one field does not look at the other (RFC 9213 §2.2).
pub(super) fn networks_keep_what_is_for_everyone(args: &Args, errors: &Errors) {
    let (Some(http), Some(cdn)) = (&args.http, &args.cdn) else { return };
    if http.value.says_private() && !cdn.value.keeps_shared_caches_out() {
        errors.over(
            &cdn.written,
            "`http` says `private`, and a content delivery network is given to everyone; write `no-cache` or \
             `max-age=0` there, or `cdn = \"no-store\"`",
        );
    }
}

/// Clients can send values without end, and what Redis holds knows nothing of its neighbours.
pub(super) fn variants_are_counted_in_memory(args: &Args, function: &Function, errors: &Errors) {
    if !args.mentions("http") || args.tier.as_ref().is_none_or(|tier| tier.value.has_memory()) {
        return;
    }
    if let Some(name) = args.mentioned_at("vary") {
        errors.at(
            name,
            "`vary` counts the variants of a resource in memory, which this function does not use; write \
             `tier = \"memory,redis\"`",
        );
    } else if let Some(parameter) = beside_the_key(args, function).next() {
        let name = &parameter.ident;
        errors.over(
            &parameter.ty,
            format_args!(
                "`{name}` may look at the host that a request was sent to, so each host has a variant, and those are \
                 counted in memory, which this function does not use; write `tier = \"memory,redis\"`, or take what is \
                 needed as part of the key"
            ),
        );
    }
}

/// A response is never `None` and never an error; which ones are stored is decided by their status.
pub(super) fn handlers_store_responses(args: &Args, errors: &Errors) {
    let reasons = [
        ("negative_ttl", "keeps a `None`, which a response never is"),
        ("error_ttl", "keeps an error, which a response is not; a 404 or 410 is kept by its status"),
        ("when", "looks at a value, and a handler's is its response, which is stored by its status"),
        ("ttl_of", "looks at a value, and a handler's is its response"),
        ("max_bytes", "needs the weight of a value, and a handler's is its response; write `capacity`"),
        ("weight", "looks at a value, and a handler's is its response; write `capacity`"),
    ];
    for (option, reason) in reasons {
        if let Some(name) = args.mentioned_at(option).filter(|_| args.mentions("http")) {
            errors
                .at(name, format_args!("`{option}` {reason}; remove it, or cache the function that the handler calls"));
        }
    }
}

/// actix-web registers functions, and makes a type of them that no `impl` block has room for.
pub(super) fn handlers_are_free_functions(args: &Args, function: &Function, errors: &Errors) {
    if !args.mentions("http") {
        return;
    }
    if args.associated || function.is_associated() {
        errors.over(&function.sig.ident, "a handler is a free function; move it out of the `impl` block");
    }
    if let Some(generic) = function.sig.generics.type_params().next() {
        errors
            .over(generic, "a handler has no generic types: actix-web calls it with types of its own; write the type");
    }
}
