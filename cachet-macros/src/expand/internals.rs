//! What the runtime asks of one cached function: its descriptor, and key, tags and loader of a call.

use proc_macro2::{Span, TokenStream};
use quote::{quote, quote_spanned};
use syn::{Generics, Ident, LitStr, WhereClause, ext::IdentExt as _};

use super::{attributes, blamed, hidden, levels};
use crate::{
    args::{KeySource, Lifetime},
    blame::Blame,
    key::{Part, Place, Template},
    model::{KeyArgument, Model},
    signature::Function,
};

/// The function as a type that the runtime's functions take.
pub(super) fn descriptor(model: &Model) -> TokenStream {
    let (attrs, private, core) = (attributes::shared(&model.function.attrs), model.private(), model.core());
    let (handle, marker) = (&model.handle, model.marker());
    let (returns, kind, errors) = if model.is_handler() {
        let kind = quote!(#private::Kind<{ #private::RESULT }>);
        (quote!(::cachet_actix::__private::Handled), kind, quote!(::cachet_actix::__private::SHARED_ERRORS))
    } else {
        (model.function.returns(), model.kind(), quote!(#core::__errors!(#private::Failure<#marker>)))
    };
    quote! {
        #(#attrs)*
        #[allow(non_camel_case_types)]
        enum #marker {}

        #(#attrs)*
        impl #private::Function for #marker {
            type Returns = #returns;
            type Kind = #kind;
            const ERRORS: #private::ErrorSharing<#private::Failure<Self>> = #errors;

            fn call() -> &'static #private::Call<#private::Stored<Self>> {
                static CALL: #private::Call<#private::Stored<#marker>> = #private::Call::new(#handle::__spec);
                &CALL
            }
        }
    }
}

/// The functions that nobody calls by hand.
pub(super) fn internals(model: &Model) -> TokenStream {
    let (attrs, handle, levels) = (attributes::shared(&model.function.attrs), &model.handle, levels(model));
    let (first, spec, key, tags, load) = (constant(model), spec(model), key(model), tags(model), load(&model.function));
    quote! {
        #(#attrs)*
        #levels
        impl #handle {
            #first
            #spec
            #key
            #tags
            #load
        }
    }
}

