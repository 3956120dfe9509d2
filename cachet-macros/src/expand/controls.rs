//! The controls: what callers do with a function's cache beside calling the function.

use proc_macro2::TokenStream;
use quote::quote;

use super::{attributes, hidden, levels, references};
use crate::model::{KeyArgument, Model};

/// One control as it is generated.
struct Control {
    docs: &'static str,
    name: &'static str,
    parameters: TokenStream,
    returns: TokenStream,
    /// Arguments of the runtime function that bears the control's name.
    arguments: TokenStream,
    /// Generic arguments after the function's own type.
    inferred: TokenStream,
}

pub(super) fn controls(model: &Model) -> TokenStream {
    let (attrs, handle) = (attributes::shared(&model.function.attrs), &model.handle);
    let mut controls = vec![invalidate(model)];
    if !model.is_handler() {
        controls.extend([refresh(model), fetch(model), peek(model), put(model)]);
    }
    controls.push(clear(model));
    let controls = controls.iter().map(|control| control.tokens(model));
    let (stats, levels) = (stats(model), levels(model));
    quote! {
        #(#attrs)*
        #levels
        impl #handle {
            #(#controls)*
            #stats
        }
    }
}

impl Control {
    fn tokens(&self, model: &Model) -> TokenStream {
        let Self { docs, name, parameters, returns, arguments, inferred } = self;
        let (vis, sig) = (&model.function.vis, &model.function.sig);
        let (asyncness, lifetimes, bounds) = (&sig.asyncness, &sig.generics, &sig.generics.where_clause);
        let (wait, runtime, name) =
            (asyncness.map(|_| quote!(.await)), model.runtime(name), syn::Ident::new(name, sig.ident.span()));
        let marker = model.marker();
        quote! {
            #[doc = #docs]
            #vis #asyncness fn #name #lifetimes (#parameters) -> #returns #bounds {
                #runtime::<#marker #inferred>(#arguments) #wait
            }
        }
    }
}

fn invalidate(model: &Model) -> Control {
    let (core, key) = (model.core(), borrowed_key(model));
    Control {
        docs: "Invalidates the entry of these arguments in every tier.",
        name: "invalidate",
        parameters: key_parameters(model),
        returns: quote!(#core::Invalidation),
        arguments: key,
        inferred: TokenStream::new(),
    }
}

/// Loads, so it takes every argument.
fn refresh(model: &Model) -> Control {
    let docs = "Invalidates the entry of these arguments and loads it anew.";
    loading(model, "refresh", docs, model.function.returns())
}

fn fetch(model: &Model) -> Control {
    let docs = "Calls the function, and gives the value with its age, lifetime and validator.";
    loading(model, "fetch", docs, model.part_of_return("Fetched"))
}

fn loading(model: &Model, name: &'static str, docs: &'static str, returns: TokenStream) -> Control {
    let parameters = model.function.parameters.iter().map(|parameter| {
        let (ident, ty) = (&parameter.ident, &parameter.ty);
        quote!(#ident: #ty)
    });
    let (key, load) = (key(model), model.loader());
    Control {
        docs,
        name,
        parameters: quote!(#(#parameters),*),
        returns,
        arguments: quote!(#key, #load),
        inferred: quote!(, _, _),
    }
}

fn peek(model: &Model) -> Control {
    let (core, stored, key, tags) = (model.core(), model.part_of_return("Stored"), borrowed_key(model), tags(model));
    Control {
        docs: "The entry of these arguments, if a tier holds it fresh; nothing is loaded.",
        name: "peek",
        parameters: key_parameters(model),
        returns: quote!(::core::option::Option<#core::Cached<#stored>>),
        arguments: if model.function.is_async() { quote!(#key, #tags) } else { key },
        inferred: TokenStream::new(),
    }
}

fn put(model: &Model) -> Control {
    let (core, stored, key, tags) = (model.core(), model.part_of_return("Stored"), key(model), tags(model));
    let (parameters, value) = (key_parameters(model), hidden("value"));
    Control {
        docs: "Puts a value into the tiers, as if these arguments had just been loaded.",
        name: "put",
        parameters: quote!(#parameters #value: #stored),
        returns: quote!(#core::Invalidation),
        arguments: quote!(#key, #tags, #value),
        inferred: TokenStream::new(),
    }
}

fn clear(model: &Model) -> Control {
    let core = model.core();
    Control {
        docs: "Invalidates every entry of the function in every tier.",
        name: "clear",
        parameters: TokenStream::new(),
        returns: quote!(#core::Invalidation),
        arguments: TokenStream::new(),
        inferred: TokenStream::new(),
    }
}

/// The counters are at hand, so this one never waits.
fn stats(model: &Model) -> TokenStream {
    let (core, private, vis, marker) = (model.core(), model.private(), &model.function.vis, model.marker());
    quote! {
        #[doc = "The function's counters."]
        #[must_use]
        #vis fn stats() -> #core::Stats {
            #private::stats::<#marker>()
        }
    }
}

fn key_parameters(model: &Model) -> TokenStream {
    let parameters = model.key.arguments.iter().map(|KeyArgument { ident, ty, .. }| quote!(#ident: #ty,));
    quote!(#(#parameters)*)
}

fn key(model: &Model) -> TokenStream {
    let arguments = references(&model.key.arguments);
    quote!(Self::__key(#arguments))
}

/// The plain kind borrows the key where it does not keep it.
fn borrowed_key(model: &Model) -> TokenStream {
    let key = key(model);
    if model.function.is_async() { key } else { quote!(&#key) }
}

fn tags(model: &Model) -> TokenStream {
    let arguments = references(model.tag_arguments());
    quote!(Self::__tags(#arguments))
}
