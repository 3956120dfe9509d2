//! Rules about what a function returns.

use syn::Pat;

use crate::{
    args::{Args, ErrorTtl},
    errors::Errors,
    model::{as_ref_target, key_parameters},
    signature::{Function, type_arguments},
};

/// The descriptor names the type of what is stored, and `impl Trait` has no name. A handler's answer is stored as
/// bytes.
pub(super) fn return_type_has_a_name(args: &Args, function: &Function, errors: &Errors) {
    if let syn::ReturnType::Type(_, ty) = &function.sig.output
        && matches!(**ty, syn::Type::ImplTrait(_))
        && !args.mentions("http")
        && function.route().is_none()
    {
        errors.over(ty, "a cached value needs a type with a name; write the type instead of `impl Trait`");
    }
}

/// What comes out of bytes is not `'static`, which the compiler would tell in words of `serde`.
pub(super) fn shared_values_are_owned(args: &Args, function: &Function, errors: &Errors) {
    let is_shared = args.tier.as_ref().is_some_and(|tier| tier.value.has_shared());
    if !is_shared || args.mentions("http") || function.route().is_some() {
        return;
    }
    let mut value = &function.returns();
    while let syn::Type::Path(path) = value
        && let Some(last) = path.path.segments.last()
        && (last.ident == "Option" || last.ident == "Result")
        && let Some(inner) = type_arguments(&last.arguments).next()
    {
        value = inner;
    }
    if let syn::Type::Reference(reference) = value
        && reference.lifetime.as_ref().is_some_and(|lifetime| lifetime.ident == "static")
    {
        errors.over(
            reference,
            "a value that comes from the shared tier is not `'static`; return an owned one, such as `String` or \
             `Arc<str>`",
        );
    }
}

/// An `Option` has no error, and a variant can be named alone only where the error's type is known.
pub(super) fn error_ttl_has_errors(args: &Args, function: &Function, errors: &Errors) {
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
pub(super) fn impl_trait_can_be_named(args: &Args, function: &Function, errors: &Errors) {
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
