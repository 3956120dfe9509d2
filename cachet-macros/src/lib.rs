//! The attributes and derives of cachet. Use them through `cachet_core`, which re-exports them beside what their
//! expansion needs.
//!
//! Inside: tokens become [arguments](args) and a [signature]; [rules](check) are checked on both; the [model] holds
//! only what passed; the [expansion](expand) writes it down. Every mistake of one attribute is reported at once.

mod args;
mod check;
mod derive_key;
mod duration;
mod errors;
mod expand;
mod fallback;
mod http;
mod key;
mod model;
mod signature;
#[cfg(test)]
mod tests;

use proc_macro2::TokenStream;

use crate::{args::Args, errors::Errors, model::Model, signature::Function};

/// Caches.
#[proc_macro_attribute]
pub fn cached(options: proc_macro::TokenStream, item: proc_macro::TokenStream) -> proc_macro::TokenStream {
    expand_cached(options.into(), item.into()).into()
}

/// Derives.
#[proc_macro_derive(CacheKey, attributes(cache_key))]
pub fn derive_cache_key(input: proc_macro::TokenStream) -> proc_macro::TokenStream {
    derive_key::derive(input.into()).into()
}

fn expand_cached(options: TokenStream, item: TokenStream) -> TokenStream {
    let errors = Errors::new();
    let model = model(options, item.clone(), &errors);
    match (errors.finish().as_slice(), model) {
        ([], Some(model)) => expand::expand(&model),
        (errors, _) => fallback::untouched(&item, errors),
    }
}

/// The checked model; `None` when something is wrong, which `errors` then knows.
fn model(options: TokenStream, item: TokenStream, errors: &Errors) -> Option<Model> {
    let args = Args::parse(options, errors);
    let function = Function::parse(item, errors)?;
    check::check(&args, &function, errors);
    if errors.is_empty() { Model::new(args, function) } else { None }
}
