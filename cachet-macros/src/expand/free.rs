//! A free function: beside it stand an alias that names its controls, and the type that describes it.

use proc_macro2::{Span, TokenStream};
use quote::{ToTokens as _, format_ident, quote, quote_spanned};
use syn::{GenericParam, Ident, Visibility, parse_quote};

use super::{Loader, Tuples, alone::body_alone, attributes, body, hidden, key, spec::spec};
use crate::{
    model::Model,
    signature::{Parameter, Waits},
};

pub(super) fn expand(model: &Model, handle: &Ident) -> TokenStream {
    let tuples = Tuples::of(model);
    let kind = if model.function.is_async() { "Controls" } else { "PlainControls" };
    let items = [function(model, &tuples), controls(model, handle, &tuples, kind), describe(model, &tuples)];
    let load = load(model, &tuples);
    let body = body::function(&model.function, &loader(model));
    let attrs = attributes::shared(&model.function.attrs);
    quote!(#(#items)* #load #(#attrs)* #body)
}

/// The function as its callers know it.
fn function(model: &Model, tuples: &Tuples) -> TokenStream {
    let (private, function) = (model.private(), &model.function);
    let (attrs, vis, sig) = (attributes::own(&function.attrs), &function.vis, &function.sig);
    let (asyncness, ident, output) = (&sig.asyncness, &sig.ident, &sig.output);
    let (generics, bounds) = (&tuples.generics, &tuples.generics.where_clause);
    let parameters = function.parameters.iter().zip(&tuples.all).map(|(Parameter { attrs, ident, ty, .. }, member)| {
        let ty = if matches!(ty, syn::Type::ImplTrait(_)) { &member.ty } else { ty };
        quote!(#(#attrs)* #ident: #ty)
    });
    let (it, args, names, underscores) = (it(model, tuples), hidden("__args"), tuples.all_names(), underscores(model));
    let loader = body::called(model, &loaded(model));
    let tags = if key::parts(model).1.is_some() {
        quote!(#private::Load::tags_of(&#it, &#args))
    } else {
        quote!(#private::Tags::new())
    };
    let (key, hit) = (key::written(), model.hit());
    let ask = quote!({
        let mut #key = #private::KeyBuf::bytes();
        #private::Load::write_key_of(&#it, &#args, &mut #key);
        #private::#hit(&#it, &mut #key)
    });
    let go_on = if model.settings.is_alone() {
        Loader::Alone(quote!(#private::Load::alone(&#it, #args)))
    } else {
        Loader::Own(quote!({ let #names = #args; #loader }))
    };
    let answer = model.answer(&ask, &tags, &go_on);
    quote! {
        #(#attrs)*
        #underscores
        #vis #asyncness fn #ident #generics (#(#parameters),*) #output #bounds {
            let #args = #names;
            #answer
        }
    }
}

/// The value that stands for the function.
pub(super) fn it(model: &Model, tuples: &Tuples) -> TokenStream {
    let instance = instance(model, tuples);
    if tuples.instance().is_empty() {
        quote!(#instance)
    } else {
        quote!(<#instance as ::core::default::Default>::default())
    }
}

/// The alias that the controls hang off, and the type that it is about.
pub(super) fn controls(model: &Model, handle: &Ident, tuples: &Tuples, kind: &str) -> TokenStream {
    let (core, attrs, vis) = (model.core(), attributes::shared(&model.function.attrs), &model.function.vis);
    let (kind, key, all, marker) = (hidden(kind), tuples.key_types(), tuples.all_types(), marker(model));
    let instance = match (instance(model, tuples), model.private()) {
        (instance, private) if model.loads_by(tuples) => quote!(#private::Whole<#instance>),
        (instance, _) => instance.to_token_stream(),
    };
    let docs = format!("The controls of the cache of `{}`.", model.function.name());
    let names = tuples.generics_of(&quote!(#key #all)).params.into_iter().map(|parameter| match parameter {
        GenericParam::Lifetime(lifetime) => lifetime.lifetime.to_token_stream(),
        GenericParam::Type(ty) => ty.ident.to_token_stream(),
        GenericParam::Const(constant) => {
            let (name, ty) = (&constant.ident, &constant.ty);
            quote!(const #name: #ty)
        }
    });
    let definition = definition(tuples, &marker, &attrs, vis);
    quote! {
        #(#attrs)*
        #[doc = #docs]
        #[allow(non_camel_case_types, dead_code, unreachable_pub, single_use_lifetimes)]
        #vis type #handle<#(#names),*> = #core::#kind<#instance, #key, #all>;
        #(#attrs)*
        #[doc(hidden)]
        #[allow(non_camel_case_types, unreachable_pub)]
        #definition
    }
}

/// The type that stands for the function, and how one of it is made.
fn definition(tuples: &Tuples, marker: &Ident, attrs: &[TokenStream], vis: &Visibility) -> TokenStream {
    if tuples.instance().is_empty() {
        return quote! {
            #[derive(::core::default::Default)]
            #vis struct #marker;
        };
    }
    let parameters = tuples.declared();
    let types = tuples.generics.type_params().map(|ty| &ty.ident);
    let names = tuples.instance();
    let phantom = quote!(::core::marker::PhantomData);
    quote! {
        #vis struct #marker<#(#parameters),*>(#phantom<fn() -> (#(#phantom<#types>,)*)>);
        #(#attrs)*
        impl<#(#parameters),*> ::core::default::Default for #marker<#(#names),*> {
            fn default() -> Self { Self(#phantom) }
        }
    }
}

/// What the runtime asks of the function.
fn describe(model: &Model, tuples: &Tuples) -> TokenStream {
    let (core, private, function) = (model.core(), model.private(), &model.function);
    let returns = function.returns();
    let is_generic = !tuples.instance().is_empty();
    let blame = function.blame_return();
    let shape = if is_generic {
        let shape = hidden(super::spelled_shape(&returns));
        quote!(#private::#shape)
    } else {
        blame.invocation(&quote!(#core::__shape), quote!(#returns))
    };
    let shape = blame.ty(&quote!(#private::Shape), &quote!({ #shape }));
    let of_instance = is_generic.then(|| quote!(.instance(::core::any::type_name::<Self>())));
    let function = function_impl(model, tuples, &quote!(#returns), &shape, &spec(model, of_instance.as_ref()));
    let key = (!model.loads_by(tuples)).then(|| key_impl(model, tuples));
    quote!(#function #key)
}

/// The description of a function that returns `returns`.
pub(super) fn function_impl(
    model: &Model,
    tuples: &Tuples,
    returns: &TokenStream,
    shape: &TokenStream,
    spec: &TokenStream,
) -> TokenStream {
    let (private, attrs) = (model.private(), attributes::shared(&model.function.attrs));
    let (instance, bounds, generics) = (instance(model, tuples), &tuples.generics.where_clause, &tuples.generics);
    let place = model.function.blame_return().start();
    let returns = quote_spanned!(place=> type Returns = #returns;);
    let levels = levels(model);
    let new = if tuples.instance().is_empty() { quote!(new) } else { quote!(instance::<Self>) };
    quote! {
        #(#attrs)*
        #levels
        impl #generics #private::Function for #instance #bounds {
            #returns
            type Shape = #shape;
            fn described(&self) -> #private::Described<Self::Returns, Self::Shape> {
                static SITE: #private::Site = #private::Site::new();
                #private::Described::#new(&SITE, || #spec)
            }
        }
    }
}

/// Its key.
pub(super) fn key_impl(model: &Model, tuples: &Tuples) -> TokenStream {
    let (private, attrs) = (model.private(), attributes::shared(&model.function.attrs));
    let (instance, generics, bounds) =
        (instance(model, tuples), tuples.generics_of(&tuples.key_types()), &tuples.generics.where_clause);
    let (types, names, (key, tags)) = (tuples.key_types(), tuples.key_names(), key::parts(model));
    let levels = levels(model);
    let tags = tags.map(|tags| quote!(fn tags(&self, #names: &#types) -> #private::Tags { #tags }));
    quote! {
        #(#attrs)*
        #levels
        impl #generics #private::Key<#types> for #instance #bounds {
            fn key(&self, #names: &#types) -> #private::KeyBuf { #key }
            #tags
        }
    }
}

/// The function's body.
fn load(model: &Model, tuples: &Tuples) -> TokenStream {
    let (private, attrs, function) = (model.private(), attributes::shared(&model.function.attrs), &model.function);
    let (instance, generics, bounds) =
        (instance(model, tuples), tuples.generics_of(&tuples.all_types()), &tuples.generics.where_clause);
    let (all, names, returns) = (tuples.all_types(), tuples.all_names(), function.returns());
    let (key, tags, written) = (key::written_of_all(model, tuples), key::tags_of_all(model, tuples), key::written());
    let tags = tags.map(|tags| quote!(fn tags_of(&self, #names: &#all) -> #private::Tags { #tags }));
    let (call, levels) = (loaded(model), levels(model));
    let alone = model.settings.is_alone().then(|| {
        let (name, types, place) = (loader(model), turbofish(model), function.blame_return().start());
        let body = body_alone(
            model,
            &tuples.all,
            [&quote_spanned!(place=> Self::Returns), &quote_spanned!(place=> Self::Shape)],
            |arguments| quote!(#name #types (#(#arguments),*)),
        );
        quote! {
            fn alone(&self, #names: #all) -> ::core::result::Result<#private::Alone, #all> { #body }
        }
    });
    let load = match function.waits {
        Waits::Plain => quote!(async fn load(&self, #names: #all) -> #returns { #call }),
        Waits::Async | Waits::Boxed(_) => quote! {
            fn load(&self, #names: #all) -> impl ::core::future::Future<Output = #returns> { #call }
        },
    };
    quote! {
        #(#attrs)*
        #levels
        impl #generics #private::Load<#all> for #instance #bounds {
            fn write_key_of(&self, #names: &#all, #written: &mut #private::KeyBuf) { #key }
            #tags
            #load
            #alone
        }
    }
}

/// The user's body under a name of ours.
pub(super) fn loader(model: &Model) -> Ident {
    format_ident!("__cachet_load_{}", model.function.name(), span = model.function.sig.ident.span())
}

/// Its call.
fn loaded(model: &Model) -> TokenStream {
    let (loader, types) = (loader(model), turbofish(model));
    let arguments = model.function.parameters.iter().map(|parameter| &parameter.ident);
    quote!(#loader #types (#(#arguments),*))
}

/// The user's own generics, where the arguments alone may not tell them.
fn turbofish(model: &Model) -> Option<TokenStream> {
    let generics = &model.function.sig.generics;
    let names = generics.params.iter().filter_map(|parameter| match parameter {
        GenericParam::Lifetime(_) => None,
        GenericParam::Type(ty) => Some(&ty.ident),
        GenericParam::Const(constant) => Some(&constant.ident),
    });
    let names: Vec<_> = names.collect();
    (!names.is_empty()).then(|| quote!(::<#(#names),*>))
}

/// The name of the type that stands for the function.
fn marker(model: &Model) -> Ident {
    format_ident!("__cachet_fn_{}", model.function.name(), span = Span::mixed_site())
}

/// The same with the function's types and constants.
pub(super) fn instance(model: &Model, tuples: &Tuples) -> syn::Type {
    let (marker, names) = (marker(model), tuples.instance());
    if names.is_empty() { parse_quote!(#marker) } else { parse_quote!(#marker<#(#names),*>) }
}

/// The lint levels of what is generated: not all of it is used, nor does each part make use of all lifetimes.
fn levels(model: &Model) -> TokenStream {
    let underscores = underscores(model);
    quote! {
        #[allow(
            dead_code,
            unused_variables,
            unused_lifetimes,
            single_use_lifetimes,
            clippy::extra_unused_lifetimes,
            clippy::borrow_deref_ref
        )]
        #underscores
    }
}

/// An argument that the body has no use for is still handed on.
pub(super) fn underscores(model: &Model) -> Option<TokenStream> {
    let mut parameters = model.function.parameters.iter();
    parameters
        .any(|parameter| parameter.ident.to_string().starts_with('_'))
        .then(|| quote!(#[allow(clippy::used_underscore_binding)]))
}
