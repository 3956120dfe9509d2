//! Which of the function's attributes go where.

use proc_macro2::TokenStream;
use quote::{ToTokens, quote};
use syn::{Attribute, Meta, Token, punctuated::Punctuated};

const SWITCHES: [&str; 6] = ["cfg", "allow", "warn", "deny", "forbid", "expect"];

/// The attributes of every generated item: `cfg` and lint levels.
pub(super) fn shared(attrs: &[Attribute]) -> Vec<TokenStream> {
    attrs.iter().filter(|attribute| is_switch(&attribute.meta)).map(unexpecting).collect()
}

/// The attributes of the function itself: all of them.
pub(super) fn own(attrs: &[Attribute]) -> Vec<TokenStream> {
    attrs.iter().map(unexpecting).collect()
}

/// `expect` as `allow`: what it expects comes true in one of the items that the function becomes, not in all of them.
fn unexpecting(attribute: &Attribute) -> TokenStream {
    match &attribute.meta {
        Meta::List(list) if list.path.is_ident("expect") => {
            let lints = &list.tokens;
            quote!(#[allow(#lints)])
        }
        _ => attribute.to_token_stream(),
    }
}

fn is_switch(meta: &Meta) -> bool {
    if SWITCHES.iter().any(|switch| meta.path().is_ident(switch)) {
        return true;
    }
    let Meta::List(list) = meta else { return false };
    if !list.path.is_ident("cfg_attr") {
        return false;
    }
    let inside = list.parse_args_with(Punctuated::<Meta, Token![,]>::parse_terminated);
    inside.is_ok_and(|inside| inside.iter().skip(1).all(is_switch))
}
