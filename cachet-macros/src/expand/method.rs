//! A method. An `impl` block has room for functions only, and that of a trait for none of ours: what describes the
//! method is made of closures, in a second function beside it or in the method itself.

use proc_macro2::TokenStream;
use quote::{ToTokens as _, format_ident, quote};
use syn::Ident;

use super::{Loader, Tuples, alone::body_alone, attributes, body, free::underscores, hidden, key, spec::spec};
use crate::{model::Model, signature::Parameter};

pub(super) fn expand(model: &Model, accessor: Option<&Ident>) -> TokenStream {
    let tuples = Tuples::of(model);
    match accessor {
        Some(accessor) => with_accessor(model, accessor, &tuples),
        None => alone(model, &tuples),
    }
}

/// The method, its controls, and its body under a name of ours.
fn with_accessor(model: &Model, accessor: &Ident, tuples: &Tuples) -> TokenStream {
    let (core, private, function) = (model.core(), model.private(), &model.function);
    let (attrs, vis) = (attributes::shared(&function.attrs), &function.vis);
    let (types, generics, bounds) = (
        turbofish(tuples),
        tuples.generics_of(&{
            let (key, all) = (tuples.key_types(), tuples.all_types());
            quote!(#key #all)
        }),
        &tuples.generics.where_clause,
    );
    let (key, all) = (tuples.key_types(), tuples.all_types());
    let (kind, load) =
        (hidden(if function.is_async() { "MethodControls" } else { "PlainMethodControls" }), loader(model));
    let (returns, shape) = (function.returns(), model.spelled_shape());
    let receiver = function.receiver.as_ref().map(|_| quote!(self,));
    let arguments = function.parameters.iter().map(|parameter| &parameter.ident);
    let called = body::called(model, &quote!(Self::#load #types (#receiver #(#arguments),*)));
    let itself = quote!(Self::#accessor #types().function());
    let (ask, tags_of_call) = key::of_call(model, tuples, &itself);
    let go_on = if model.settings.is_alone() {
        let this = function.receiver.as_ref().map(|_| quote!(self,));
        let arguments = function.parameters.iter().map(|parameter| &parameter.ident);
        Loader::Alone(quote!(#private::Load::alone(&#itself, (#this #(#arguments,)*))))
    } else {
        Loader::Own(called)
    };
    let method = method(model, &model.answer(&ask, &tags_of_call, &go_on));
    let alone = if model.settings.is_alone() {
        let shape = hidden(super::spelled_shape(&returns));
        let shape = function.blame_return().ty(&quote!(#private::Shape), &quote!({ #private::#shape }));
        let body = body_alone(
            model,
            &tuples.all,
            [&returns.to_token_stream(), &shape],
            |arguments| quote!(Self::#load #types (#(#arguments),*)),
        );
        let names = tuples.all_names();
        quote!(|#names| #body)
    } else {
        quote!(::core::result::Result::Err)
    };
    let (described, names) = (described(model, tuples, &key), tuples.all_names());
    let keyed = key::keyed_by_all(model, tuples);
    let passed = tuples.all.iter().map(|member| &member.ident);
    let call = model.waited(quote!(Self::#load #types(#(#passed),*)));
    let docs = format!("The controls of the cache of `{}`.", function.name());
    let (loader, underscores) = (body::function(function, &load), underscores(model));
    quote! {
        #method
        #(#attrs)*
        #[doc = #docs]
        #[allow(dead_code, unreachable_pub, single_use_lifetimes, clippy::type_complexity, clippy::must_use_candidate)]
        #[allow(unused_variables, clippy::extra_unused_lifetimes, clippy::borrow_deref_ref)]
        #underscores
        #vis fn #accessor #generics () -> #core::#kind<
            impl #private::Key<#key> + #private::Load<#all, Returns = #returns, Shape = #shape>, #key, #all
        > #bounds {
            #core::#kind::new(#private::loading::<_, #all, _, _, _, _>(
                #described,
                |#names| #keyed,
                |#names| async move { #call },
                #alone,
            ))
        }
        #(#attrs)*
        #underscores
        #loader
    }
}

/// The method alone, with everything inside.
fn alone(model: &Model, tuples: &Tuples) -> TokenStream {
    let (ask, tags) = key::of_call(model, tuples, &itself(model, tuples));
    method(model, &model.answer(&ask, &tags, &Loader::Own(body::future(model))))
}

/// The user's method with another body.
fn method(model: &Model, answer: &TokenStream) -> TokenStream {
    let function = &model.function;
    let (attrs, vis, sig) = (attributes::own(&function.attrs), &function.vis, &function.sig);
    let (asyncness, ident, generics, output, bounds) =
        (&sig.asyncness, &sig.ident, &sig.generics, &sig.output, &sig.generics.where_clause);
    let receiver = function.receiver.as_ref().map(|receiver| quote!(#receiver,));
    let parameters =
        function.parameters.iter().map(|Parameter { attrs, ident, ty, .. }| quote!(#(#attrs)* #ident: #ty));
    let underscores = underscores(model);
    quote! {
        #(#attrs)*
        #underscores
        #vis #asyncness fn #ident #generics (#receiver #(#parameters),*) #output #bounds {
            #answer
        }
    }
}

/// The expression that describes the method to the runtime, all but its body.
fn described(model: &Model, tuples: &Tuples, key: &TokenStream) -> TokenStream {
    let (private, names, returns) = (model.private(), tuples.key_names(), model.function.returns());
    let (itself, keyed) = (itself(model, tuples), key::keyed(model));
    quote!(#private::method::<#returns, _, #key, _>(#itself, |#names| #keyed))
}

/// The method's static, and what the attribute says. What tells the instances of a generic type's method apart is the
/// type of a closure in it: no item may name the generics around it.
fn itself(model: &Model, tuples: &Tuples) -> TokenStream {
    let (private, spec, returns) = (model.private(), spec_of(model, tuples), model.function.returns());
    quote!({
        static SITE: #private::Site = #private::Site::new();
        #private::Described::<#returns, _>::method(&SITE, || #spec, || {})
    })
}

fn spec_of(model: &Model, tuples: &Tuples) -> TokenStream {
    let (instance, name) = (instance(tuples), model.function.name());
    spec(model, Some(&quote!(.method_of(::core::any::type_name::<Self>(), #name) #instance)))
}

/// The names of a generic method's types, which its type alone does not tell.
fn instance(tuples: &Tuples) -> Option<TokenStream> {
    let names = tuples.instance();
    if names.is_empty() {
        return None;
    }
    let parameters = tuples.declared();
    Some(quote! {
        .instance({
            fn __of<#(#parameters),*>() {}
            ::core::any::type_name_of_val(&__of::<#(#names),*>)
        })
    })
}

fn turbofish(tuples: &Tuples) -> Option<TokenStream> {
    let names = tuples.instance();
    (!names.is_empty()).then(|| quote!(::<#(#names),*>))
}

/// The body's name: no method of the user's is called so.
fn loader(model: &Model) -> Ident {
    format_ident!("__cachet_load_{}", model.function.name(), span = model.function.sig.ident.span())
}
