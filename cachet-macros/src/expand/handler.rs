//! A handler: it takes the request's preconditions beside its own parameters, and gives the finished response.

use proc_macro2::TokenStream;
use quote::quote;
use syn::Ident;

use super::{Tuples, attributes, body, free, hidden, key, spec::spec};
use crate::{
    blame::Blame,
    http::Etag,
    model::{Http, Model},
    signature::Parameter,
};

pub(super) fn expand(model: &Model, handle: &Ident) -> TokenStream {
    let (private, tuples) = (model.private(), Tuples::of(model));
    let (function, controls) = (function(model, &tuples), free::controls(model, handle, &tuples, "Controls"));
    let returns = quote!(::cachet_actix::__private::Handled);
    let shape = quote!(#private::Shape<{ #private::RESULT }>);
    let described = free::function_impl(model, &tuples, &returns, &shape, &spec(model, None));
    let keyed = free::key_impl(model, &tuples);
    quote!(#function #controls #described #keyed)
}

fn function(model: &Model, tuples: &Tuples) -> TokenStream {
    let function = &model.function;
    let (attrs, vis, sig) = (attributes::own(&function.attrs), &function.vis, &function.sig);
    let (asyncness, ident, generics, bounds) = (&sig.asyncness, &sig.ident, &sig.generics, &sig.generics.where_clause);
    let parameters =
        function.parameters.iter().map(|Parameter { attrs, ident, ty, .. }| quote!(#(#attrs)* #ident: #ty));
    let arguments = function.parameters.iter().map(|parameter| &parameter.ident);
    let (incoming, load) = (hidden("__incoming"), Ident::new("__load", sig.ident.span()));
    let (body, it, key) = (body::function(function, &load), free::it(model, tuples), key::keyed(model));
    let (http, said) = (hidden("__HTTP"), model.http.as_ref().map(said));
    let (called, written) = (hidden("__call"), hidden("__function"));
    let respond = function.blame_return().awaited_call(
        &quote!(::cachet_actix::__private::respond),
        quote!(#incoming, &#http, #written, #called, move || #load(#(#arguments),*)),
    );
    let underscores = free::underscores(model);
    let (names, borrowed) = (tuples.key_names(), tuples.borrowed_key());
    quote! {
        #(#attrs)*
        #underscores
        #vis #asyncness fn #ident #generics (#incoming: ::cachet_actix::__private::Incoming, #(#parameters),*)
            -> ::cachet_actix::__private::HttpResponse #bounds
        {
            static #http: ::cachet_actix::__private::Http = #said;
            #body
            let #written = #it;
            let #called = { let #names = #borrowed; #key };
            #respond
        }
    }
}

/// The constant that holds the handler's options.
fn said(http: &Http) -> TokenStream {
    let (private, directives, fields) = (quote!(::cachet_actix::__private), &http.directives, &http.vary);
    let cdn = http.cdn.as_ref().map(|cdn| quote!(.cdn(#cdn)));
    let vary = (!fields.is_empty()).then(|| quote!(.vary(&[#(#fields),*])));
    let etag = match &http.etag {
        Etag::Strong => None,
        Etag::Weak => Some(quote!(.weak())),
        Etag::By(function) => {
            let body = hidden("__body");
            let tag = Blame::on(function).path(&private, "tag_by");
            Some(quote!(.tagged(|#body| #tag(#function, #body))))
        }
    };
    let sees_more = http.sees_more.then(|| quote!(.sees_more()));
    quote!(#private::Http::new(#directives) #cdn #vary #etag #sees_more)
}
