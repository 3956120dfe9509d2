//! The function under the attribute: its signature is parsed, its body stays tokens and so keeps its places.

use proc_macro2::{Delimiter, Group, Span, TokenStream, TokenTree};
use quote::{ToTokens as _, quote};
use syn::{
    Attribute, FnArg, GenericArgument, GenericParam, Ident, ItemFn, Pat, PatType, PathArguments, ReturnType, Signature,
    Token, Type, Visibility,
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
    /// Attributes without the pattern's `mut`.
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
        refuse_modifiers(&self.sig, errors);
        refuse_generics(&self.sig, errors);
        refuse_borrowed_return(&self.sig, errors);
        refuse_associated(&self, errors);
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

fn refuse_modifiers(sig: &Signature, errors: &Errors) {
    if let Some(token) = &sig.constness {
        errors.over(token, "a `const fn` cannot be cached: it may run while the program compiles; remove `const`");
    }
    if let syn::Safety::Unsafe(token) = &sig.safety {
        errors.over(token, "an `unsafe fn` is not supported yet; write a safe function around it");
    }
    if let Some(abi) = &sig.abi {
        errors.over(abi, "an `extern fn` is not supported yet; write a Rust function around it");
    }
    if let Some(variadic) = &sig.variadic {
        errors.over(variadic, "variadic arguments cannot be part of a key; write them out");
    }
}

fn refuse_generics(sig: &Signature, errors: &Errors) {
    for parameter in &sig.generics.params {
        let (ident, what) = match parameter {
            GenericParam::Lifetime(_) => continue,
            GenericParam::Type(ty) => (&ty.ident, "a generic type"),
            GenericParam::Const(constant) => (&constant.ident, "a const generic"),
        };
        errors.over(
            ident,
            format_args!(
                "{what} is not supported yet; write one function for each type and call the generic one from it"
            ),
        );
    }
}

fn refuse_borrowed_return(sig: &Signature, errors: &Errors) {
    if let ReturnType::Type(_, ty) = &sig.output
        && let Some(borrowed) = borrowed(ty)
    {
        errors.over(borrowed, "a cached value outlives its call, so it cannot borrow from an argument; return an owned value, such as `String` or `Arc<T>`");
    }
}

/// `Self` tells an associated function from a free one, where no receiver does. A body with an `impl` or a `trait` of its
/// own may mean theirs.
fn refuse_associated(function: &Function, errors: &Errors) {
    let (sig, body) = (&function.sig, function.body.stream());
    let has_own = ["impl", "trait"].iter().any(|keyword| find(body.clone(), keyword).is_some());
    let body = if has_own { None } else { find(body, "Self") };
    if let Some(place) = find(quote!(#sig), "Self").or(body).filter(|_| sig.receiver().is_none()) {
        errors.at(place, "associated functions are not supported yet; write a free function");
    }
}

/// Where a word stands.
fn find(tokens: TokenStream, word: &str) -> Option<Span> {
    tokens.into_iter().find_map(|token| match token {
        TokenTree::Ident(ident) if ident == word => Some(ident.span()),
        TokenTree::Group(group) => find(group.stream(), word),
        _ => None,
    })
}

/// The tokens of the first lifetime (or reference without one) that is not `'static`.
fn borrowed(ty: &Type) -> Option<TokenStream> {
    match ty {
        Type::Reference(reference) => match &reference.lifetime {
            Some(lifetime) if lifetime.ident == "static" => borrowed(&reference.elem),
            _ => Some(quote!(#reference)),
        },
        Type::Path(path) => path.path.segments.iter().find_map(|segment| borrowed_argument(&segment.arguments)),
        Type::Tuple(tuple) => tuple.elems.iter().find_map(borrowed),
        Type::Array(array) => borrowed(&array.elem),
        Type::Slice(slice) => borrowed(&slice.elem),
        Type::Paren(paren) => borrowed(&paren.elem),
        Type::Group(group) => borrowed(&group.elem),
        _ => None,
    }
}

fn borrowed_argument(arguments: &PathArguments) -> Option<TokenStream> {
    let PathArguments::AngleBracketed(arguments) = arguments else { return None };
    arguments.args.iter().find_map(|argument| match argument {
        GenericArgument::Lifetime(lifetime) if lifetime.ident != "static" => Some(quote!(#lifetime)),
        GenericArgument::Type(ty) => borrowed(ty),
        _ => None,
    })
}
