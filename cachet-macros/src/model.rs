//! What is to be generated. Only legal states can be written down here: it is built after every check has passed.

use syn::{Ident, LitStr, Path, Type};

use crate::{
    args::{Args, KeySource, Lifetime, Tiers},
    key::Template,
    signature::{Extractor, Function, Parameter},
};

/// One cached function.
pub(crate) struct Model {
    pub(crate) function: Function,
    pub(crate) settings: Settings,
    pub(crate) key: Key,
    pub(crate) tags: Vec<Template>,
    /// The normalised Cache-Control of a handler; `None` for a function that is none.
    pub(crate) http: Option<String>,
    /// The name of the type with the controls.
    pub(crate) handle: Ident,
    /// Where cachet-core is, when not at `::cachet_core`.
    pub(crate) krate: Option<Path>,
}

/// What the descriptor is told.
pub(crate) struct Settings {
    pub(crate) ttl: Lifetime,
    pub(crate) tiers: Tiers,
    pub(crate) name: Option<LitStr>,
    pub(crate) capacity: Option<u64>,
    pub(crate) version: Option<u64>,
    pub(crate) negative_ttl: Option<Lifetime>,
    pub(crate) memory_ttl: Option<Lifetime>,
}

/// How the key is made.
pub(crate) struct Key {
    /// `None`: of every key argument in order.
    pub(crate) source: Option<KeySource>,
    /// The arguments that it is made of, in the signature's order.
    pub(crate) arguments: Vec<KeyArgument>,
}

/// One argument of the key and of the controls.
pub(crate) struct KeyArgument {
    pub(crate) ident: Ident,
    /// The inner type for `Path<T>` and its like.
    pub(crate) ty: Type,
    /// Whether the function's own parameter wraps the type.
    pub(crate) is_wrapped: bool,
}

impl Model {
    /// The model of what the checks have let through; `None` if `ttl` is missing, which they refuse.
    pub(crate) fn new(args: Args, function: Function) -> Option<Self> {
        let arguments =
            key_parameters(&args, &function).map(|parameter| KeyArgument::new(parameter, args.http.is_some()));
        let key = Key { arguments: arguments.collect(), source: args.key.map(|key| key.value) };
        let settings = Settings {
            ttl: args.ttl?.value,
            tiers: args.tier.map_or(Tiers::Memory, |tier| tier.value),
            name: args.name.map(|name| name.value),
            capacity: args.capacity.map(|capacity| capacity.value),
            version: args.version.map(|version| version.value),
            negative_ttl: args.negative_ttl.map(|ttl| ttl.value),
            memory_ttl: args.memory_ttl.map(|ttl| ttl.value),
        };
        let handle = args.handle.unwrap_or_else(|| default_handle(&function));
        let http = args.http.map(|http| http.value.text());
        Some(Self { settings, key, tags: args.tags, http, handle, krate: args.krate, function })
    }
}

impl KeyArgument {
    fn new(parameter: &Parameter, on_handler: bool) -> Self {
        let (ty, is_wrapped) = match &parameter.extractor {
            Extractor::Inner(inner) if on_handler => (&**inner, true),
            _ => (&parameter.ty, false),
        };
        Self { ident: parameter.ident.clone(), ty: ty.clone(), is_wrapped }
    }
}

/// The parameters that the key is made of: those that `key` mentions, or all that are not left out.
pub(crate) fn key_parameters<'a>(args: &'a Args, function: &'a Function) -> impl Iterator<Item = &'a Parameter> {
    function.parameters.iter().filter(|parameter| match &args.key {
        Some(key) => key.value.mentions(&parameter.ident),
        None => !is_left_out(args, parameter),
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
