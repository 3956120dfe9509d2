//! What is to be generated. Only legal states can be written down here: it is built after every check has passed.

use std::time::Duration;

use syn::{Expr, Ident, LitStr, Path, Type, TypeParamBound, Visibility, parse_quote};

use crate::{
    args::{Args, Codec, ErrorTtl, KeySource, Lifetime, OnOutage, Tiers},
    http::Etag,
    key::Template,
    signature::{Extractor, Function, Parameter, type_arguments},
};

/// One cached function.
pub(crate) struct Model {
    pub(crate) function: Function,
    pub(crate) settings: Settings,
    pub(crate) key: Key,
    pub(crate) tags: Vec<Template>,
    /// The argument with many keys, if there is one.
    pub(crate) batch: Option<Batch>,
    /// What a handler's answers say; `None` for a function that is none.
    pub(crate) http: Option<Http>,
    /// What the controls hang off.
    pub(crate) handle: Handle,
    /// Where cachet-core is, when not at `::cachet_core`.
    pub(crate) krate: Option<Path>,
}

/// What a handler's answers say to caches.
pub(crate) struct Http {
    /// The normalised Cache-Control.
    pub(crate) directives: String,
    /// The normalised CDN-Cache-Control.
    pub(crate) cdn: Option<String>,
    /// Fields of the request that are part of the key.
    pub(crate) vary: Vec<String>,
    pub(crate) etag: Etag,
    /// Whether the handler takes an argument that is no part of its key and not the application's state.
    pub(crate) sees_more: bool,
}

/// What the controls hang off.
pub(crate) enum Handle {
    /// A type beside a free function.
    Type(Ident),
    /// A function beside a method.
    Accessor(Ident),
    /// Nothing: a method that may be one of a trait, where nothing else may stand.
    None,
}

/// The argument with many keys.
#[derive(Clone)]
pub(crate) struct Batch {
    pub(crate) ident: Ident,
    /// The type of one key.
    pub(crate) key: Type,
    /// Whether the argument is `&[Q]`, not `Vec<Q>`.
    pub(crate) is_slice: bool,
}

impl Batch {
    /// Reads `Vec<Q>` or `&[Q]`.
    pub(crate) fn of(parameter: &Parameter) -> Option<Self> {
        let (key, is_slice) = match &parameter.ty {
            Type::Reference(reference) => match &*reference.elem {
                Type::Slice(slice) => ((*slice.elem).clone(), true),
                _ => return None,
            },
            Type::Path(path) => {
                let last = path.path.segments.last().filter(|last| last.ident == "Vec")?;
                (type_arguments(&last.arguments).next()?.clone(), false)
            }
            _ => return None,
        };
        Some(Self { ident: parameter.ident.clone(), key, is_slice })
    }
}

/// What the descriptor is told.
pub(crate) struct Settings {
    pub(crate) ttl: Lifetime,
    pub(crate) tiers: Tiers,
    pub(crate) name: Option<LitStr>,
    pub(crate) capacity: Option<u64>,
    pub(crate) max_bytes: Option<u64>,
    pub(crate) weight: Option<Expr>,
    pub(crate) version: Option<u64>,
    pub(crate) negative_ttl: Option<Lifetime>,
    pub(crate) memory_ttl: Option<Lifetime>,
    pub(crate) jitter: Option<f64>,
    pub(crate) stale: Option<Lifetime>,
    pub(crate) stale_if_error: Option<Lifetime>,
    pub(crate) early: Option<f64>,
    pub(crate) timeout: Option<Lifetime>,
    pub(crate) error_ttl: Option<ErrorTtl>,
    pub(crate) when: Option<Expr>,
    pub(crate) ttl_of: Option<Expr>,
    pub(crate) codec: Codec,
    pub(crate) on_outage: OnOutage,
}

impl Settings {
    /// Whether the body may go on without its caller, with arguments of its own.
    pub(crate) fn is_alone(&self) -> bool {
        self.stale.is_some() || self.early.is_some() || self.timeout.is_some()
    }
}

/// How the key is made.
pub(crate) struct Key {
    /// `None`: of every key argument in order.
    pub(crate) source: Option<KeySource>,
    /// The arguments that it is made of, in the signature's order.
    pub(crate) arguments: Vec<KeyArgument>,
    /// Whether `self` is part of it.
    pub(crate) has_self: bool,
}

/// One argument of the key and of the controls.
pub(crate) struct KeyArgument {
    pub(crate) ident: Ident,
    /// What the key is made of, as the control takes it.
    pub(crate) ty: Type,
    /// How that is had from the function's own parameter.
    pub(crate) access: Access,
}

/// How what is written into the key is had from a parameter.
#[derive(Clone)]
pub(crate) enum Access {
    /// It is the parameter.
    Itself,
    /// The parameter, an extractor such as `Path<T>`, wraps it.
    Wrapped,
    /// The parameter holds many of it.
    Many,
    /// The parameter, `impl AsRef<T>`, lends it.
    AsRef(Box<Type>),
}

