//! `#[derive(CacheKey)]`: every field in order, an enum's variant before its fields.

mod bounds;
mod options;
#[cfg(test)]
mod tests;

use proc_macro2::{Span, TokenStream, TokenTree};
use quote::{ToTokens as _, format_ident, quote, quote_spanned};
use syn::{
    Data, DeriveInput, Expr, Field, Fields, Generics, Ident, Index, Member, Path, Token, Type, Variant,
    parse_quote_spanned, punctuated::Punctuated,
};

use self::options::{Options, Place};
use crate::{blame::Blame, errors::Errors, fallback};

/// A field that is part of the key.
struct Part<'a> {
    member: Member,
    ty: &'a Type,
    /// The function that writes it in place of its `CacheKey`.
    with: Option<Expr>,
}

/// What one derive works with.
struct Derive<'a> {
    krate: Path,
    errors: &'a Errors,
}

pub(crate) fn derive(input: TokenStream) -> TokenStream {
    let input: DeriveInput = match syn::parse2(input) {
        Ok(input) => input,
        Err(error) => return fallback::untouched(&TokenStream::new(), &[error]),
    };
    let errors = Errors::new();
    let options = Options::read(&input.attrs, Place::Item, &errors);
    let krate = options.krate.unwrap_or_else(|| parse_quote_spanned!(Span::mixed_site()=> ::cachet_core));
    let derive = Derive { krate, errors: &errors };
    let expansion = derive.expansion(&input);
    let stub = derive.implementation(&input.ident, &input.generics, &TokenStream::new());
    match errors.finish().as_slice() {
        [] => expansion,
        errors => {
            // The type counts as a key all the same, so that functions with such an argument are not blamed as well.
            let errors = fallback::untouched(&TokenStream::new(), errors);
            quote!(#errors #stub)
        }
    }
}

impl Derive<'_> {
    fn expansion(&self, input: &DeriveInput) -> TokenStream {
        self.check_layout(input);
        let (body, parts) = match &input.data {
            Data::Struct(data) => self.structure(&data.fields),
            Data::Enum(data) => self.enumeration(&data.variants),
            Data::Union(data) => {
                let mistake = "a union does not know which of its fields it holds; write `impl CacheKey` by hand";
                self.errors.over(data.union_token, mistake);
                (TokenStream::new(), Vec::new())
            }
        };
        // What `with` writes need not be a key, nor need its parameters.
        let keys: Vec<&Type> = parts.iter().filter(|part| part.with.is_none()).map(|part| part.ty).collect();
        self.implementation(&input.ident, &bounds::bounded(&input.generics, &keys, &self.krate), &body)
    }

    fn implementation(&self, name: &Ident, generics: &Generics, body: &TokenStream) -> TokenStream {
        let (krate, writer) = (&self.krate, writer());
        let (impl_generics, ty_generics, where_clause) = generics.split_for_impl();
        let unused = body.is_empty().then(|| quote!(let _ = #writer;));
        quote! {
            #[automatically_derived]
            #[allow(deprecated)]
            impl #impl_generics #krate::CacheKey for #name #ty_generics #where_clause {
                #[inline]
                fn write_key(&self, #writer: &mut #krate::KeyWriter) {
                    #body
                    #unused
                }
            }
        }
    }

    /// Fields of a packed type cannot be borrowed, which is how a key is written.
    fn check_layout(&self, input: &DeriveInput) {
        for attribute in input.attrs.iter().filter(|attribute| attribute.path().is_ident("repr")) {
            let Ok(list) = attribute.meta.require_list() else { continue };
            if let Some(packed) = list.tokens.clone().into_iter().find(is_packed) {
                let mistake = "fields of a packed type cannot be borrowed; write `impl CacheKey` by hand";
                self.errors.at(packed.span(), mistake);
            }
        }
    }

    fn structure<'a>(&self, fields: &'a Fields) -> (TokenStream, Vec<Part<'a>>) {
        let parts = self.parts(fields);
        if parts.is_empty() {
            return (TokenStream::new(), parts);
        }
        let (pattern, code) = self.taken_apart(fields, &parts);
        (quote!(let Self #pattern = self; #code), parts)
    }

    fn enumeration<'a>(&self, variants: &'a Punctuated<Variant, Token![,]>) -> (TokenStream, Vec<Part<'a>>) {
        let (mut all, mut names) = (Vec::new(), Vec::new());
        let arms: Vec<TokenStream> = (0_u32..)
            .zip(variants)
            .map(|(index, variant)| {
                let tag = self.tag(index, variant, &mut names);
                let parts = self.parts(&variant.fields);
                let arm = self.arm(variant, &tag, &parts);
                all.extend(parts);
                arm
            })
            .collect();
        let writer = writer();
        let body =
            if arms.is_empty() { quote!(let _ = #writer; match *self {}) } else { quote!(match self { #(#arms)* }) };
        (body, all)
    }

    /// What tells a variant from the others: its name if it is given one, else its index.
    fn tag(&self, index: u32, variant: &Variant, names: &mut Vec<String>) -> TokenStream {
        let writer = writer();
        let Some(name) = Options::read(&variant.attrs, Place::Variant, self.errors).rename else {
            return quote!(#writer.variant(#index););
        };
        let text = name.value();
        if names.contains(&text) {
            let mistake = format!(
                "`{text}` names another variant already; two of one name would share entries, so write another name"
            );
            self.errors.over(&name, mistake);
        }
        names.push(text);
        quote!(#writer.variant_name(#name);)
    }

    fn arm(&self, variant: &Variant, tag: &TokenStream, parts: &[Part<'_>]) -> TokenStream {
        let name = &variant.ident;
        let (pattern, code) = self.taken_apart(&variant.fields, parts);
        quote! {
            Self::#name #pattern => {
                #tag
                #code
            }
        }
    }

    /// The pattern that takes the fields apart, and the code that writes them.
    fn taken_apart(&self, fields: &Fields, parts: &[Part<'_>]) -> (TokenStream, TokenStream) {
        let bindings: Vec<Ident> =
            (0..parts.len()).map(|n| format_ident!("__field{n}", span = Span::mixed_site())).collect();
        let members = parts.iter().map(|part| &part.member);
        let rest = (parts.len() < fields.len()).then(|| quote!(..));
        let writes = parts.iter().zip(&bindings).map(|(part, binding)| self.write(part, binding));
        (quote!({ #(#members: #bindings,)* #rest }), quote!(#(#writes)*))
    }

    /// Writes one field; if its type is no key, or not what `with` takes, the type is to blame.
    fn write(&self, part: &Part<'_>, binding: &Ident) -> TokenStream {
        let (blame, writer) = (Blame::on(part.ty), writer());
        let value = blame.reference(binding);
        if let Some(function) = &part.with {
            return quote!(#function(#value, #writer););
        }
        let krate = located(&self.krate, blame.start());
        quote_spanned!(blame.start()=> #krate::CacheKey::write_key(#value, #writer);)
    }

    /// The fields that are part of the key.
    fn parts<'a>(&self, fields: &'a Fields) -> Vec<Part<'a>> {
        let read = |(index, field): (usize, &'a Field)| {
            let options = Options::read(&field.attrs, Place::Field, self.errors);
            let part = Part { member: member(index, field), ty: &field.ty, with: options.with };
            (!options.skip).then_some(part)
        };
        fields.iter().enumerate().filter_map(read).collect()
    }
}

fn is_packed(token: &TokenTree) -> bool {
    matches!(token, TokenTree::Ident(name) if name == "packed")
}

fn member(index: usize, field: &Field) -> Member {
    match &field.ident {
        Some(ident) => Member::Named(ident.clone()),
        None => Member::Unnamed(Index::from(index)),
    }
}

/// The same path, as if it stood at another place: the compiler then has nothing to say about where it was written.
fn located(path: &Path, place: Span) -> TokenStream {
    let at_place = |mut token: TokenTree| {
        token.set_span(token.span().located_at(place));
        token
    };
    path.to_token_stream().into_iter().map(at_place).collect()
}

/// A name of ours, which no field can clash with.
fn writer() -> Ident {
    Ident::new("__writer", Span::mixed_site())
}
