//! What a function may not be, each with what to write instead.

use proc_macro2::{Span, TokenStream, TokenTree};
use quote::quote;
use syn::{Attribute, GenericArgument, PathArguments, ReceiverKind, Signature, Type};

use super::Function;
use crate::errors::Errors;

pub(super) fn refuse(function: &Function, errors: &Errors) {
    refuse_a_second_attribute(function, errors);
    refuse_modifiers(&function.sig, errors);
    refuse_borrowed_return(function, errors);
    refuse_mutable_receiver(&function.sig, errors);
}

/// Both would make controls of the same name.
fn refuse_a_second_attribute(function: &Function, errors: &Errors) {
    let is_cached =
        |attribute: &&Attribute| attribute.path().segments.last().is_some_and(|last| last.ident == "cached");
    if let Some(second) = function.attrs.iter().find(is_cached) {
        errors.over(second, "`#[cached]` is there twice; write all options into one");
    }
}

fn refuse_modifiers(sig: &Signature, errors: &Errors) {
    if let Some(token) = &sig.constness {
        errors.over(token, "a `const fn` cannot be cached: it may run while the program compiles; remove `const`");
    }
    if let syn::Safety::Unsafe(token) = &sig.safety {
        errors.over(
            token,
            "an `unsafe fn` has conditions that a hit would not check; write a safe function around it, and cache that",
        );
    }
    if let Some(abi) = &sig.abi {
        errors.over(abi, "an `extern fn` has no arguments that Rust could make a key of; write a Rust function around it, and cache that");
    }
    if let Some(variadic) = &sig.variadic {
        errors.over(variadic, "variadic arguments cannot be part of a key; write them out");
    }
}

fn refuse_borrowed_return(function: &Function, errors: &Errors) {
    if let Some(borrowed) = borrowed(&function.returns()) {
        errors.over(
            borrowed,
            "a cached value outlives its call, so it cannot borrow from an argument; \
             return an owned value, such as `String` or `Arc<T>`",
        );
    }
}

/// A hit does not run the body, so what the body would have changed stays as it was.
fn refuse_mutable_receiver(sig: &Signature, errors: &Errors) {
    let Some(receiver) = sig.receiver() else { return };
    let is_mutable = match &receiver.kind {
        ReceiverKind::Reference(_, _, mutability) => mutability.is_some(),
        ReceiverKind::Typed(_, ty) => matches!(&**ty, Type::Reference(reference) if reference.mutability.is_some()),
        _ => false,
    };
    if is_mutable {
        errors.over(receiver, "a hit does not run the body, so `&mut self` would change only sometimes; write `&self`");
    }
}

/// `Self` tells an associated function from a free one, where no receiver does. A body with an `impl` or a `trait` of
/// its own may mean theirs.
pub(super) fn mentions_self(function: &Function) -> bool {
    let (sig, body) = (&function.sig, function.body.stream());
    let has_own = ["impl", "trait"].iter().any(|keyword| find(body.clone(), keyword).is_some());
    find(quote!(#sig), "Self").is_some() || (!has_own && find(body, "Self").is_some())
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
