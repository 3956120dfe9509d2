//! What a function may not be, each with what to write instead.

use proc_macro2::{Span, TokenStream, TokenTree};
use quote::quote;
use syn::{GenericArgument, GenericParam, PathArguments, ReturnType, Signature, Type};

use super::Function;
use crate::errors::Errors;

pub(super) fn refuse(function: &Function, errors: &Errors) {
    refuse_modifiers(&function.sig, errors);
    refuse_generics(&function.sig, errors);
    refuse_borrowed_return(&function.sig, errors);
    refuse_associated(function, errors);
}

fn refuse_modifiers(sig: &Signature, errors: &Errors) {
    if let Some(token) = &sig.constness {
        errors.over(token, "a `const fn` cannot be cached: it may run while the program compiles; remove `const`");
    }
    if let syn::Safety::Unsafe(token) = &sig.safety {
        errors.over(token, "an `unsafe fn` is not supported yet; write a safe function around it");
    }
    if let Some(abi) = &sig.abi {
        errors.over(abi, "an `extern fn` is not supported yet; write a Rust function around it");
    }
    if let Some(variadic) = &sig.variadic {
        errors.over(variadic, "variadic arguments cannot be part of a key; write them out");
    }
}

fn refuse_generics(sig: &Signature, errors: &Errors) {
    for parameter in &sig.generics.params {
        let (ident, what) = match parameter {
            GenericParam::Lifetime(_) => continue,
            GenericParam::Type(ty) => (&ty.ident, "a generic type"),
            GenericParam::Const(constant) => (&constant.ident, "a const generic"),
        };
        errors.over(
            ident,
            format_args!(
                "{what} is not supported yet; write one function for each type and call the generic one from it"
            ),
        );
    }
}

fn refuse_borrowed_return(sig: &Signature, errors: &Errors) {
    if let ReturnType::Type(_, ty) = &sig.output
        && let Some(borrowed) = borrowed(ty)
    {
        errors.over(
            borrowed,
            "a cached value outlives its call, so it cannot borrow from an argument; \
             return an owned value, such as `String` or `Arc<T>`",
        );
    }
}

/// `Self` tells an associated function from a free one, where no receiver does. A body with an `impl` or a `trait` of
/// its own may mean theirs.
fn refuse_associated(function: &Function, errors: &Errors) {
    let (sig, body) = (&function.sig, function.body.stream());
    let has_own = ["impl", "trait"].iter().any(|keyword| find(body.clone(), keyword).is_some());
    let body = if has_own { None } else { find(body, "Self") };
    if let Some(place) = find(quote!(#sig), "Self").or(body).filter(|_| sig.receiver().is_none()) {
        errors.at(place, "associated functions are not supported yet; write a free function");
    }
}

/// Where a word stands.
fn find(tokens: TokenStream, word: &str) -> Option<Span> {
    tokens.into_iter().find_map(|token| match token {
        TokenTree::Ident(ident) if ident == word => Some(ident.span()),
        TokenTree::Group(group) => find(group.stream(), word),
        _ => None,
    })
}

/// The tokens of the first lifetime (or reference without one) that is not `'static`.
fn borrowed(ty: &Type) -> Option<TokenStream> {
    match ty {
        Type::Reference(reference) => match &reference.lifetime {
            Some(lifetime) if lifetime.ident == "static" => borrowed(&reference.elem),
            _ => Some(quote!(#reference)),
        },
        Type::Path(path) => path.path.segments.iter().find_map(|segment| borrowed_argument(&segment.arguments)),
        Type::Tuple(tuple) => tuple.elems.iter().find_map(borrowed),
        Type::Array(array) => borrowed(&array.elem),
        Type::Slice(slice) => borrowed(&slice.elem),
        Type::Paren(paren) => borrowed(&paren.elem),
        Type::Group(group) => borrowed(&group.elem),
        _ => None,
    }
}

fn borrowed_argument(arguments: &PathArguments) -> Option<TokenStream> {
    let PathArguments::AngleBracketed(arguments) = arguments else { return None };
    arguments.args.iter().find_map(|argument| match argument {
        GenericArgument::Lifetime(lifetime) if lifetime.ident != "static" => Some(quote!(#lifetime)),
        GenericArgument::Type(ty) => borrowed(ty),
        _ => None,
    })
}
