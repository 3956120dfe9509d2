//! A body that may go on without its caller: what it borrows is copied first.

use proc_macro2::{Span, TokenStream};
use quote::{ToTokens as _, quote, quote_spanned};
use syn::{Ident, Type};

use super::{
    hidden,
    tuples::{Member, this},
};
use crate::{
    blame::Blame,
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

    /// The statement that copies what is borrowed. What cannot be copied is blamed at its type.
    fn copied(&self, ident: &Ident, receiver: Option<Span>) -> Option<TokenStream> {
        let copy = |ty: &Type, ident: &Ident| {
            // `&self` has no type of its own to be blamed.
            if let Some(place) = receiver.filter(|_| matches!(ty, Type::Path(path) if path.path.is_ident("Self"))) {
                quote_spanned!(place=> <Self as ::std::borrow::ToOwned>::to_owned(#ident))
            } else {
                let place = Blame::on(ty).start();
                quote_spanned!(place=> <#ty as ::std::borrow::ToOwned>::to_owned(#ident))
            }
        };
        Some(match self {
            Self::Owned => return None,
            Self::Borrowed(ty) => {
                let copy = copy(ty, ident);
                quote!(let #ident = #copy;)
            }
            Self::Maybe(ty) => {
                let inside = hidden("__inside");
                let copy = copy(ty, &inside);
                quote!(let #ident = ::core::option::Option::map(#ident, |#inside| #copy);)
            }
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
///
/// The compiler blames the return type for an error that stays on its thread, and the function's name for a body that
/// does.
pub(super) fn body_alone(
    model: &Model,
    all: &[Member],
    [returns, shape]: [&TokenStream; 2],
    call: impl FnOnce(&[TokenStream]) -> TokenStream,
) -> TokenStream {
    let (function, private) = (&model.function, model.private());
    let receiver = function.receiver.as_ref().map(|receiver| Blame::on(receiver.self_token).start());
    let (mut copies, mut passed) = (Vec::new(), Vec::new());
    for Member { ident, ty } in all {
        let (passing, receiver) = (Passing::of(ty), receiver.filter(|_| *ident == this()));
        let mut ident = ident.clone();
        if let Some(receiver) = receiver {
            ident.set_span(receiver);
        }
        copies.extend(passing.copied(&ident, receiver));
        passed.push(passing.passed(&ident));
    }
    let (call, name) = (call(&passed), Blame::on(&function.sig.ident).start());
    let (alone, body) = match function.waits {
        Waits::Plain => ("alone_blocking", quote_spanned!(name=> move || #call)),
        Waits::Async | Waits::Boxed(_) => ("alone", quote_spanned!(name=> async move { #call.await })),
    };
    let alone = Blame::on(&function.sig.ident).path(&private.to_token_stream(), alone);
    let alone = quote_spanned!(name=> #alone::<#returns, #shape>);
    let body = quote_spanned!(name=> #alone(#body));
    quote!({ #(#copies)* ::core::result::Result::Ok(#body) })
}
