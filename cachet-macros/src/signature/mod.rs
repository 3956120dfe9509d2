//! The function under the attribute: its signature is parsed, its body stays tokens and so keeps its places.

mod unsupported;

use proc_macro2::{Delimiter, Group, TokenStream, TokenTree};
use quote::{ToTokens as _, quote};
use syn::{
    Attribute, FnArg, GenericArgument, Ident, ItemFn, Pat, PatType, PathArguments, ReturnType, Signature, Token, Type,
    Visibility,
    ext::IdentExt as _,
    parse::{ParseStream, Parser as _},
    spanned::Spanned as _,
};

use crate::{blame::Blame, errors::Errors};

/// A free function.
pub(crate) struct Function {
    pub(crate) attrs: Vec<Attribute>,
    pub(crate) vis: Visibility,
    pub(crate) sig: Signature,
    pub(crate) body: Group,
    pub(crate) parameters: Vec<Parameter>,
}

/// One parameter, `id: u64` or `mut id: u64`.
pub(crate) struct Parameter {
    pub(crate) ident: Ident,
    pub(crate) ty: Type,
    pub(crate) extractor: Extractor,
    /// The attributes that stand before it.
    pub(crate) attrs: Vec<Attribute>,
}

/// What an actix handler's parameter is, as far as its type's name tells.
pub(crate) enum Extractor {
    /// `Path<T>` and its like: the inner type is what the key is made of.
    Inner(Box<Type>),
    /// `Data<T>`: the application's state, the same for every request.
    State,
    /// The request as it came; nothing that could be compared.
    Raw,
    /// Who asks: the request as it came, a session, an identity.
    Identity,
    /// Any other type, which is its own key.
    Value,
}

/// Attributes that make a route of a function.
const ROUTES: [&str; 11] =
    ["get", "post", "put", "delete", "head", "patch", "options", "trace", "connect", "route", "routes"];

impl Function {
    /// Reads the function. What is not supported yet is noted, and the rest is still read.
    pub(crate) fn parse(item: TokenStream, errors: &Errors) -> Option<Self> {
        match read.parse2(item.clone()) {
            Ok(function) => Some(function.checked(errors)),
            Err(error) => {
                errors.add(explain(item, error));
                None
            }
        }
    }

    pub(crate) fn is_async(&self) -> bool {
        self.sig.asyncness.is_some()
    }

    /// The name as text, without `r#`.
    pub(crate) fn name(&self) -> String {
        self.sig.ident.unraw().to_string()
    }

    /// The return type, `()` where none is written.
    pub(crate) fn returns(&self) -> TokenStream {
        match &self.sig.output {
            ReturnType::Type(_, ty) => ty.to_token_stream(),
            ReturnType::Default => quote!(()),
        }
    }

    /// Blames the return type; the function's name, where none is written.
    pub(crate) fn blame_return(&self) -> Blame {
        match &self.sig.output {
            ReturnType::Type(_, ty) => Blame::on(ty),
            ReturnType::Default => Blame::on(&self.sig.ident),
        }
    }

    pub(crate) fn parameter(&self, name: &str) -> Option<&Parameter> {
        self.parameters.iter().find(|parameter| parameter.is_named(name))
    }

    /// The route attribute that stands between `#[cached]` and the function, if there is one.
    pub(crate) fn route(&self) -> Option<&Attribute> {
        self.attrs.iter().find(|attribute| {
            let last = attribute.path().segments.last();
            last.is_some_and(|segment| ROUTES.iter().any(|route| segment.ident == route))
        })
    }

    fn checked(mut self, errors: &Errors) -> Self {
        unsupported::refuse(&self, errors);
        let inputs = self.sig.inputs.iter();
        self.parameters = inputs.filter_map(|input| Parameter::read(input, errors)).collect();
        self
    }
}

impl Parameter {
    pub(crate) fn is_named(&self, name: &str) -> bool {
        self.ident.unraw() == name
    }