/// A handler's directives; a function's kind, which is where a value that cannot be kept is noticed.
fn constant(model: &Model) -> TokenStream {
    if let Some(directives) = &model.http {
        return quote! {
            const __HTTP: ::cachet_actix::__private::Http = ::cachet_actix::__private::Http::new(#directives);
        };
    }
    let (core, function) = (model.core(), &model.function);
    let kind = function.blame_return().invocation(&quote!(#core::__kind), function.returns());
    quote!(const __KIND: u8 = #kind;)
}

fn spec(model: &Model) -> TokenStream {
    let (private, core, settings, name) = (model.private(), model.core(), &model.settings, model.function.name());
    let marker = model.marker();
    let ttl = lifetime(&settings.ttl);
    let place = model.function.blame_return().start();
    let shared = settings.tiers.has_shared().then(|| quote_spanned!(place=> .shared()));
    let memory = (!settings.tiers.has_memory()).then(|| quote!(.memory(false)));
    let given_name = settings.name.as_ref().map(|name| quote!(.name(#name)));
    let capacity = settings.capacity.map(number).map(|entries| quote!(.capacity(#entries)));
    let version = settings.version.map(number).map(|version| quote!(.version(#version)));
    let negative_ttl = settings.negative_ttl.as_ref().map(lifetime).map(|ttl| quote!(.negative_ttl(#ttl)));
    let memory_ttl = settings.memory_ttl.as_ref().map(lifetime).map(|ttl| quote!(.memory_ttl(#ttl)));
    // A stored response has its entity tag among its headers.
    let validated = (!model.is_handler()).then(|| quote!(.validated(#core::__validator!(#private::Stored<#marker>))));
    quote! {
        fn __spec() -> #private::Spec<#private::Stored<#marker>> {
            #private::Spec::new(::core::concat!(::core::module_path!(), "::", #name), #ttl)
                #given_name #shared #memory #capacity #version #negative_ttl #memory_ttl
                #validated
        }
    }
}

fn lifetime(lifetime: &Lifetime) -> TokenStream {
    match lifetime {
        Lifetime::Computed(expression) => quote!(#expression),
        Lifetime::Known(duration) if duration.subsec_millis() == 0 => {
            let seconds = number(duration.as_secs());
            quote!(::core::time::Duration::from_secs(#seconds))
        }
        Lifetime::Known(duration) => {
            let millis = number(duration.as_secs() * 1000 + u64::from(duration.subsec_millis()));
            quote!(::core::time::Duration::from_millis(#millis))
        }
    }
}

fn number(value: u64) -> proc_macro2::Literal {
    proc_macro2::Literal::u64_unsuffixed(value)
}

fn key(model: &Model) -> TokenStream {
    let (private, parameters, writer) = (model.private(), key_parameters(&model.key.arguments), hidden("__writer"));
    let (form, parts) = match &model.key.source {
        None => (hidden("bytes"), model.key.arguments.iter().map(|argument| write_argument(model, argument)).collect()),
        Some(KeySource::Expression(expression)) => {
            let blame = Blame::on(expression);
            (hidden("bytes"), write_value(model, blame, &blame.borrowed(expression)))
        }
        Some(KeySource::Template(template)) => (hidden("text"), write_template(model, template)),
    };
    let (lifetimes, bounds) = generics(model);
    quote! {
        #[allow(clippy::borrow_deref_ref)]
        fn __key #lifetimes (#parameters) -> #private::KeyBuf #bounds {
            #private::KeyBuf::#form(|#writer| { #parts })
        }
    }
}

fn write_template(model: &Model, template: &Template) -> TokenStream {
    let writer = hidden("__writer");
    let part = |part: &Part| match part {
        Part::Text(text) => quote!(#writer.literal(#text);),
        Part::Place(place) => match argument(model, place) {
            Some(argument) if place.fields.is_empty() => write_argument(model, argument),
            _ => {
                let value = place_value(model, place, template);
                write_value(model, Blame::on(template), &quote!(&#value))
            }
        },
    };
    template.parts.iter().map(part).collect()
}

/// Writes a whole argument; if its type is no key, the type is to blame.
fn write_argument(model: &Model, argument: &KeyArgument) -> TokenStream {
    let blame = Blame::on(&argument.ty);
    write_value(model, blame, &blame.reference(&argument.ident))
}

fn write_value(model: &Model, blame: Blame, value: &TokenStream) -> TokenStream {
    let (private, writer) = (model.private(), hidden("__writer"));
    quote_spanned!(blame.start()=> #private::CacheKey::write_key(#value, #writer);)
}

fn tags(model: &Model) -> TokenStream {
    let private = model.private();
    let parameters = key_parameters(model.tag_arguments());
    let tags = model.tags.iter().map(|tag| write_tag(model, tag));
    let (lifetimes, bounds) = generics(model);
    quote! {
        fn __tags #lifetimes (#parameters) -> #private::Tags #bounds {
            ::std::vec![#(#tags),*]
        }
    }
}

fn write_tag(model: &Model, tag: &Template) -> TokenStream {
    if tag.places().next().is_none() {
        let text = tag.text();
        return quote!(::std::string::String::from(#text));
    }
    let format = LitStr::new(&tag.format(), Span::mixed_site().located_at(tag.literal.span()));
    let values = tag.places().map(|place| place_value(model, place, tag));
    quote!(::std::format!(#format, #(#values),*))
}

/// The argument or field that a place names, blamed on the template.
fn place_value(model: &Model, place: &Place, template: &Template) -> TokenStream {
    let fields = &place.fields;
    let argument = argument(model, place).map(|argument| blamed(&argument.ident, template.literal.span()));
    quote!(#argument #(.#fields)*)
}

fn argument<'a>(model: &'a Model, place: &Place) -> Option<&'a KeyArgument> {
    model.key.arguments.iter().find(|argument| argument.ident.unraw() == place.argument)
}

fn generics(model: &Model) -> (&Generics, Option<&WhereClause>) {
    let generics = &model.function.sig.generics;
    (generics, generics.where_clause.as_ref())
}

fn key_parameters<'a>(arguments: impl IntoIterator<Item = &'a KeyArgument>) -> TokenStream {
    let parameters = arguments.into_iter().map(|KeyArgument { ident, ty, .. }| quote!(#ident: &#ty));
    quote!(#(#parameters),*)
}

/// The user's body behind the user's signature. What clippy would say about the signature is not for a private function
/// to hear: the public one has the same, and that one is the user's.
fn load(function: &Function) -> TokenStream {
    let (sig, body) = (&function.sig, &function.body);
    let (asyncness, generics, inputs, output, bounds) =
        (&sig.asyncness, &sig.generics, &sig.inputs, &sig.output, &sig.generics.where_clause);
    let load = Ident::new("__load", sig.ident.span());
    let unused_async = asyncness.map(|_| quote!(clippy::unused_async));
    quote! {
        #[allow(
            clippy::needless_pass_by_value,
            clippy::trivially_copy_pass_by_ref,
            clippy::unnecessary_wraps,
            #unused_async
        )]
        #asyncness fn #load #generics (#inputs) #output #bounds #body
    }
}
