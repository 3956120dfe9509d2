//! Key and tags of a call. Every key argument is a reference here, and `self` is called [`this`](super::tuples::this).

use proc_macro2::{Group, Span, TokenStream, TokenTree};
use quote::{ToTokens as _, quote, quote_spanned};
use syn::{Ident, LitStr, ext::IdentExt as _};

use super::{Tuples, hidden, tuples::this};
use crate::{
    args::KeySource,
    blame::Blame,
    key::{Part, Place, Template},
    model::Model,
};

/// The expression that builds the key.
fn key(model: &Model) -> TokenStream {
    let (private, key, (form, parts)) = (model.private(), written(), form_and_parts(model));
    if parts.is_empty() {
        return quote!(#private::KeyBuf::#form());
    }
    let write = write(&parts);
    quote!({ let mut #key = #private::KeyBuf::#form(); #write #key })
}

/// The statements that write the parts of a key, which is called [`written`].
fn write(parts: &TokenStream) -> Option<TokenStream> {
    let (key, writer) = (written(), hidden("__writer"));
    (!parts.is_empty()).then(|| quote!(let #writer = #key.writer(); #parts))
}

/// A key where it is written. To move it, once it is, takes a fourth of a hit's time: its bytes were stored one by one
/// a moment ago, and a processor waits for that before it loads them as wide as a copy does.
pub(super) fn written() -> Ident {
    hidden("__key")
}

/// Which form the key has, and the statements that write its parts.
fn form_and_parts(model: &Model) -> (Ident, TokenStream) {
    match &model.key.source {
        None => (hidden("bytes"), write_all(model)),
        Some(KeySource::Expression(expression)) => {
            let blame = Blame::on(expression);
            let value = blame.borrowed(without_self(expression.to_token_stream()));
            (hidden("bytes"), write_value(model, blame, &value))
        }
        Some(KeySource::Template(template)) => (hidden("text"), write_template(model, template)),
    }
}

/// The statements that write the key in place, where all arguments are at hand by reference.
pub(super) fn written_of_all(model: &Model, tuples: &Tuples) -> TokenStream {
    let (rebound, key, (form, parts)) = (rebound(tuples), written(), form_and_parts(model));
    let text = (form == "text").then(|| quote!(#key.be_text();));
    let write = write(&parts);
    quote!(#rebound #text #write)
}

/// The question to memory about a call of the function `itself`, and the call's tags, both out of the function's own
/// parameters.
pub(super) fn of_call(model: &Model, tuples: &Tuples, itself: &TokenStream) -> (TokenStream, TokenStream) {
    let (names, borrowed, private) = (tuples.key_names(), tuples.borrowed_key(), model.private());
    let unpacked = |parts: TokenStream| -> TokenStream {
        if tuples.key.is_empty() {
            parts
        } else {
            quote!({ #[allow(unused_variables)] let #names = #borrowed; #parts })
        }
    };
    let tags = tags(model).map_or_else(|| quote!(#private::Tags::new()), unpacked);
    let (key, (form, parts)) = (written(), form_and_parts(model));
    let (write, hit) = (write(&parts), model.hit());
    let ask = quote!({ let mut #key = #private::KeyBuf::#form(); #write #private::#hit(&#itself, &mut #key) });
    (unpacked(ask), tags)
}

/// The bodies of the two functions that make the key and the tags, where the key's arguments are at hand by reference;
/// the second only where there are tags.
pub(super) fn parts(model: &Model) -> (TokenStream, Option<TokenStream>) {
    (key(model), tags(model))
}

/// The tags where all arguments are at hand by reference.
pub(super) fn tags_of_all(model: &Model, tuples: &Tuples) -> Option<TokenStream> {
    let (rebound, tags) = (rebound(tuples), tags(model)?);
    Some(quote!(#rebound #tags))
}

/// The key's arguments out of all.
fn rebound(tuples: &Tuples) -> Option<TokenStream> {
    let (names, borrowed) = (tuples.key_names(), tuples.keyed());
    (!tuples.is_whole()).then(|| quote!(#[allow(unused_variables)] let #names = #borrowed;))
}

/// Key and tags together, where the key's arguments are at hand by reference.
pub(super) fn keyed(model: &Model) -> TokenStream {
    let (private, key) = (model.private(), key(model));
    let tags = tags(model).unwrap_or_else(|| quote!(#private::Tags::new()));
    quote!(#private::Keyed::new(#key, #tags))
}

/// The same where all arguments are.
pub(super) fn keyed_by_all(model: &Model, tuples: &Tuples) -> TokenStream {
    let (names, borrowed, keyed) = (tuples.key_names(), tuples.keyed(), keyed(model));
    quote!({ #[allow(unused_variables)] let #names = #borrowed; #keyed })
}

fn write_all(model: &Model) -> TokenStream {
    let this = model.key.has_self.then(|| write_self(model));
    let arguments = model.key.arguments.iter().map(|argument| write_argument(model, &argument.ident));
    quote!(#this #(#arguments)*)
}

/// If the type has no key, `self` is to blame.
fn write_self(model: &Model) -> TokenStream {
    let place = model.function.receiver.as_ref().map_or_else(Span::call_site, |receiver| receiver.self_token.span);
    let blame = Blame::on(Ident::new("self", place));
    write_value(model, blame, &blame.reference(&this()))
}

/// Writes a whole argument; if its type is no key, the type is to blame.
fn write_argument(model: &Model, ident: &Ident) -> TokenStream {
    let parameter = model.function.parameters.iter().find(|parameter| parameter.ident == *ident);
    let blame = Blame::on(parameter.map(|parameter| &parameter.ty));
    write_value(model, blame, &blame.reference(ident))
}

fn write_template(model: &Model, template: &Template) -> TokenStream {
    let writer = hidden("__writer");
    let part = |part: &Part| match part {
        Part::Text(text) => quote!(#writer.literal(#text);),
        Part::Place(place) if place.fields.is_empty() && place.argument == "self" => write_self(model),
        Part::Place(place) if place.fields.is_empty() => match argument(model, place) {
            Some(ident) => write_argument(model, &ident),
            None => TokenStream::new(),
        },
        Part::Place(place) => {
            let value = place_value(model, place, template);
            write_value(model, Blame::on(template), &quote!(&#value))
        }
    };
    template.parts.iter().map(part).collect()
}

fn write_value(model: &Model, blame: Blame, value: &TokenStream) -> TokenStream {
    let (private, writer) = (model.private(), hidden("__writer"));
    quote_spanned!(blame.start()=> #private::CacheKey::write_key(#value, #writer);)
}

/// The expression of the tags that follow from the arguments; `None` where there are none.
fn tags(model: &Model) -> Option<TokenStream> {
    let tags: Vec<_> = model.tags.iter().filter(|tag| !tag.mentions("value")).collect();
    let tags = (!tags.is_empty()).then(|| tags.iter().map(|tag| write_tag(model, tag)).collect::<Vec<_>>())?;
    Some(quote!(::std::vec![#(#tags),*]))
}

/// The tags that follow from the value.
pub(super) fn tags_of(model: &Model) -> Option<TokenStream> {
    let tags: Vec<_> = model.tags.iter().filter(|tag| tag.mentions("value")).map(|tag| write_tag(model, tag)).collect();
    (!tags.is_empty()).then(|| {
        let value = Ident::new("value", Span::call_site());
        quote!(.tags_of(|#value| ::std::vec![#(#tags),*]))
    })
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

/// The argument or part of it that a place names, blamed on the template.
fn place_value(model: &Model, place: &Place, template: &Template) -> TokenStream {
    let (steps, at) = (&place.fields, template.literal.span());
    let start = match argument(model, place) {
        Some(mut ident) => {
            ident.set_span(ident.span().located_at(at));
            ident
        }
        None => Ident::new("value", Span::call_site().located_at(at)),
    };
    quote!(#start #(#steps)*)
}

/// The variable that a place begins with.
fn argument(model: &Model, place: &Place) -> Option<Ident> {
    if place.argument == "self" {
        return Some(this());
    }
    model.key.arguments.iter().map(|argument| &argument.ident).find(|ident| ident.unraw() == place.argument).cloned()
}

/// An expression with `self` under the name that it has here.
fn without_self(tokens: TokenStream) -> TokenStream {
    let replace = |token: TokenTree| match token {
        TokenTree::Ident(ident) if ident == "self" => {
            let mut this = this();
            this.set_span(this.span().located_at(ident.span()));
            TokenTree::Ident(this)
        }
        TokenTree::Group(group) => {
            let mut replaced = Group::new(group.delimiter(), without_self(group.stream()));
            replaced.set_span(group.span());
            TokenTree::Group(replaced)
        }
        other => other,
    };
    tokens.into_iter().map(replace).collect()
}