    fn read(input: &FnArg, errors: &Errors) -> Option<Self> {
        match input {
            FnArg::Receiver(receiver) => {
                errors.over(
                    receiver,
                    "methods are not supported yet; write a free function that takes what it needs of `self`",
                );
                None
            }
            FnArg::Typed(typed) => Self::read_typed(typed, errors),
        }
    }

    fn read_typed(typed: &PatType, errors: &Errors) -> Option<Self> {
        if let Some(cfg) = typed.attrs.iter().find(|attribute| attribute.path().is_ident("cfg")) {
            errors.over(cfg, "`#[cfg]` on an argument is not supported yet; write it on two functions");
        }
        if let Type::ImplTrait(_) = &*typed.ty {
            errors.over(&typed.ty, "`impl Trait` as an argument is not supported yet; write the type");
        }
        let ident = match &*typed.pat {
            Pat::Ident(pattern) if pattern.by_ref.is_none() && pattern.subpat.is_none() => pattern.ident.clone(),
            pattern => {
                errors.over(
                    pattern,
                    "a pattern as an argument is not supported yet; write a name, and take it apart in the body",
                );
                return None;
            }
        };
        let extractor = Extractor::of(&typed.ty);
        Some(Self { ident, ty: (*typed.ty).clone(), extractor, attrs: typed.attrs.clone() })
    }
}

impl Extractor {
    fn of(ty: &Type) -> Self {
        let Type::Path(path) = ty else { return Self::Value };
        let Some(last) = path.path.segments.last() else { return Self::Value };
        match last.ident.to_string().as_str() {
            "Path" | "Query" | "Json" | "Form" => only_type(&last.arguments).map_or(Self::Value, Self::Inner),
            "Data" | "ThinData" => Self::State,
            "HttpRequest" | "ServiceRequest" | "Session" | "Identity" | "BearerAuth" | "BasicAuth" | "ReqData" => {
                Self::Identity
            }
            "Payload" | "Bytes" | "BytesMut" | "Multipart" | "Preconditions" | "ConnectionInfo" | "PeerAddr" => {
                Self::Raw
            }
            _ => Self::Value,
        }
    }
}

fn only_type(arguments: &PathArguments) -> Option<Box<Type>> {
    let PathArguments::AngleBracketed(arguments) = arguments else { return None };
    match arguments.args.first() {
        Some(GenericArgument::Type(ty)) if arguments.args.len() == 1 => Some(Box::new(ty.clone())),
        _ => None,
    }
}

fn read(input: ParseStream<'_>) -> syn::Result<Function> {
    let attrs = input.call(Attribute::parse_outer)?;
    let vis = input.parse()?;
    let sig: Signature = input.parse()?;
    if input.peek(Token![;]) {
        return Err(syn::Error::new(
            sig.span(),
            "`#[cached]` needs a body to run on a miss; write it on a function that has one",
        ));
    }
    let body: Group = input.parse()?;
    if body.delimiter() != Delimiter::Brace {
        return Err(syn::Error::new(body.span(), "expected the function's body"));
    }
    if !input.is_empty() {
        return Err(input.error("unexpected token behind the function"));
    }
    Ok(Function { attrs, vis, sig, body, parameters: Vec::new() })
}

/// What is wrong with an item that is no function at all.
fn explain(item: TokenStream, error: syn::Error) -> syn::Error {
    match syn::parse2::<syn::Item>(item) {
        Ok(syn::Item::Fn(ItemFn { .. }) | syn::Item::Verbatim(_)) | Err(_) => error,
        Ok(other) => syn::Error::new_spanned(
            first_line(&other),
            "`#[cached]` goes on a function; write it above `fn` or `async fn`",
        ),
    }
}

/// The keyword is enough to show the item.
fn first_line(item: &syn::Item) -> TokenStream {
    let tokens = quote!(#item);
    tokens.into_iter().skip_while(|token| matches!(token, TokenTree::Punct(_) | TokenTree::Group(_))).take(1).collect()
}
