//! What is emitted beside errors, so that a mistake in an attribute stays the only thing that is red.

use proc_macro2::TokenStream;
use quote::quote;
use syn::DeriveInput;

/// The user's item as it was written: it still compiles, and completion still works in it.
pub(crate) fn untouched(item: &TokenStream, errors: &[syn::Error]) -> TokenStream {
    let errors = errors.iter().map(syn::Error::to_compile_error);
    quote!(#(#errors)* #item)
}

/// An implementation that writes nothing, so that functions with such an argument are not blamed as well.
pub(crate) fn empty_key(input: Option<&DeriveInput>, errors: &[syn::Error]) -> TokenStream {
    let errors = errors.iter().map(syn::Error::to_compile_error);
    let stub = input.map(|input| {
        let name = &input.ident;
        let (impl_generics, ty_generics, where_clause) = input.generics.split_for_impl();
        quote! {
            #[automatically_derived]
            impl #impl_generics ::cachet_core::CacheKey for #name #ty_generics #where_clause {
                fn write_key(&self, _: &mut ::cachet_core::KeyWriter) {}
            }
        }
    });
    quote!(#(#errors)* #stub)
}