impl Model {
    /// The model of what the checks have let through; `None` if `ttl` is missing, which they refuse.
    pub(crate) fn new(args: Args, function: Function) -> Option<Self> {
        let batch = args.batch.as_ref().and_then(|name| function.parameter(&name.to_string())).and_then(Batch::of);
        let arguments = key_parameters(&args, &function)
            .map(|parameter| KeyArgument::new(parameter, args.http.is_some()).of_batch(batch.as_ref()));
        let (arguments, has_self) = (arguments.collect(), key_has_self(&args, &function));
        let handle = handle(&args, &function);
        let sees_more = beside_the_key(&args, &function).next().is_some();
        let [stale, stale_if_error] =
            ["stale-while-revalidate", "stale-if-error"].map(|directive| said_window(&args, directive));
        let key = Key { arguments, has_self, source: args.key.map(|key| key.value) };
        let settings = Settings {
            ttl: args.ttl?.value,
            tiers: args.tier.map_or(Tiers::Memory, |tier| tier.value),
            name: args.name.map(|name| name.value),
            capacity: args.capacity.map(|capacity| capacity.value),
            max_bytes: args.max_bytes.map(|bytes| bytes.value),
            weight: args.weight.map(|weight| weight.value),
            version: args.version.map(|version| version.value),
            negative_ttl: args.negative_ttl.map(|ttl| ttl.value),
            memory_ttl: args.memory_ttl.map(|ttl| ttl.value),
            jitter: args.jitter.map(|jitter| jitter.value),
            stale: args.stale.map(|window| window.value).or(stale),
            stale_if_error: args.stale_if_error.map(|window| window.value).or(stale_if_error),
            early: args.early.map(|beta| beta.value),
            timeout: args.timeout.map(|deadline| deadline.value),
            error_ttl: args.error_ttl.map(|ttl| ttl.value),
            when: args.when.map(|when| when.value),
            ttl_of: args.ttl_of.map(|ttl| ttl.value),
            codec: args.codec.map_or(Codec::Bincode, |codec| codec.value),
            on_outage: args.on_outage.map_or(OnOutage::Load, |then| then.value),
        };
        let http = args.http.map(|http| Http {
            directives: http.value.text(),
            cdn: args.cdn.map(|cdn| cdn.value.text()),
            vary: args.vary,
            etag: args.etag.map_or(Etag::Strong, |etag| etag.value),
            sees_more,
        });
        Some(Self { settings, key, tags: args.tags, batch, http, handle, krate: args.krate, function })
    }
}

impl KeyArgument {
    fn new(parameter: &Parameter, on_handler: bool) -> Self {
        let (ty, access) = match (&parameter.extractor, as_ref_target(&parameter.ty)) {
            (Extractor::Inner(inner), _) if on_handler => ((**inner).clone(), Access::Wrapped),
            (_, Some(target)) => (parse_quote!(&#target), Access::AsRef(Box::new(target))),
            _ => (parameter.ty.clone(), Access::Itself),
        };
        Self { ident: parameter.ident.clone(), ty, access }
    }
}

impl KeyArgument {
    /// Of an argument with many keys, an entry has one.
    fn of_batch(self, batch: Option<&Batch>) -> Self {
        match batch.filter(|batch| batch.ident == self.ident) {
            Some(batch) => Self { ty: batch.key.clone(), access: Access::Many, ..self },
            None => self,
        }
    }
}

/// The `T` of `impl AsRef<T>`.
pub(crate) fn as_ref_target(ty: &Type) -> Option<Type> {
    let Type::ImplTrait(bounds) = ty else { return None };
    bounds.bounds.iter().find_map(|bound| match bound {
        TypeParamBound::Trait(bound) => {
            let last = bound.path.segments.last().filter(|last| last.ident == "AsRef")?;
            type_arguments(&last.arguments).next().cloned()
        }
        _ => None,
    })
}

/// Whether `self` is part of the key: by default it is, where there is one.
pub(crate) fn key_has_self(args: &Args, function: &Function) -> bool {
    let this = Ident::new("self", proc_macro2::Span::call_site());
    function.receiver.is_some()
        && match &args.key {
            Some(key) => key.value.mentions(&this),
            None => !args.skip.contains(&this),
        }
}

/// What a handler's directives say to caches, this one included (RFC 5861).
fn said_window(args: &Args, directive: &str) -> Option<Lifetime> {
    let seconds = args.http.as_ref()?.value.seconds(directive).filter(|seconds| *seconds > 0)?;
    Some(Lifetime::Known(Duration::from_secs(seconds)))
}

fn handle(args: &Args, function: &Function) -> Handle {
    if !args.associated && !function.is_associated() {
        let name = args.handle.clone().unwrap_or_else(|| default_handle(function));
        return Handle::Type(name);
    }
    let is_inherent = !matches!(function.vis, Visibility::Inherited);
    match &args.handle {
        Some(name) => Handle::Accessor(name.clone()),
        None if is_inherent => Handle::Accessor(quote::format_ident!("{}_cache", function.name())),
        None => Handle::None,
    }
}

/// The parameters that the key is made of: those that `key` mentions, or all that are not left out.
pub(crate) fn key_parameters<'a>(args: &'a Args, function: &'a Function) -> impl Iterator<Item = &'a Parameter> {
    function.parameters.iter().filter(|parameter| match &args.key {
        Some(key) => key.value.mentions(&parameter.ident),
        None => !is_left_out(args, parameter),
    })
}

/// The parameters that are no part of the key and not the application's state: what they bring of a request may be
/// anything.
pub(crate) fn beside_the_key<'a>(args: &'a Args, function: &'a Function) -> impl Iterator<Item = &'a Parameter> {
    function.parameters.iter().filter(|parameter| {
        !matches!(parameter.extractor, Extractor::State)
            && key_parameters(args, function).all(|keyed| keyed.ident != parameter.ident)
    })
}

fn is_left_out(args: &Args, parameter: &Parameter) -> bool {
    let is_state = args.http.is_some() && matches!(parameter.extractor, Extractor::State);
    is_state || args.skip.contains(&parameter.ident)
}

/// The function's own name, unless a route attribute takes that for its own type.
fn default_handle(function: &Function) -> Ident {
    match function.route() {
        Some(_) => quote::format_ident!("__cachet_{}", function.name(), span = function.sig.ident.span()),
        None => function.sig.ident.clone(),
    }
}
