//! The function as its callers know it.

use proc_macro2::TokenStream;
use quote::quote;

use super::{attributes, hidden, underscores, unwrapped};
use crate::{model::Model, signature::Parameter};

pub(super) fn function(model: &Model) -> TokenStream {
    let function = &model.function;
    let (attrs, vis, sig) = (attributes::own(&function.attrs), &function.vis, &function.sig);
    let (asyncness, ident, generics, bounds) = (&sig.asyncness, &sig.ident, &sig.generics, &sig.generics.where_clause);
    let parameters = function.parameters.iter().map(plain);
    let (incoming, output, body) = if model.is_handler() { handler(model) } else { plain_function(model) };
    let underscores = underscores(model);
    quote! {
        #(#attrs)*
        #underscores
        #vis #asyncness fn #ident #generics (#incoming #(#parameters),*) #output #bounds {
            #body
        }
    }
}

/// A parameter without `mut`, which only the body makes use of.
fn plain(Parameter { attrs, ident, ty, .. }: &Parameter) -> TokenStream {
    quote!(#(#attrs)* #ident: #ty)
}

fn plain_function(model: &Model) -> (TokenStream, TokenStream, TokenStream) {
    let (handle, call, load, key) =
        (&model.handle, model.runtime("call"), model.loader(), unwrapped(&model.key.arguments));
    let (output, marker, written) = (&model.function.sig.output, model.marker(), hidden("__key"));
    let wait = model.function.is_async().then(|| quote!(.await));
    let body = quote! {
        let #written = #handle::__key(#key);
        #call::<#marker, _, _>(#written, #load) #wait
    };
    (TokenStream::new(), quote!(#output), body)
}

/// A handler takes the request's preconditions beside its own parameters, and gives the finished response.
fn handler(model: &Model) -> (TokenStream, TokenStream, TokenStream) {
    let (handle, load, key) = (&model.handle, model.loader(), unwrapped(&model.key.arguments));
    let marker = model.marker();
    let (incoming, written) = (hidden("__incoming"), hidden("__key"));
    let respond = model.function.blame_return().awaited_call(
        &quote!(::cachet_actix::__private::respond::<#marker, _, _>),
        quote!(#incoming, &#handle::__HTTP, #written, #load),
    );
    let body = quote! {
        let #written = #handle::__key(#key);
        #respond
    };
    let parameter = quote!(#incoming: ::cachet_actix::__private::Incoming,);
    (parameter, quote!(-> ::cachet_actix::__private::HttpResponse), body)
}
