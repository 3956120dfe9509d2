//! The bounds that the fields of a generic type ask for.

use proc_macro2::{TokenStream, TokenTree};
use quote::ToTokens as _;
use syn::{Generics, Ident, Path, Type, WherePredicate, parse_quote};

/// Asks of each type parameter that a written field mentions to be a `CacheKey`; where it is `T::Item` that a field
/// mentions, of the field's type.
pub(super) fn bounded(generics: &Generics, written: &[&Type], krate: &Path) -> Generics {
    let mut bounded = generics.clone();
    for parameter in generics.type_params() {
        let name = &parameter.ident;
        let predicates = &mut bounded.make_where_clause().predicates;
        if written.iter().any(|ty| mentions(ty.to_token_stream(), name, false)) {
            predicates.push(parse_quote!(#name: #krate::CacheKey));
        }
        let projected = written.iter().filter(|ty| mentions(ty.to_token_stream(), name, true));
        predicates.extend(projected.map(|ty| -> WherePredicate { parse_quote!(#ty: #krate::CacheKey) }));
    }
    bounded
}

/// Whether a type mentions a parameter `T`: itself, or `T::…` and `<T as …>::…` when that is asked for.
fn mentions(ty: TokenStream, name: &Ident, projected: bool) -> bool {
    let mut tokens = ty.into_iter().peekable();
    while let Some(token) = tokens.next() {
        let found = match token {
            TokenTree::Ident(ident) => ident == *name && tokens.peek().is_some_and(begins_projection) == projected,
            TokenTree::Group(group) => mentions(group.stream(), name, projected),
            TokenTree::Punct(_) | TokenTree::Literal(_) => false,
        };
        if found {
            return true;
        }
    }
    false
}

fn begins_projection(token: &TokenTree) -> bool {
    match token {
        TokenTree::Punct(punct) => punct.as_char() == ':',
        TokenTree::Ident(ident) => ident == "as",
        TokenTree::Group(_) | TokenTree::Literal(_) => false,
    }
}

#[cfg(test)]
mod tests {
    use quote::quote;

    use super::*;

    #[test]
    fn each_field_asks_for_what_it_writes() {
        let generics: Generics = parse_quote!(<'a, T, U, I: Iterator, J: Iterator, const N: usize>);
        let fields: [Type; 4] = [
            parse_quote!(&'a [(T, u8); N]),
            parse_quote!(Vec<I::Item>),
            parse_quote!(<J as Iterator>::Item),
            parse_quote!(Option<Box<T>>),
        ];
        let bounded = bounded(&generics, &fields.each_ref().map(|ty| ty), &parse_quote!(core));
        let expected =
            quote!(where T: core::CacheKey, Vec<I::Item>: core::CacheKey, <J as Iterator>::Item: core::CacheKey);
        assert_eq!(bounded.where_clause.to_token_stream().to_string(), expected.to_string());
    }
}
