//! The user's body, under the user's signature or in its place.

use proc_macro2::TokenStream;
use quote::quote;
use syn::{Ident, Type};

use super::hidden;
use crate::{
    model::Model,
    signature::{Function, Waits},
};

/// The user's function under a name of ours. What clippy would say about the signature is not for a private function to
/// hear: the public one has the same, and that one is the user's.
pub(super) fn function(function: &Function, name: &Ident) -> TokenStream {
    let (sig, body) = (&function.sig, &function.body);
    let (asyncness, generics, inputs, output, bounds) =
        (&sig.asyncness, &sig.generics, &sig.inputs, &sig.output, &sig.generics.where_clause);
    let unused_async = asyncness.map(|_| quote!(clippy::unused_async));
    quote! {
        #[allow(
            single_use_lifetimes,
            clippy::needless_pass_by_value,
            clippy::trivially_copy_pass_by_ref,
            clippy::unnecessary_wraps,
            clippy::unused_self,
            #unused_async
        )]
        #asyncness fn #name #generics (#inputs) #output #bounds #body
    }
}

/// The call of the body, as a future unless it is plain: of an `async fn` it is one.
pub(super) fn called(model: &Model, call: &TokenStream) -> TokenStream {
    match model.function.waits {
        Waits::Async | Waits::Plain => call.clone(),
        Waits::Boxed(_) => quote!(async move { #call.await }),
    }
}

/// The body as a future of its own, where no other item can stand: in a method that may be one of a trait.
pub(super) fn future(model: &Model) -> TokenStream {
    let (function, body) = (&model.function, model.function.body.stream());
    let rebound = function.parameters.iter().filter(|parameter| parameter.is_rebound()).map(|parameter| {
        let (pattern, ident) = (&parameter.pattern, &parameter.ident);
        quote!(let #pattern = #ident;)
    });
    let returns = function.returns();
    match &function.waits {
        Waits::Async => {
            let typed = typed(&returns);
            quote!(async move { #typed #(#rebound)* #body })
        }
        Waits::Plain => quote!((move || -> #returns { #(#rebound)* #body })()),
        Waits::Boxed(_) => {
            let output = &function.sig.output;
            quote!(async move { (move || #output { #(#rebound)* #body })().await })
        }
    }
}

/// Tells an `async` block its type, which `?` and `return` need and no syntax gives it.
fn typed(returns: &Type) -> TokenStream {
    let never = hidden("__never");
    quote! {
        #[allow(unreachable_code, clippy::diverging_sub_expression, clippy::needless_return)]
        if false {
            let #never: #returns = ::core::unreachable!();
            return #never;
        }
    }
}
