//! The rules between options and function, each a function of its own.

use syn::Ident;

use crate::{
    args::{Args, KeySource, Lifetime},
    errors::{Errors, did_you_mean},
    key::Template,
    model::key_parameters,
    signature::{Extractor, Function},
};

pub(crate) fn check(args: &Args, function: &Function, errors: &Errors) {
    ttl_is_given(args, errors);
    plain_functions_stay_in_memory(args, function, errors);
    capacity_needs_the_memory_tier(args, errors);
    memory_ttl_is_within_ttl(args, errors);
    skipped_arguments_exist(args, function, errors);
    key_mentions_what_is_not_skipped(args, errors);
    key_template_names_arguments(args, function, errors);
    key_template_tells_calls_apart(args, errors);
    tags_follow_from_the_key(args, function, errors);
    return_type_has_a_name(args, function, errors);
    routes_need_http(args, function, errors);
    handle_is_free(args, function, errors);
    handlers_are_async(args, function, errors);
    handlers_key_on_values(args, function, errors);
    public_answers_depend_on_no_identity(args, function, errors);
    max_age_is_within_ttl(args, errors);
    handlers_have_no_negative_ttl(args, errors);
}

/// An entry without an end is the first mistake of caching, so there is no default to fall into. A `ttl` whose value
/// is wrong was reported already.
fn ttl_is_given(args: &Args, errors: &Errors) {
    if !args.seems_to_have_ttl() {
        errors.at(
            proc_macro2::Span::call_site(),
            "`ttl` is required: an entry without one lives until it is evicted; write `ttl = \"5m\"`",
        );
    }
}

/// Asking Redis takes a wait, and a plain function has nothing to wait with but its thread.
fn plain_functions_stay_in_memory(args: &Args, function: &Function, errors: &Errors) {
    if let Some(tier) = &args.tier
        && tier.value.has_shared()
        && !function.is_async()
    {
        errors.over(
            &tier.written,
            "a plain `fn` cannot wait for Redis; make it `async fn`, or write `tier = \"memory\"`",
        );
    }
}

/// The bound is the memory tier's; Redis has its own (`maxmemory`).
fn capacity_needs_the_memory_tier(args: &Args, errors: &Errors) {
    let Some(tier) = args.tier.as_ref().filter(|tier| !tier.value.has_memory()) else { return };
    for option in ["capacity", "memory_ttl"] {
        if let Some(name) = args.mentioned_at(option) {
            let tier = &tier.written;
            errors.at(
                name,
                format_args!(
                    "`{option}` is about the memory tier, which `tier = {tier}` leaves out; \
                     write `tier = \"memory,redis\"`"
                ),
            );
        }
    }
}

/// Memory never outlives the entry, so a longer life there would do nothing. Expressions are not known here; the
/// runtime takes the lesser of the two.
fn memory_ttl_is_within_ttl(args: &Args, errors: &Errors) {
    let (Some(memory_ttl), Some(ttl)) = (&args.memory_ttl, &args.ttl) else { return };
    if let (Lifetime::Known(memory), Lifetime::Known(whole)) = (&memory_ttl.value, &ttl.value)
        && memory > whole
    {
        errors.over(
            &memory_ttl.written,
            "`memory_ttl` is longer than `ttl`, but memory never outlives the entry; write a shorter one",
        );
    }
}

/// A name in `skip` that is no argument is a slip, and the argument that was meant would silently be in the key.
fn skipped_arguments_exist(args: &Args, function: &Function, errors: &Errors) {
    for (index, name) in args.skip.iter().enumerate() {
        if args.skip[..index].contains(name) {
            errors.over(name, format_args!("`{name}` is skipped twice; keep one"));
        } else if !function.parameters.iter().any(|parameter| parameter.ident == *name) {
            errors.over(name, no_argument(&name.to_string(), function));
        }
    }
}

/// An argument is part of the key or it is not.
fn key_mentions_what_is_not_skipped(args: &Args, errors: &Errors) {
    let Some(key) = &args.key else { return };
    for name in args.skip.iter().filter(|name| key.value.mentions(name)) {
        errors.over(
            &key.written,
            format_args!("`{name}` is skipped, so the key cannot mention it; remove it from `skip`"),
        );
    }
}

/// Every place of the template is an argument of the function.
fn key_template_names_arguments(args: &Args, function: &Function, errors: &Errors) {
    if let Some(template) = key_template(args) {
        for place in template.places().filter(|place| function.parameter(&place.argument).is_none()) {
            errors.over(template, no_argument(&place.argument, function));
        }
    }
}

