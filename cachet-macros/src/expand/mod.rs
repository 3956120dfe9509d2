//! The model as code: the user's function, which calls one runtime function, and beside it a type with its controls.
//!
//! Paths are absolute, and every name that is not the user's is invisible to the user's code. Attributes that the
//! compiler reads as switches (`cfg`, lints) go to every item; all others stay on the function.

mod attributes;
mod controls;
mod function;
mod internals;

use proc_macro2::{Span, TokenStream};
use quote::{ToTokens, format_ident, quote};
use syn::{Ident, ext::IdentExt as _};

use crate::model::{KeyArgument, Model};

pub(crate) fn expand(model: &Model) -> TokenStream {
    let function = function::function(model);
    let handle = handle(model);
    let descriptor = internals::descriptor(model);
    let internals = internals::internals(model);
    let controls = controls::controls(model);
    quote! {
        #function
        #handle
        #descriptor
        #internals
        #controls
    }
}

/// The type that the controls hang off.
fn handle(model: &Model) -> TokenStream {
    let (attrs, vis, handle) = (attributes::shared(&model.function.attrs), &model.function.vis, &model.handle);
    let docs = format!("The controls of the cache of `{}`.", model.function.name());
    quote! {
        #(#attrs)*
        #[doc = #docs]
        #[allow(non_camel_case_types, dead_code, unreachable_pub)]
        #vis enum #handle {}
    }
}

impl Model {
    /// cachet-core's path.
    fn core(&self) -> TokenStream {
        self.krate.as_ref().map_or_else(|| quote!(::cachet_core), ToTokens::to_token_stream)
    }

    /// The module that is made for generated code.
    fn private(&self) -> TokenStream {
        let core = self.core();
        quote!(#core::__private)
    }

    /// The type that stands for the function in the runtime's functions. It is private, while `handle` is as public as
    /// the function: an associated type may not be less public than its type, and the return type of a `pub fn` may.
    fn marker(&self) -> Ident {
        format_ident!("__cachet_fn_{}", self.function.name(), span = Span::mixed_site())
    }

    /// What the return type splits into: `Stored` or `Fetched`.
    fn part_of_return(&self, part: &str) -> TokenStream {
        let (private, kind, returns, part) = (self.private(), self.kind(), self.function.returns(), hidden(part));
        quote!(<#kind as #private::Returns<#returns>>::#part)
    }

    /// How the return type splits.
    fn kind(&self) -> TokenStream {
        let (private, handle) = (self.private(), &self.handle);
        quote!(#private::Kind<{ #handle::__KIND }>)
    }

    fn is_handler(&self) -> bool {
        self.http.is_some()
    }

    /// A runtime function of the function's kind, by its name for the async kind.
    fn runtime(&self, name: &str) -> TokenStream {
        let private = self.private();
        let name = if self.function.is_async() { hidden(name) } else { hidden(&format!("{name}_blocking")) };
        quote!(#private::#name)
    }

    /// The key arguments that a tag mentions: what `__tags` is given.
    fn tag_arguments(&self) -> impl Iterator<Item = &KeyArgument> {
        self.key.arguments.iter().filter(|argument| {
            let name = argument.ident.unraw().to_string();
            self.tags.iter().any(|tag| tag.mentions(&name))
        })
    }

    /// The loader: what the runtime calls on a miss.
    fn loader(&self) -> TokenStream {
        let (handle, tagged) = (&self.handle, unwrapped(self.tag_arguments()));
        let arguments = self.function.parameters.iter().map(|parameter| &parameter.ident);
        let load = quote!(#handle::__load(#(#arguments),*));
        let load = if self.function.is_async() { load } else { quote!(move || #load) };
        quote!(move || (#handle::__tags(#tagged), #load))
    }
}

/// The lint levels of generated functions: not all of them are called, nor does each make use of all lifetimes.
fn levels(model: &Model) -> TokenStream {
    let has_lifetimes = !model.function.sig.generics.params.is_empty();
    let lifetimes = has_lifetimes.then(|| quote!(#[allow(single_use_lifetimes, unused_lifetimes)]));
    let underscores = underscores(model);
    quote!(#lifetimes #underscores #[allow(dead_code, unreachable_pub)])
}

/// An argument that the body has no use for is still handed on.
fn underscores(model: &Model) -> Option<TokenStream> {
    let mut parameters = model.function.parameters.iter();
    parameters
        .any(|parameter| parameter.ident.to_string().starts_with('_'))
        .then(|| quote!(#[allow(clippy::used_underscore_binding)]))
}

/// References to the key's values, out of the function's own parameters.
fn unwrapped<'a>(arguments: impl IntoIterator<Item = &'a KeyArgument>) -> TokenStream {
    let references = arguments.into_iter().map(|KeyArgument { ident, is_wrapped, .. }| match is_wrapped {
        true => quote!(&*#ident),
        false => quote!(&#ident),
    });
    quote!(#(#references),*)
}

/// The same out of a control's parameters, which are never wrapped.
fn references<'a>(arguments: impl IntoIterator<Item = &'a KeyArgument>) -> TokenStream {
    let references = arguments.into_iter().map(|argument| &argument.ident);
    quote!(#(&#references),*)
}

/// A name of ours that the user's code can neither see nor shadow.
fn hidden(name: &str) -> Ident {
    Ident::new(name, Span::mixed_site())
}

/// The user's name, blamed elsewhere.
fn blamed(ident: &Ident, place: Span) -> Ident {
    let mut ident = ident.clone();
    ident.set_span(ident.span().located_at(place));
    ident
}
