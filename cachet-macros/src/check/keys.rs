//! Rules about what makes a key, and the tags that follow from it.

use syn::ext::IdentExt as _;

use crate::{
    args::{Args, KeySource},
    errors::{Errors, did_you_mean},
    key::Template,
    model::{Batch, key_has_self, key_parameters},
    signature::Function,
};

/// A name in `skip` that is no argument is a slip, and the argument that was meant would silently be in the key.
pub(super) fn skipped_arguments_exist(args: &Args, function: &Function, errors: &Errors) {
    for (index, name) in args.skip.iter().enumerate() {
        if args.skip[..index].contains(name) {
            errors.over(name, format_args!("`{name}` is skipped twice; keep one"));
        } else if !function.has_argument(&name.unraw().to_string()) {
            errors.over(name, no_argument(&name.to_string(), function));
        }
    }
}

/// An argument is part of the key or it is not.
pub(super) fn key_mentions_what_is_not_skipped(args: &Args, errors: &Errors) {
    let Some(key) = &args.key else { return };
    for name in args.skip.iter().filter(|name| key.value.mentions(name)) {
        errors.over(
            &key.written,
            format_args!("`{name}` is skipped, so the key cannot mention it; remove it from `skip`"),
        );
    }
}

/// Every place of the template is an argument of the function.
pub(super) fn key_template_names_arguments(args: &Args, function: &Function, errors: &Errors) {
    if let Some(template) = key_template(args) {
        for place in template.places().filter(|place| !function.has_argument(&place.argument)) {
            errors.over(template, no_argument(&place.argument, function));
        }
    }
}

/// A hit does not run the body, so an argument that it is to change stays as it was.
pub(super) fn keyed_arguments_are_only_read(args: &Args, function: &Function, errors: &Errors) {
    for parameter in key_parameters(args, function) {
        if let syn::Type::Reference(reference) = &parameter.ty
            && reference.mutability.is_some()
        {
            let name = &parameter.ident;
            errors.over(
                &parameter.ty,
                format_args!(
                    "a hit does not run the body, so `{name}` would be changed only sometimes; write `&`, or \
                     `skip({name})` if the source needs it so"
                ),
            );
        }
    }
}

/// A key without arguments gives every call the same entry, and a key whose values run together gives some calls each
/// other's: `{a}{b}` writes `112` for both `1, 12` and `11, 2`.
pub(super) fn key_template_tells_calls_apart(args: &Args, errors: &Errors) {
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
pub(super) fn tags_follow_from_the_key(args: &Args, function: &Function, errors: &Errors) {
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

/// The controls are written for up to twelve.
pub(super) fn arguments_fit_a_tuple(function: &Function, errors: &Errors) {
    const MOST: usize = 12;
    if let Some(thirteenth) = function.sig.inputs.iter().nth(MOST) {
        errors
            .over(thirteenth, "more than twelve arguments; put some of them into a struct with `#[derive(CacheKey)]`");
    }
}

/// A batch goes through the keys of one argument, asks tiers about each, and needs to wait for that.
pub(super) fn batch_has_keys(args: &Args, function: &Function, errors: &Errors) {
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
    let names: Vec<String> = function.parameters.iter().map(|parameter| parameter.ident.unraw().to_string()).collect();
    let receiver = function.receiver.as_ref().map(|_| "self");
    let known = names.iter().map(String::as_str).chain(receiver).chain(besides);
    format!("the function has no argument `{name}`{}", did_you_mean(name, known))
}