/// A key without arguments gives every call the same entry, and a key whose values run together gives some calls each
/// other's: `{a}{b}` writes `112` for both `1, 12` and `11, 2`.
fn key_template_tells_calls_apart(args: &Args, errors: &Errors) {
    let Some(template) = key_template(args) else { return };
    if template.places().next().is_none() {
        errors
            .over(template, "the key mentions no argument, so all calls would share one entry; write `key = \"{id}\"`");
    } else if template.is_ambiguous() {
        errors.over(template, "two values of the key could run together; write `:` between their places");
    }
}

/// An invalidation by key has only the key, and must find the same tags as the load had.
fn tags_follow_from_the_key(args: &Args, function: &Function, errors: &Errors) {
    for template in &args.tags {
        for place in template.places() {
            let name = place.argument.as_str();
            if key_parameters(args, function).any(|parameter| parameter.is_named(name)) {
                continue;
            }
            let mistake = match function.parameter(name) {
                Some(_) => format!(
                    "`{name}` is no part of the key, and a tag must follow from the key, so that whoever holds the key \
                     knows the tags; add it to the key, or remove it here"
                ),
                None if name == "value" => "`value` in a tag is not available yet".into(),
                None => no_argument(name, function),
            };
            errors.over(template, mistake);
        }
    }
}

/// The descriptor names the type of what is stored, and `impl Trait` has no name. A handler's answer is stored as
/// bytes.
fn return_type_has_a_name(args: &Args, function: &Function, errors: &Errors) {
    if let syn::ReturnType::Type(_, ty) = &function.sig.output
        && matches!(**ty, syn::Type::ImplTrait(_))
        && !args.mentions("http")
        && function.route().is_none()
    {
        errors.over(ty, "a cached value needs a type with a name; write the type instead of `impl Trait`");
    }
}

/// A handler's answer is no value that could be kept; it becomes one through `http`.
fn routes_need_http(args: &Args, function: &Function, errors: &Errors) {
    if let Some(route) = function.route().filter(|_| !args.mentions("http")) {
        errors.over(
            route,
            "the function is a handler; write `http = \"private, max-age=30\"` in `#[cached]` to cache its response",
        );
    }
}

/// Below `#[cached]` the route attribute makes a type of the function's name.
fn handle_is_free(args: &Args, function: &Function, errors: &Errors) {
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
fn handlers_are_async(args: &Args, function: &Function, errors: &Errors) {
    if args.mentions("http") && !function.is_async() {
        errors.over(function.sig.fn_token, "a handler is an `async fn`; write `async fn`, or remove `http`");
    }
}

/// The request as it came cannot be compared with another, so it is either left out on purpose, or what is needed of
/// it is taken as a value.
fn handlers_key_on_values(args: &Args, function: &Function, errors: &Errors) {
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
/// looked at by the body.
fn public_answers_depend_on_no_identity(args: &Args, function: &Function, errors: &Errors) {
    let Some(http) = args.http.as_ref().filter(|http| http.value.has("public") || http.value.has("s-maxage")) else {
        return;
    };
    let keyed: Vec<&Ident> = key_parameters(args, function).map(|parameter| &parameter.ident).collect();
    for parameter in &function.parameters {
        if matches!(parameter.extractor, Extractor::Identity) && !keyed.contains(&&parameter.ident) {
            let name = &parameter.ident;
            errors.over(
                &http.written,
                format_args!(
                    "a response for everyone cannot depend on `{name}`, which tells who asks and is no part of the \
                     key; write `private`, or remove the argument"
                ),
            );
        }
    }
}

/// A client must not keep a response longer than the entry it came from.
fn max_age_is_within_ttl(args: &Args, errors: &Errors) {
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

/// A response is never `None`; which ones are stored is decided by their status.
fn handlers_have_no_negative_ttl(args: &Args, errors: &Errors) {
    if let Some(name) = args.mentioned_at("negative_ttl").filter(|_| args.mentions("http")) {
        errors.at(
            name,
            "`negative_ttl` keeps a `None`, which a response never is; \
             remove it, or cache the function that the handler calls",
        );
    }
}

fn key_template(args: &Args) -> Option<&Template> {
    match args.key.as_ref().map(|key| &key.value) {
        Some(KeySource::Template(template)) => Some(template),
        _ => None,
    }
}

fn no_argument(name: &str, function: &Function) -> String {
    let names: Vec<String> = function.parameters.iter().map(|parameter| parameter.ident.to_string()).collect();
    format!("the function has no argument `{name}`{}", did_you_mean(name, names.iter().map(String::as_str)))
}
