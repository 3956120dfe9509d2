//! A function of many keys, each of which has an entry of its own.

use proc_macro2::TokenStream;
use quote::{ToTokens as _, quote};
use syn::Ident;

use super::{Tuples, attributes, body, free, hidden, key, spec::spec};
use crate::{
    model::{Batch, Model},
    signature::Parameter,
};

pub(super) fn expand(model: &Model, handle: &Ident, batch: &Batch) -> TokenStream {
    let (private, tuples) = (model.private(), Tuples::of(model));
    let function = function(model, &tuples, batch);
    let controls = free::controls(model, handle, &tuples, "Controls");
    let (shape, returns) = (quote!(#private::Shape<{ #private::PLAIN }>), model.value_type());
    let described = free::function_impl(model, &tuples, &returns, &shape, &spec(model, None));
    let keyed = free::key_impl(model, &tuples);
    let (body, attrs) =
        (body::function(&model.function, &free::loader(model)), attributes::shared(&model.function.attrs));
    quote!(#function #controls #described #keyed #(#attrs)* #body)
}

fn function(model: &Model, tuples: &Tuples, batch: &Batch) -> TokenStream {
    let (private, function) = (model.private(), &model.function);
    let (attrs, vis, sig) = (attributes::own(&function.attrs), &function.vis, &function.sig);
    let (asyncness, ident, generics, output, bounds) =
        (&sig.asyncness, &sig.ident, &sig.generics, &sig.output, &sig.generics.where_clause);
    let parameters =
        function.parameters.iter().map(|Parameter { attrs, ident, ty, .. }| quote!(#(#attrs)* #ident: #ty));
    let Batch { ident: many, key: one, is_slice } = batch;
    let keys = if *is_slice { quote!(#many.iter().cloned()) } else { many.to_token_stream() };
    let (names, borrowed, keyed) = (tuples.key_names(), tuples.borrowed_key(), key::keyed(model));
    let (it, loader, missing) = (free::it(model, tuples), free::loader(model), hidden("__missing"));
    let others: Vec<_> =
        function.parameters.iter().filter(|parameter| parameter.ident != *many).map(|other| &other.ident).collect();
    let arguments = function.parameters.iter().map(|parameter| match &parameter.ident {
        ident if ident == many && *is_slice => quote!(&#missing),
        ident if ident == many => missing.to_token_stream(),
        other => other.to_token_stream(),
    });
    let (returns, shape) = (function.returns(), model.shape());
    let underscores = free::underscores(model);
    quote! {
        #(#attrs)*
        #underscores
        #vis #asyncness fn #ident #generics (#(#parameters),*) #output #bounds {
            #private::batch::<_, _, #returns, #shape, _, _>(
                #it,
                #keys,
                |#many: &#one| { let #names = #borrowed; #keyed },
                |#missing: ::std::vec::Vec<#one>| {
                    #(let #others = ::core::clone::Clone::clone(&#others);)*
                    async move { #loader(#(#arguments),*).await }
                },
            ).await
        }
    }
}

impl Model {
    /// How the return type splits.
    pub(super) fn shape(&self) -> TokenStream {
        let (core, private, returns) = (self.core(), self.private(), self.function.returns());
        let blame = self.function.blame_return();
        let shape = blame.invocation(&quote!(#core::__shape), quote!(#returns));
        blame.ty(&quote!(#private::Shape), &quote!({ #shape }))
    }

    /// The type of one value: what a call returns, or one value of the map that a batch returns.
    pub(super) fn value_type(&self) -> TokenStream {
        let (private, returns) = (self.private(), self.function.returns());
        if self.batch.is_none() {
            return quote!(#returns);
        }
        let shape = self.shape();
        quote!(<<#shape as #private::Splits<#returns>>::Stored as #private::Pairs>::Value)
    }
}
