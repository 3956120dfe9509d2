//! A body that may go on without its caller: what it borrows is copied first.

use proc_macro2::TokenStream;
use quote::quote;
use syn::{Ident, Type};

use super::tuples::Member;
use crate::{
    model::Model,
    signature::{Waits, type_arguments},
};

/// How an argument is passed to a body that outlives the call.
pub(crate) enum Passing<'t> {
    /// As it is.
    Owned,
    /// Of `&T`: a copy, which the body borrows.
    Borrowed(&'t Type),
    /// Of `Option<&T>`: the same of what is inside.
    Maybe(&'t Type),
}

impl<'t> Passing<'t> {
    pub(crate) fn of(ty: &'t Type) -> Self {
        match ty {
            Type::Reference(reference) => Self::Borrowed(&reference.elem),
            Type::Path(path) => {
                let inside = path.path.segments.last().filter(|last| last.ident == "Option");
                match inside.and_then(|last| type_arguments(&last.arguments).next()) {
                    Some(Type::Reference(reference)) => Self::Maybe(&reference.elem),
                    _ => Self::Owned,
                }
            }
            _ => Self::Owned,
        }
    }

    /// The statement that copies what is borrowed.
    fn copied(&self, ident: &Ident) -> Option<TokenStream> {
        Some(match self {
            Self::Owned => return None,
            Self::Borrowed(ty) => quote!(let #ident = <#ty as ::std::borrow::ToOwned>::to_owned(#ident);),
            Self::Maybe(ty) => quote! {
                let #ident = ::core::option::Option::map(#ident, <#ty as ::std::borrow::ToOwned>::to_owned);
            },
        })
    }

    /// The argument out of its copy.
    fn passed(&self, ident: &Ident) -> TokenStream {
        match self {
            Self::Owned => quote!(#ident),
            Self::Borrowed(ty) => quote!(::core::borrow::Borrow::<#ty>::borrow(&#ident)),
            Self::Maybe(ty) => quote! {
                ::core::option::Option::map(
                    ::core::option::Option::as_ref(&#ident),
                    |__inside| ::core::borrow::Borrow::<#ty>::borrow(__inside),
                )
            },
        }
    }
}

/// The expression of the body that `Load::alone` gives, where all arguments are at hand. `call` makes the body's call.
pub(super) fn body_alone(
    model: &Model,
    all: &[Member],
    types: &TokenStream,
    call: impl FnOnce(&[TokenStream]) -> TokenStream,
) -> TokenStream {
    let private = model.private();
    let passings: Vec<_> = all.iter().map(|member| (&member.ident, Passing::of(&member.ty))).collect();
    let copies = passings.iter().filter_map(|(ident, passing)| passing.copied(ident));
    let passed: Vec<_> = passings.iter().map(|(ident, passing)| passing.passed(ident)).collect();
    let call = call(&passed);
    let body = match model.function.waits {
        Waits::Plain => quote!(#private::alone_blocking::<#types>(move || #call)),
        Waits::Async | Waits::Boxed(_) => quote!(#private::alone::<#types>(async move { #call.await })),
    };
    quote!({ #(#copies)* ::core::result::Result::Ok(#body) })
}
