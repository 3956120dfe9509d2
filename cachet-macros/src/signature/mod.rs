//! The function under the attribute: its signature is parsed, its body stays tokens and so keeps its places.

mod groups;
mod unsupported;

use proc_macro2::{Delimiter, Group, Span, TokenStream, TokenTree};
use quote::quote;
use syn::{
    Attribute, FnArg, GenericArgument, Ident, ItemFn, Pat, PatType, PathArguments, Receiver, ReturnType, Signature,
    Token, Type, TypeParamBound, Visibility,
    ext::IdentExt as _,
    parse::{ParseStream, Parser as _},
    parse_quote,
    spanned::Spanned as _,
};

use crate::{blame::Blame, errors::Errors};

/// The function, free or in an `impl` block.
pub(crate) struct Function {
    pub(crate) attrs: Vec<Attribute>,
    pub(crate) vis: Visibility,
    pub(crate) sig: Signature,
    pub(crate) body: Group,
    pub(crate) parameters: Vec<Parameter>,
    /// `self`, where the function has one.
    pub(crate) receiver: Option<Receiver>,
    /// How it is waited for.
    pub(crate) waits: Waits,
    /// Whether its body asks what it replaces.
    pub(crate) takes_refresh: bool,
}

/// How a function's value is waited for.
#[derive(Clone)]
pub(crate) enum Waits {
    /// `async fn`.
    Async,
    /// A plain `fn` that returns a boxed future of this, as `async-trait` makes of an `async fn`.
    Boxed(Box<Type>),
    /// It is not: a plain `fn`.
    Plain,
}

/// One parameter, such as `id: u64`, `mut id: u64` or `(a, b): (u64, u64)`.
pub(crate) struct Parameter {
    /// The name; one of ours for a pattern.
    pub(crate) ident: Ident,
    pub(crate) ty: Type,
    /// What the user wrote in the place of the name.
    pub(crate) pattern: Pat,
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
    /// Who asks, or under which name of the service: the request as it came, a session, an identity.
    Identity,
    /// Any other type, which is its own key.
    Value,
}

/// Attributes that make a route of a function.
const ROUTES: [&str; 11] =
    ["get", "post", "put", "delete", "head", "patch", "options", "trace", "connect", "route", "routes"];

impl Function {
    /// Reads the function. What cannot be cached is noted, and the rest is still read.
    pub(crate) fn parse(item: TokenStream, errors: &Errors) -> Option<Self> {
        match read.parse2(item.clone()) {
            Ok(function) => Some(function.checked(errors)),
            Err(error) => {
                errors.add(explain(item, error, "cached"));
                None
            }
        }
    }

    /// Reads a function that is not to be cached itself.
    pub(crate) fn parse_writer(item: TokenStream, attribute: &str, errors: &Errors) -> Option<Self> {
        let read = read.parse2(item.clone());
        let mut function = read.map_err(|error| errors.add(explain(item, error, attribute))).ok()?;
        function.waits = Waits::of(&function.sig);
        let inputs = function.sig.inputs.iter().enumerate();
        function.parameters = inputs.filter_map(|(index, input)| Parameter::read(index, input, errors)).collect();
        function.receiver = function.sig.receiver().cloned();
        Some(function)
    }

    /// Whether the function can wait for a shared tier.
    pub(crate) fn is_async(&self) -> bool {
        !matches!(self.waits, Waits::Plain)
    }

    /// The name as text, without `r#`.
    pub(crate) fn name(&self) -> String {
        self.sig.ident.unraw().to_string()
    }

    /// What a call gives once it was waited for: the return type, `()` where none is written.
    pub(crate) fn returns(&self) -> Type {
        match (&self.waits, &self.sig.output) {
            (Waits::Boxed(output), _) => (**output).clone(),
            (_, ReturnType::Type(_, ty)) => (**ty).clone(),
            (_, ReturnType::Default) => parse_quote!(()),
        }
    }

