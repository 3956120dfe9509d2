//! The model as code: the user's function, which asks the runtime for a hit, and beside it what the controls need.
//!
//! Paths are absolute, and every name that is not the user's is invisible to the user's code. Attributes that the
//! compiler reads as switches (`cfg`, lints) go to every item; all others stay on the function.

mod alone;
mod attributes;
mod batch;
mod body;
mod free;
mod handler;
mod key;
mod lifetimes;
mod method;
mod spec;
mod tuples;

use proc_macro2::{Span, TokenStream};
use quote::{ToTokens, quote};
use syn::{Ident, Type};

use self::tuples::Tuples;
pub(crate) use self::{alone::Passing, spec::error_type};
use crate::{
    model::{Handle, Model},
    signature::Waits,
};

pub(crate) fn expand(model: &Model) -> TokenStream {
    match &model.handle {
        Handle::Type(handle) if model.is_handler() => handler::expand(model, handle),
        Handle::Type(handle) => match &model.batch {
            Some(batch) => batch::expand(model, handle, batch),
            None => free::expand(model, handle),
        },
        Handle::Accessor(accessor) => method::expand(model, Some(accessor)),
        Handle::None => method::expand(model, None),
    }
}

impl Model {
    /// cachet-core's path.
    fn core(&self) -> TokenStream {
        self.krate.as_ref().map_or_else(|| quote!(::cachet_core), ToTokens::to_token_stream)
    }

    /// The module that is made for generated code.
    fn private(&self) -> TokenStream {
        let core = self.core();
        quote!(#core::__private)
    }

    /// Whether the function's controls all take the arguments of its body.
    fn loads_by(&self, tuples: &Tuples) -> bool {
        tuples.is_whole() && self.batch.is_none() && !self.is_handler()
    }

    fn is_handler(&self) -> bool {
        self.http.is_some()
    }

    /// How the return type splits, by its spelling: all that is known where it may mention generics.
    fn spelled_shape(&self) -> TokenStream {
        let (private, shape) = (self.private(), spelled_shape(&self.function.returns()));
        let shape = hidden(shape);
        quote!(#private::Shape<{ #private::#shape }>)
    }

    /// The call of the user's body, once its future is there.
    fn waited(&self, call: TokenStream) -> TokenStream {
        match self.function.waits {
            Waits::Plain => call,
            Waits::Async | Waits::Boxed(_) => quote!(#call.await),
        }
    }

    /// The function of ours that asks memory.
    fn hit(&self) -> Ident {
        hidden(if self.settings.early.is_some() { "hit_unless_early" } else { "hit" })
    }

    /// What the function does: it asks memory, and on a miss goes on with its loader.
    fn answer(&self, ask: &TokenStream, tags: &TokenStream, loader: &Loader) -> TokenStream {
        let (returned, missed) = (hidden("__returned"), hidden("__missed"));
        let go_on = match (&self.function.waits, loader) {
            (Waits::Plain, Loader::Own(call)) => quote!(#missed.run(#tags, move || #call)),
            (Waits::Plain, Loader::Alone(body)) => quote!(#missed.run_alone(#tags, #body)),
            (_, Loader::Own(call)) => quote!(#missed.load(#tags, #call).await),
            (_, Loader::Alone(body)) => quote!(#missed.load_alone(#tags, #body).await),
        };
        let answer = quote! {
            match #ask {
                ::core::result::Result::Ok(#returned) => #returned,
                ::core::result::Result::Err(#missed) => #go_on,
            }
        };
        match self.function.waits {
            Waits::Boxed(_) => quote!(::std::boxed::Box::pin(async move { #answer })),
            Waits::Async | Waits::Plain => answer,
        }
    }
}

/// How the function's body is run on a miss.
enum Loader {
    /// Within the call: an expression that runs it, as a future unless the function is plain.
    Own(TokenStream),
    /// Perhaps beyond the call: an expression of what `Load::alone` gives.
    Alone(TokenStream),
}

/// The constant that names the shape of a type spelled `Option<…>` or `Result<…>`.
fn spelled_shape(ty: &Type) -> &'static str {
    let Type::Path(path) = ty else { return "PLAIN" };
    let Some(last) = path.path.segments.last() else { return "PLAIN" };
    let mut arguments = crate::signature::type_arguments(&last.arguments);
    match last.ident.to_string().as_str() {
        "Option" => "OPTION",
        "Result" if arguments.next().is_some_and(|inner| spelled_shape(inner) == "OPTION") => "RESULT_OPTION",
        "Result" => "RESULT",
        _ => "PLAIN",
    }
}

/// A name of ours that the user's code can neither see nor shadow.
fn hidden(name: &str) -> Ident {
    Ident::new(name, Span::mixed_site())
}
