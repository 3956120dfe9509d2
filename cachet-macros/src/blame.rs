//! Whom the compiler blames for generated code: a stretch of the user's tokens.
//!
//! A span that covers several tokens cannot be made on stable, but the compiler makes one itself, from the first to the
//! last token of what it complains about. So generated code begins at the first blamed token and ends at the last.

use proc_macro2::{Delimiter, Group, Span, TokenStream, TokenTree};
use quote::{ToTokens, quote, quote_spanned};
use syn::Ident;

/// The first and the last token that are blamed.
#[derive(Clone, Copy)]
pub(crate) struct Blame {
    first: Span,
    last: Span,
}

impl Blame {
    pub(crate) fn on(tokens: impl ToTokens) -> Self {
        let mut spans = tokens.into_token_stream().into_iter().map(|token| token.span());
        let first = spans.next().unwrap_or_else(Span::call_site);
        Self { first, last: spans.last().unwrap_or(first) }
    }

    /// Where code that is ours begins: it points at the user's tokens and sees none of the user's names.
    pub(crate) fn start(self) -> Span {
        Span::mixed_site().located_at(self.first)
    }

    fn end(self) -> Span {
        Span::mixed_site().located_at(self.last)
    }

    /// `&*name`, which is the reference `name` again, with a beginning and an end of its own.
    pub(crate) fn reference(self, name: &Ident) -> TokenStream {
        let mut name = name.clone();
        let start = name.span().located_at(self.first);
        name.set_span(name.span().located_at(self.last));
        quote_spanned!(start=> &*#name)
    }

    /// `&(expression)`.
    pub(crate) fn borrowed(self, expression: TokenStream) -> TokenStream {
        let mut group = Group::new(Delimiter::Parenthesis, expression);
        group.set_span(self.end());
        quote_spanned!(self.start()=> &#group)
    }

    /// `path<argument>`.
    pub(crate) fn ty(self, path: &TokenStream, argument: &TokenStream) -> TokenStream {
        let (path, end) = (at(quote!(#path <), self.start()), quote_spanned!(self.end()=> >));
        quote!(#path #argument #end)
    }

    /// `path::name`.
    pub(crate) fn path(self, path: &TokenStream, name: &str) -> TokenStream {
        let (path, name) = (at(quote!(#path ::), self.start()), Ident::new(name, self.end()));
        quote!(#path #name)
    }

    /// `path!(arguments)`.
    pub(crate) fn invocation(self, path: &TokenStream, arguments: TokenStream) -> TokenStream {
        self.call(&quote!(#path!), arguments)
    }

    /// `path(arguments).await`.
    pub(crate) fn awaited_call(self, path: &TokenStream, arguments: TokenStream) -> TokenStream {
        let (call, wait) = (self.call(path, arguments), quote_spanned!(self.end()=> .await));
        quote!(#call #wait)
    }

    /// `path(arguments)`.
    pub(crate) fn call(self, path: &TokenStream, arguments: TokenStream) -> TokenStream {
        let mut group = Group::new(Delimiter::Parenthesis, arguments);
        group.set_span(self.end());
        let path = at(path.clone(), self.start());
        quote!(#path #group)
    }
}

fn at(tokens: TokenStream, place: Span) -> TokenStream {
    tokens
        .into_iter()
        .map(|mut token: TokenTree| {
            token.set_span(place);
            token
        })
        .collect()
}