    /// Blames the return type; the function's name, where none is written.
    pub(crate) fn blame_return(&self) -> Blame {
        match &self.sig.output {
            ReturnType::Type(_, ty) => Blame::on(ty),
            ReturnType::Default => Blame::on(&self.sig.ident),
        }
    }

    /// Whether it stands in an `impl` block or a trait, as far as its tokens tell: it has a `self`, or speaks of `Self`.
    pub(crate) fn is_associated(&self) -> bool {
        self.receiver.is_some() || unsupported::mentions_self(self)
    }

    /// Whether a template may name it: a parameter, or `self`.
    pub(crate) fn has_argument(&self, name: &str) -> bool {
        self.parameter(name).is_some() || (name == "self" && self.receiver.is_some())
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
        self.waits = Waits::of(&self.sig);
        unsupported::refuse(&self, errors);
        self.take_refresh();
        let inputs = self.sig.inputs.iter().enumerate();
        self.parameters = inputs.filter_map(|(index, input)| Parameter::read(index, input, errors)).collect();
        self.receiver = self.sig.receiver().cloned();
        self
    }
}

impl Function {
    /// Turns an argument of type `Refresh<T>` into the body's first statement: what a load replaces is for the body to
    /// ask, and no caller's to give.
    fn take_refresh(&mut self) {
        let is_refresh = |input: &FnArg| {
            let FnArg::Typed(PatType { ty, .. }) = input else { return false };
            let Type::Path(path) = &**ty else { return false };
            path.path.segments.last().is_some_and(|last| last.ident == "Refresh")
        };
        let (refresh, inputs): (Vec<_>, Vec<_>) = self.sig.inputs.iter().cloned().partition(is_refresh);
        let [FnArg::Typed(PatType { pat, ty, .. })] = &refresh[..] else { return };
        self.sig.inputs = inputs.into_iter().collect();
        let (span, body) = (self.body.span(), self.body.stream());
        let current = Blame::on(ty).call(&Blame::on(ty).path(&quote!(<#ty>), "current"), TokenStream::new());
        self.body = Group::new(Delimiter::Brace, quote!(let #pat: #ty = #current; #body));
        self.body.set_span(span);
        self.takes_refresh = true;
    }
}

impl Waits {
    fn of(sig: &Signature) -> Self {
        match (&sig.asyncness, &sig.output) {
            (Some(_), _) => Self::Async,
            (None, ReturnType::Type(_, ty)) => boxed_output(ty).map_or(Self::Plain, |ty| Self::Boxed(Box::new(ty))),
            (None, ReturnType::Default) => Self::Plain,
        }
    }
}

impl Parameter {
    pub(crate) fn is_named(&self, name: &str) -> bool {
        self.ident.unraw() == name
    }

    fn read(index: usize, input: &FnArg, errors: &Errors) -> Option<Self> {
        match input {
            FnArg::Receiver(_) => None,
            FnArg::Typed(typed) => Some(Self::read_typed(index, typed, errors)),
        }
    }

    fn read_typed(index: usize, typed: &PatType, errors: &Errors) -> Self {
        if let Some(cfg) = typed.attrs.iter().find(|attribute| attribute.path().is_ident("cfg")) {
            errors.over(cfg, "`#[cfg]` on an argument would change the key; write it on two functions");
        }
        let ident = match &*typed.pat {
            Pat::Ident(pattern) if pattern.by_ref.is_none() && pattern.subpat.is_none() => pattern.ident.clone(),
            pattern => Ident::new(&format!("__argument{index}"), Span::mixed_site().located_at(pattern.span())),
        };
        let extractor = Extractor::of(&typed.ty);
        Self { ident, ty: (*typed.ty).clone(), pattern: (*typed.pat).clone(), extractor, attrs: typed.attrs.clone() }
    }

    /// Whether the body sees another pattern than the name: `mut id`, or a pattern.
    pub(crate) fn is_rebound(&self) -> bool {
        !matches!(&self.pattern, Pat::Ident(pattern) if pattern.mutability.is_none() && pattern.ident == self.ident)
    }
}

impl Extractor {
    fn of(ty: &Type) -> Self {
        let Type::Path(path) = ty else { return Self::Value };
        let Some(last) = path.path.segments.last() else { return Self::Value };
        match last.ident.to_string().as_str() {
            "Path" | "Query" | "Json" | "Form" => only_type(&last.arguments).map_or(Self::Value, Self::Inner),
            "Data" | "ThinData" => Self::State,
            "HttpRequest" | "ServiceRequest" | "Session" | "Identity" | "BearerAuth" | "BasicAuth" | "ReqData"
            | "ConnectionInfo" => Self::Identity,
            "Payload" | "Bytes" | "BytesMut" | "Multipart" | "Preconditions" | "PeerAddr" => Self::Raw,
            _ => Self::Value,
        }
    }
}

/// The output of a boxed future: of `Pin<Box<dyn Future<Output = T> + …>>`, or of `BoxFuture<'_, T>`.
fn boxed_output(ty: &Type) -> Option<Type> {
    let Type::Path(path) = ty else { return None };
    let last = path.path.segments.last()?;
    let types = || type_arguments(&last.arguments);
    match last.ident.to_string().as_str() {
        "BoxFuture" | "LocalBoxFuture" => types().next().cloned(),
        "Pin" => boxed_output(types().next()?),
        "Box" => match types().next()? {
            Type::TraitObject(object) => object.bounds.iter().find_map(future_output),
            _ => None,
        },
        _ => None,
    }
}

fn future_output(bound: &TypeParamBound) -> Option<Type> {
    let TypeParamBound::Trait(bound) = bound else { return None };
    let last = bound.path.segments.last().filter(|last| last.ident == "Future")?;
    let PathArguments::AngleBracketed(arguments) = &last.arguments else { return None };
    arguments.args.iter().find_map(|argument| match argument {
        GenericArgument::AssocType(output) if output.ident == "Output" => Some(output.ty.clone()),
        _ => None,
    })
}

/// The types between the angle brackets.
pub(crate) fn type_arguments(arguments: &PathArguments) -> impl Iterator<Item = &Type> {
    let arguments = match arguments {
        PathArguments::AngleBracketed(arguments) => Some(arguments.args.iter()),
        _ => None,
    };
    arguments.into_iter().flatten().filter_map(|argument| match argument {
        GenericArgument::Type(ty) => Some(ty),
        _ => None,
    })
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
    let mut sig: Signature = input.parse()?;
    groups::open(&mut sig);
    if input.peek(Token![;]) {
        return Err(syn::Error::new(
            sig.span(),
            "`#[cached]` needs a body to run on a miss; write it on a function that has one",
        ));
    }
    let body = groups::body(input)?;
    if !input.is_empty() {
        return Err(input.error("unexpected token behind the function"));
    }
    Ok(Function {
        attrs,
        vis,
        sig,
        body,
        parameters: Vec::new(),
        receiver: None,
        waits: Waits::Plain,
        takes_refresh: false,
    })
}

/// What is wrong with an item that is no function at all.
fn explain(item: TokenStream, error: syn::Error, attribute: &str) -> syn::Error {
    match syn::parse2::<syn::Item>(item) {
        Ok(syn::Item::Fn(ItemFn { .. }) | syn::Item::Verbatim(_)) | Err(_) => error,
        Ok(other) => syn::Error::new_spanned(
            first_line(&other),
            format_args!("`#[{attribute}]` goes on a function; write it above `fn` or `async fn`"),
        ),
    }
}

/// The keyword is enough to show the item.
fn first_line(item: &syn::Item) -> TokenStream {
    let tokens = quote!(#item);
    tokens.into_iter().skip_while(|token| matches!(token, TokenTree::Punct(_) | TokenTree::Group(_))).take(1).collect()
}
