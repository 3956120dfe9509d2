//! Which arguments an expression mentions.

use proc_macro2::{TokenStream, TokenTree};
use syn::{Ident, LitStr, ext::IdentExt as _};

/// Whether an expression reads a variable: as a name of its own, or within the text of a macro such as `format!`.
pub(super) fn mentions(expression: TokenStream, variable: &Ident) -> bool {
    found(expression, variable, false)
}

fn found(tokens: TokenStream, variable: &Ident, in_macro: bool) -> bool {
    let mut before = Before::default();
    tokens.into_iter().any(|token| {
        let found = match &token {
            TokenTree::Ident(name) => *name == *variable && !before.is_field_access(),
            TokenTree::Group(group) => found(group.stream(), variable, in_macro || before.is_macro_call()),
            TokenTree::Literal(_) => in_macro && is_formatted(&token, variable),
            TokenTree::Punct(_) => false,
        };
        before.push(&token);
        found
    })
}

/// The two tokens before the one that is looked at.
#[derive(Default)]
struct Before([Option<char>; 2]);

impl Before {
    fn push(&mut self, token: &TokenTree) {
        let mark = match token {
            TokenTree::Punct(punct) => punct.as_char(),
            _ => '_',
        };
        self.0 = [self.0[1], Some(mark)];
    }

    /// `.name` is a field or method; `..name` is the end of a range.
    fn is_field_access(&self) -> bool {
        self.0[1] == Some('.') && self.0[0] != Some('.')
    }

    fn is_macro_call(&self) -> bool {
        self.0 == [Some('_'), Some('!')]
    }
}

/// Whether a format string has `{name}` or `{name:?}` in it.
fn is_formatted(token: &TokenTree, variable: &Ident) -> bool {
    let Ok(text) = syn::parse2::<LitStr>(token.clone().into()) else { return false };
    let name = variable.unraw().to_string();
    let text = text.value().replace("{{", "");
    text.split('{').skip(1).any(|place| place.split([':', '}']).next().is_some_and(|place| place.trim() == name))
}

#[cfg(test)]
mod tests {
    use quote::{format_ident, quote};

    use super::*;

    #[test]
    fn a_variable_is_found_where_it_is_read() {
        let id = format_ident!("id");
        for expression in [
            quote!(id),
            quote!((1, id)),
            quote!(id.0),
            quote!(0..id),
            quote!(f(&id)),
            quote!(format!("{id}")),
            quote!(format!("{id:?}-{{")),
        ] {
            assert!(mentions(expression.clone(), &id), "{expression}");
        }
    }

    #[test]
    fn a_field_a_word_in_text_or_another_name_is_no_mention() {
        let id = format_ident!("id");
        for expression in
            [quote!(user.id), quote!(f("{id}")), quote!(ids), quote!(format!("id {x}")), quote!(format!("{{id}}"))]
        {
            assert!(!mentions(expression.clone(), &id), "{expression}");
        }
    }
}
