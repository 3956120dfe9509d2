//! What is emitted beside errors, so that a mistake in an attribute stays the only thing that is red.

use proc_macro2::TokenStream;
use quote::quote;

/// The user's item as it was written: it still compiles, and completion still works in it.
pub(crate) fn untouched(item: &TokenStream, errors: &[syn::Error]) -> TokenStream {
    let errors = errors.iter().map(syn::Error::to_compile_error);
    quote!(#(#errors)* #item)
}
