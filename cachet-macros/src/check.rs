//! The rules between options and function, each a function of its own.

use syn::{Ident, Pat, Type, ext::IdentExt as _};

use crate::{
    args::{Args, ErrorTtl, Given, KeySource, Lifetime, OnOutage, Tiers},
    errors::{Errors, did_you_mean},
    freshness,
    http::Directives,
    key::Template,
    model::{Batch, as_ref_target, key_has_self, key_parameters},
    signature::{Extractor, Function},
};

pub(crate) fn check(args: &Args, function: &Function, errors: &Errors) {
    ttl_is_given(args, errors);
    plain_functions_stay_in_memory(args, function, errors);
    capacity_needs_the_memory_tier(args, errors);
    a_bound_in_bytes_is_whole(args, errors);
    the_memory_tier_has_one_bound(args, errors);
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
    fields_are_of_handlers(args, errors);
    networks_keep_what_is_for_everyone(args, errors);
    variants_are_counted_in_memory(args, errors);
    handlers_store_responses(args, errors);
    handlers_are_free_functions(args, function, errors);
    codec_needs_the_shared_tier(args, errors);
    outages_are_of_the_shared_tier(args, errors);
    error_ttl_has_errors(args, function, errors);
    impl_trait_can_be_named(args, function, errors);
    arguments_fit_a_tuple(function, errors);
    batch_has_keys(args, function, errors);
    freshness::check(args, function, errors);
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
    for option in ["capacity", "max_bytes", "weight", "memory_ttl"] {
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

/// A bound in bytes and the weight of a value make no sense alone.
fn a_bound_in_bytes_is_whole(args: &Args, errors: &Errors) {
    let halves = [
        (
            "max_bytes",
            "weight",
            "`max_bytes` needs the size of a value, and what a value has on the heap is not known; \
             write `weight = |value| value.len()`",
        ),
        ("weight", "max_bytes", "`weight` is for a bound in bytes, and there is none; write `max_bytes = \"64 MiB\"`"),
    ];
    for (given, other, mistake) in halves {
        if let Some(name) = args.mentioned_at(given).filter(|_| !args.mentions(other) && !args.mentions("http")) {
            errors.at(name, mistake);
        }
    }
}

/// With two bounds nobody could say which one evicts.
fn the_memory_tier_has_one_bound(args: &Args, errors: &Errors) {
    if args.mentions("capacity")
        && let Some(name) = args.mentioned_at("max_bytes")
    {
        errors.at(
            name,
            "`capacity` counts entries and `max_bytes` weighs them, and one bounds the memory tier; keep one",
        );
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
        } else if !function.has_argument(&name.unraw().to_string()) {
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
        for place in template.places().filter(|place| !function.has_argument(&place.argument)) {
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

/// An invalidation by key has only the key, and must find the same tags as the load had. A tag from the value is known
/// after the load only: this process can look back at what was invalidated meanwhile, a shared tier cannot.
fn tags_follow_from_the_key(args: &Args, function: &Function, errors: &Errors) {
    for template in &args.tags {
        for place in template.places() {
            let name = place.argument.as_str();
            let is_keyed = (name == "self" && key_has_self(args, function))
                || key_parameters(args, function).any(|parameter| parameter.is_named(name));
            let is_argument = function.has_argument(name);
            if is_keyed {
                continue;
            }
            let mistake = if is_argument {
                format!(
                    "`{name}` is no part of the key, and a tag must follow from the key, so that whoever holds the key \
                     knows the tags; add it to the key, or remove it here"
                )
            } else if name != "value" {
                no_argument_among(name, function, Some("value"))
            } else if args.mentions("http") {
                "a handler's value is its response; write the tag over the arguments".into()
            } else if args.tier.as_ref().is_some_and(|tier| tier.value.has_shared()) {
                "a tag that follows from `value` is known only after the load, which is too late for other nodes; \
                 write it over the arguments, or `tier = \"memory\"`"
                    .into()
            } else {
                continue;
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
/// looked at by the body; what it looks at may be part of the key through `vary`.
fn public_answers_depend_on_no_identity(args: &Args, function: &Function, errors: &Errors) {
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
        Some("ReqData") => &["authorization", "cookie"],
        _ => &[],
    }
}

/// A value of a function goes out through no response of its own.
fn fields_are_of_handlers(args: &Args, errors: &Errors) {
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
fn networks_keep_what_is_for_everyone(args: &Args, errors: &Errors) {
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
fn variants_are_counted_in_memory(args: &Args, errors: &Errors) {
    let in_memory = args.tier.as_ref().is_none_or(|tier| tier.value.has_memory());
    if let Some(name) = args.mentioned_at("vary").filter(|_| !in_memory) {
        errors.at(
            name,
            "`vary` counts the variants of a resource in memory, which this function does not use; write \
             `tier = \"memory,redis\"`",
        );
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

/// A response is never `None` and never an error; which ones are stored is decided by their status.
fn handlers_store_responses(args: &Args, errors: &Errors) {
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
fn handlers_are_free_functions(args: &Args, function: &Function, errors: &Errors) {
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

/// Memory holds the values themselves.
fn codec_needs_the_shared_tier(args: &Args, errors: &Errors) {
    let shared = args.tier.as_ref().is_some_and(|tier| tier.value.has_shared());
    if let Some(name) = args.mentioned_at("codec").filter(|_| !shared) {
        errors.at(
            name,
            "`codec` is about the shared tier, which this function does not use; write `tier = \"memory,redis\"`",
        );
    }
}

/// Without a shared tier nothing can be out of reach; what memory does not keep, it cannot serve; and neither a batch nor
/// a handler has an error for it.
fn outages_are_of_the_shared_tier(args: &Args, errors: &Errors) {
    let Some(place) = args.mentioned_at("on_outage") else { return };
    let tiers = args.tier.as_ref().map(|tier| tier.value);
    if !tiers.is_some_and(Tiers::has_shared) {
        errors.at(
            place,
            "`on_outage` is about the shared tier, which this function does not use; write `tier = \"memory,redis\"`",
        );
        return;
    }
    let then = args.on_outage.as_ref().map(|then| then.value);
    if then == Some(OnOutage::Stale) && !tiers.is_some_and(Tiers::has_memory) {
        errors.at(place, "`on_outage = \"stale\"` serves what memory has; write `tier = \"memory,redis\"`");
    }
    if then == Some(OnOutage::Fail) && args.batch.is_some() {
        errors.at(place, "a batch loads in an outage; write `on_outage = \"load\"`, or remove it");
    }
    if then == Some(OnOutage::Fail) && args.http.is_some() {
        errors.at(place, "a handler loads in an outage; write `on_outage = \"load\"`, or remove it");
    }
}

/// An `Option` has no error, and a variant can be named alone only where the error's type is known.
fn error_ttl_has_errors(args: &Args, function: &Function, errors: &Errors) {
    let Some(error_ttl) = &args.error_ttl else { return };
    let returns = function.returns();
    let is_spelled = |name: &str| matches!(&returns, syn::Type::Path(path) if path.path.segments.last().is_some_and(|last| last.ident == name));
    if is_spelled("Option") || matches!(function.sig.output, syn::ReturnType::Default) {
        errors.over(
            &error_ttl.written,
            "`error_ttl` keeps errors, and the function returns none; a `None` is kept by `negative_ttl`",
        );
    }
    if let ErrorTtl::Matching(arms) = &error_ttl.value
        && crate::expand::error_type(&returns).is_none()
    {
        for (pattern, _) in arms.iter().filter(|(pattern, _)| is_bare(pattern)) {
            errors.over(
                pattern,
                "the error's type is hidden behind an alias, so a variant needs its path; write `MyError::NotFound`",
            );
        }
    }
}

fn is_bare(pattern: &Pat) -> bool {
    match pattern {
        Pat::Ident(_) => true,
        Pat::TupleStruct(tuple) => tuple.path.get_ident().is_some(),
        Pat::Struct(fields) => fields.path.get_ident().is_some(),
        Pat::Or(or) => or.cases.iter().any(is_bare),
        _ => false,
    }
}

/// What describes a method has to name the types of its arguments.
fn impl_trait_can_be_named(args: &Args, function: &Function, errors: &Errors) {
    if !args.associated && !function.is_associated() {
        return;
    }
    let has_controls = args.handle.is_some() || !matches!(function.vis, syn::Visibility::Inherited);
    for parameter in &function.parameters {
        let is_keyed = key_parameters(args, function).any(|keyed| keyed.ident == parameter.ident);
        let is_lent = as_ref_target(&parameter.ty).is_some();
        if matches!(parameter.ty, syn::Type::ImplTrait(_)) && (has_controls || (is_keyed && !is_lent)) {
            errors.over(
                &parameter.ty,
                "`impl Trait` in a method has no name that its controls could use; write a generic type, \
                 such as `fn method<T: AsRef<str>>(&self, name: T)`, or `&str`",
            );
        }
    }
}

/// A batch goes through the keys of one argument, asks tiers about each, and needs to wait for that.
fn batch_has_keys(args: &Args, function: &Function, errors: &Errors) {
    let Some(batch) = &args.batch else { return };
    match function.parameter(&batch.unraw().to_string()) {
        None => errors.over(batch, no_argument(&batch.to_string(), function)),
        Some(parameter) if Batch::of(parameter).is_none() => {
            errors.over(&parameter.ty, "the argument of `batch` is a collection of keys; write `Vec<Id>` or `&[Id]`");
        }
        Some(parameter) if !key_parameters(args, function).any(|keyed| keyed.ident == parameter.ident) => {
            errors.over(batch, format_args!("`{batch}` holds the keys, so it must be part of the key"));
        }
        Some(_) => {}
    }
    let sig = &function.sig;
    if sig.asyncness.is_none() {
        errors.over(sig.fn_token, "a function with `batch` waits for other callers' loads; write `async fn`");
    }
    if args.associated || function.is_associated() || args.mentions("http") {
        errors.over(batch, "`batch` is for free functions; call one from the method or handler");
    }
    if let Some(generic) = sig.generics.type_params().next() {
        errors.over(generic, "a function with `batch` has no generic types yet; write the type");
    }
    for option in ["negative_ttl", "error_ttl"] {
        if let Some(name) = args.mentioned_at(option) {
            errors.at(
                name,
                format_args!("`{option}` is about one value, and a batch leaves out what it does not find; remove it"),
            );
        }
    }
}

/// The controls are written for up to twelve.
fn arguments_fit_a_tuple(function: &Function, errors: &Errors) {
    const MOST: usize = 12;
    if let Some(thirteenth) = function.sig.inputs.iter().nth(MOST) {
        errors
            .over(thirteenth, "more than twelve arguments; put some of them into a struct with `#[derive(CacheKey)]`");
    }
}

fn key_template(args: &Args) -> Option<&Template> {
    match args.key.as_ref().map(|key| &key.value) {
        Some(KeySource::Template(template)) => Some(template),
        _ => None,
    }
}

fn no_argument(name: &str, function: &Function) -> String {
    no_argument_among(name, function, None)
}

/// The same where one more name may be meant.
fn no_argument_among(name: &str, function: &Function, besides: Option<&str>) -> String {
    let names: Vec<String> = function.parameters.iter().map(|parameter| parameter.ident.to_string()).collect();
    let receiver = function.receiver.as_ref().map(|_| "self");
    let known = names.iter().map(String::as_str).chain(receiver).chain(besides);
    format!("the function has no argument `{name}`{}", did_you_mean(name, known))
}
