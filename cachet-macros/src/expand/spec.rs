//! What the attribute says, as the runtime is told.

use proc_macro2::TokenStream;
use quote::{quote, quote_spanned};
use syn::{Pat, Type};

use super::{hidden, key};
use crate::{
    args::{Codec, ErrorTtl, Lifetime, OnOutage},
    model::Model,
    signature::type_arguments,
};

/// The expression that builds the function's `Spec`; `instance` tells instances of a generic function apart.
pub(super) fn spec(model: &Model, instance: Option<&TokenStream>) -> TokenStream {
    let (private, core, settings, name) = (model.private(), model.core(), &model.settings, model.function.name());
    let (ttl, returns) = (lifetime(&settings.ttl), model.value_type());
    let given_name = settings.name.as_ref().map(|name| quote!(.name(#name)));
    let memory = (!settings.tiers.has_memory()).then(|| quote!(.memory(false)));
    let capacity = settings.capacity.map(number).map(|entries| quote!(.capacity(#entries)));
    let max_bytes = settings.max_bytes.map(number).map(|bytes| quote!(.max_bytes(#bytes)));
    let weight = settings.weight.as_ref().map(|weight| quote!(.weight(#weight)));
    let version = settings.version.map(number).map(|version| quote!(.version(#version)));
    let place = model.function.blame_return().start();
    let negative_ttl = settings.negative_ttl.as_ref().map(lifetime).map(|ttl| {
        let keep = quote_spanned!(place=> .negative_ttl);
        quote!(#keep(#ttl))
    });
    let memory_ttl = settings.memory_ttl.as_ref().map(lifetime).map(|ttl| quote!(.memory_ttl(#ttl)));
    let jitter = settings.jitter.map(|share| quote!(.jitter(#share)));
    let stale = settings.stale.as_ref().map(lifetime).map(|window| quote!(.stale(#window)));
    let stale_if_error = settings.stale_if_error.as_ref().map(lifetime).map(|window| quote!(.stale_if_error(#window)));
    let fails = settings
        .stale_if_error
        .as_ref()
        .filter(|_| settings.timeout.is_none() && !model.is_handler())
        .map(|_| quote_spanned!(place=> .fails()));
    let is_final = (model.is_handler() && (settings.stale.is_some() || settings.stale_if_error.is_some()))
        .then(|| quote!(.is_final(::cachet_actix::__private::is_final)));
    let early = settings.early.map(|beta| quote!(.early(#beta)));
    let timeout = settings.timeout.as_ref().map(lifetime).map(|deadline| quote!(.timeout(#deadline)));
    let when = settings.when.as_ref().map(|when| quote!(.when(#when)));
    let ttl_of = settings.ttl_of.as_ref().map(|ttl| quote!(.ttl_of(#ttl)));
    let (shared, error_ttl, tags_of) = (shared(model), error_ttl(model), key::tags_of(model));
    let (returns, probed) = if model.is_handler() {
        (quote!(::cachet_actix::__private::Handled), quote!(::cachet_actix::__private::probed()))
    } else {
        let probed = model.function.blame_return().invocation(&quote!(#core::__probe), quote!(#returns));
        (returns, probed)
    };
    let new = if model.is_handler() {
        quote!(#private::Spec::<#returns, _>::new)
    } else {
        // The closures among the options see the value's type from here on.
        model.function.blame_return().path(&quote!(#private::Spec::<#returns, _>), "new")
    };
    quote! {
        #new(::core::concat!(::core::module_path!(), "::", #name), #ttl, #probed)
            #instance #given_name #shared #memory #capacity #max_bytes #weight #version #negative_ttl #memory_ttl #jitter
            #stale #stale_if_error #fails #is_final #early #timeout #when #ttl_of #error_ttl #tags_of
    }
}

/// The shared tier needs the value as bytes; if it has none, the return type is to blame.
fn shared(model: &Model) -> Option<TokenStream> {
    let settings = &model.settings;
    if !settings.tiers.has_shared() {
        return None;
    }
    let mut codec = hidden(match settings.codec {
        Codec::Bincode => "bincode",
        Codec::Json => "json",
        Codec::Postcard => "postcard",
    });
    let place = model.function.blame_return().start();
    codec.set_span(place);
    let errors = settings.error_ttl.as_ref().map(|_| quote_spanned!(place=> .shared_errors()));
    let on_outage = match settings.on_outage {
        OnOutage::Load => None,
        OnOutage::Stale => Some(quote!(.stale_in_outage())),
        OnOutage::Fail => Some(quote_spanned!(place=> .fail_in_outage())),
    };
    Some(quote_spanned!(place=> .#codec() #errors #on_outage))
}

fn error_ttl(model: &Model) -> Option<TokenStream> {
    let some = |ttl: &TokenStream| {
        let kept = hidden("__kept");
        quote!({ let #kept: ::core::time::Duration = #ttl; ::core::option::Option::Some(#kept) })
    };
    // An error that cannot be kept is the return type's.
    let place = model.function.blame_return().start();
    let keep = quote_spanned!(place=> .error_ttl);
    Some(match model.settings.error_ttl.as_ref()? {
        ErrorTtl::All(ttl) => {
            let kept = some(&lifetime(ttl));
            quote!(#keep(|_| #kept))
        }
        ErrorTtl::Matching(arms) => {
            let error = error_type(&model.function.returns());
            let arms = arms.iter().map(|(pattern, ttl)| {
                let (pattern, kept) = (qualified(pattern, error.is_some()), some(&lifetime(ttl)));
                quote!(#pattern => #kept,)
            });
            let alias = error.as_ref().map(|error| quote!(type __Error = #error;));
            quote! {
                #keep(|__error| {
                    #alias
                    #[allow(unreachable_patterns)]
                    match __error {
                        #(#arms)*
                        _ => ::core::option::Option::None,
                    }
                })
            }
        }
    })
}

/// The `E` of a return type that is spelled `Result<T, E>`.
pub(crate) fn error_type(ty: &Type) -> Option<Type> {
    let Type::Path(path) = ty else { return None };
    let last = path.path.segments.last().filter(|last| last.ident == "Result")?;
    type_arguments(&last.arguments).nth(1).cloned()
}

/// A bare name would be a variable that matches everything, so it is taken as a variant of the error.
fn qualified(pattern: &Pat, has_error: bool) -> TokenStream {
    match pattern {
        Pat::Ident(name) if has_error && name.subpat.is_none() => {
            let name = &name.ident;
            quote!(__Error::#name { .. })
        }
        Pat::TupleStruct(tuple) if has_error && tuple.path.get_ident().is_some() => quote!(__Error::#tuple),
        Pat::Struct(fields) if has_error && fields.path.get_ident().is_some() => quote!(__Error::#fields),
        Pat::Or(or) => {
            let cases = or.cases.iter().map(|case| qualified(case, has_error));
            quote!(#(#cases)|*)
        }
        other => quote!(#other),
    }
}

pub(super) fn lifetime(lifetime: &Lifetime) -> TokenStream {
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
