//! `#[derive(CacheKey)]`: every field in order, an enum's variant before its fields.

use proc_macro2::{Span, TokenStream, TokenTree};
use quote::{format_ident, quote, quote_spanned};
use syn::{
    Attribute, Data, DeriveInput, Field, Fields, Generics, Ident, Index, Member, Token, Type, Variant, WherePredicate,
    meta::ParseNestedMeta, parse_quote, punctuated::Punctuated,
};

use crate::{
    blame::Blame,
    errors::{Errors, did_you_mean},
    fallback,
};

/// Where a `#[cache_key(…)]` stands.
#[derive(Clone, Copy, PartialEq)]
enum Place {
    Item,
    Variant,
    Field,
}

pub(crate) fn derive(input: TokenStream) -> TokenStream {
    let input: DeriveInput = match syn::parse2(input) {
        Ok(input) => input,
        Err(error) => return fallback::empty_key(None, &[error]),
    };
    let errors = Errors::new();
    let expansion = implementation(&input, &errors);
    match errors.finish().as_slice() {
        [] => expansion,
        errors => fallback::empty_key(Some(&input), errors),
    }
}

fn implementation(input: &DeriveInput, errors: &Errors) -> TokenStream {
    let writer = writer();
    is_skipped(&input.attrs, Place::Item, errors);
    let (body, written) = match &input.data {
        Data::Struct(data) => structure(&data.fields, errors),
        Data::Enum(data) => enumeration(&data.variants, errors),
        Data::Union(data) => {
            errors.over(
                data.union_token,
                "a union does not know which of its fields it holds; write `impl CacheKey` by hand",
            );
            (TokenStream::new(), Vec::new())
        }
    };
    let (name, generics) = (&input.ident, bounded(&input.generics, &written));
    let (impl_generics, ty_generics, where_clause) = generics.split_for_impl();
    quote! {
        #[automatically_derived]
        #[allow(deprecated)]
        impl #impl_generics ::cachet_core::CacheKey for #name #ty_generics #where_clause {
            #[inline]
            fn write_key(&self, #writer: &mut ::cachet_core::KeyWriter) {
                #body
            }
        }
    }
}

fn structure<'a>(fields: &'a Fields, errors: &Errors) -> (TokenStream, Vec<&'a Type>) {
    let written = written(fields, errors);
    let (pattern, code) = parts(fields, &written);
    let unused = written.is_empty().then(|| {
        let unwritten = writer();
        quote!(let _ = #unwritten;)
    });
    (quote!(let Self #pattern = self; #unused #code), types(&written))
}

fn enumeration<'a>(variants: &'a Punctuated<Variant, Token![,]>, errors: &Errors) -> (TokenStream, Vec<&'a Type>) {
    let writer = writer();
    let mut types_of_all = Vec::new();
    let arms: Vec<TokenStream> = (0_u32..)
        .zip(variants)
        .map(|(index, variant)| {
            is_skipped(&variant.attrs, Place::Variant, errors);
            let written = written(&variant.fields, errors);
            types_of_all.extend(types(&written));
            arm(index, variant, &written)
        })
        .collect();
    let body = if arms.is_empty() { quote!(let _ = #writer; match *self {}) } else { quote!(match self { #(#arms)* }) };
    (body, types_of_all)
}

fn arm(index: u32, variant: &Variant, written: &[(Member, &Field)]) -> TokenStream {
    let (name, writer) = (&variant.ident, writer());
    let (pattern, code) = parts(&variant.fields, written);
    quote! {
        Self::#name #pattern => {
            #writer.variant(#index);
            #code
        }
    }
}

/// The pattern that takes the fields apart, and the code that writes them.
fn parts(fields: &Fields, written: &[(Member, &Field)]) -> (TokenStream, TokenStream) {
    let bindings: Vec<Ident> =
        (0..written.len()).map(|n| format_ident!("__field{n}", span = Span::mixed_site())).collect();
    let members = written.iter().map(|(member, _)| member);
    let rest = (written.len() < fields.len()).then(|| quote!(..));
    let writes = written.iter().zip(&bindings).map(|((_, field), binding)| write(&field.ty, binding));
    (quote!({ #(#members: #bindings,)* #rest }), quote!(#(#writes)*))
}

/// Writes one field; if its type is no key, the type is to blame.
fn write(ty: &Type, binding: &Ident) -> TokenStream {
    let (blame, writer) = (Blame::on(ty), writer());
    let value = blame.reference(binding);
    quote_spanned!(blame.start()=> ::cachet_core::CacheKey::write_key(#value, #writer);)
}

/// The fields that are part of the key.
fn written<'a>(fields: &'a Fields, errors: &Errors) -> Vec<(Member, &'a Field)> {
    let named = fields.iter().enumerate().map(|(index, field)| (member(index, field), field));
    named.filter(|(_, field)| !is_skipped(&field.attrs, Place::Field, errors)).collect()
}

fn member(index: usize, field: &Field) -> Member {
    match &field.ident {
        Some(ident) => Member::Named(ident.clone()),
        None => Member::Unnamed(Index::from(index)),
    }
}

fn types<'a>(written: &[(Member, &'a Field)]) -> Vec<&'a Type> {
    written.iter().map(|(_, field)| &field.ty).collect()
}

/// Reads `#[cache_key(skip)]`.
fn is_skipped(attrs: &[Attribute], place: Place, errors: &Errors) -> bool {
    let mut skipped = false;
    for attribute in attrs.iter().filter(|attribute| attribute.path().is_ident("cache_key")) {
        let read = attribute.parse_nested_meta(|meta| {
            if let Some(mistake) = mistake(&meta, place, skipped) {
                errors.over(&meta.path, mistake);
                pass_value(&meta);
            } else {
                skipped = true;
            }
            Ok(())
        });
        if let Err(error) = read {
            errors.add(error);
        }
    }
    skipped
}

fn mistake(meta: &ParseNestedMeta<'_>, place: Place, skipped: bool) -> Option<String> {
    let name = quote::ToTokens::to_token_stream(&meta.path).to_string();
    match (name.as_str(), place) {
        ("with" | "rename", _) => Some(format!("`{name}` is not available yet")),
        ("skip", Place::Item) => Some("`skip` goes on a field; a type that is no key needs no derive".into()),
        ("skip", Place::Variant) => Some("`skip` goes on a field; a variant is always part of the key".into()),
        ("skip", Place::Field) if skipped => Some("`skip` is given twice; keep one".into()),
        ("skip", Place::Field) => None,
        _ => Some(format!("unknown option `{name}`{}", did_you_mean(&name, ["skip"]))),
    }
}

/// Passes over `= value` or `(…)` behind an option that is not read.
fn pass_value(meta: &ParseNestedMeta<'_>) {
    while !meta.input.is_empty() && !meta.input.peek(Token![,]) {
        let _passed: syn::Result<TokenTree> = meta.input.parse();
    }
}

/// Asks of each type parameter that a written field mentions to be a `CacheKey`; where it is `T::Item` that a field
/// mentions, of the field's type.
fn bounded(generics: &Generics, written: &[&Type]) -> Generics {
    let mut bounded = generics.clone();
    for parameter in generics.type_params() {
        let name = &parameter.ident;
        let predicates = &mut bounded.make_where_clause().predicates;
        if written.iter().any(|ty| mentions(quote!(#ty), name, false)) {
            predicates.push(parse_quote!(#name: ::cachet_core::CacheKey));
        }
        let projected = written.iter().filter(|ty| mentions(quote!(#ty), name, true));
        predicates.extend(projected.map(|ty| -> WherePredicate { parse_quote!(#ty: ::cachet_core::CacheKey) }));
    }
    bounded
}

/// Whether a type mentions a parameter `T`: itself, or `T::…` when that is asked for.
fn mentions(ty: TokenStream, name: &Ident, projected: bool) -> bool {
    let mut tokens = ty.into_iter().peekable();
    while let Some(token) = tokens.next() {
        let found = match token {
            TokenTree::Ident(ident) => {
                let is_path = matches!(tokens.peek(), Some(TokenTree::Punct(punct)) if punct.as_char() == ':');
                ident == *name && is_path == projected
            }
            TokenTree::Group(group) => mentions(group.stream(), name, projected),
            TokenTree::Punct(_) | TokenTree::Literal(_) => false,
        };
        if found {
            return true;
        }
    }
    false
}

/// A name of ours, which no field can clash with.
fn writer() -> Ident {
    Ident::new("__writer", Span::mixed_site())
}
