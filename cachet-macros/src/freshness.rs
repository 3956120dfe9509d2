//! The rules of what may be served past its lifetime, each a function of its own.

use syn::{
    Lifetime, ReturnType, Type, TypeReference, Visibility,
    visit_mut::{self, VisitMut},
};

use crate::{
    args::Args,
    errors::Errors,
    expand::Passing,
    signature::{Function, Waits},
};

/// The options whose bodies may go on without their callers.
const ALONE: [&str; 3] = ["stale", "early", "timeout"];

pub(crate) fn check(args: &Args, function: &Function, errors: &Errors) {
    for option in ["stale", "stale_if_error", "early", "timeout"] {
        not_with_many_keys(option, args, errors);
    }
    for option in ALONE {
        methods_have_controls(option, args, function, errors);
    }
    for option in ["early", "timeout"] {
        not_on_handlers(option, args, errors);
    }
    arguments_can_be_kept(args, function, errors);
    a_plain_function_is_waited_for(args, function, errors);
    a_deadline_has_something_to_serve(args, function, errors);
    stale_if_error_has_errors(args, function, errors);
    a_refresh_has_something_to_replace(args, function, errors);
}

/// A batch is one body for many values, each with an age of its own.
fn not_with_many_keys(option: &str, args: &Args, errors: &Errors) {
    if let (Some(place), Some(_)) = (args.mentioned_at(option), &args.batch) {
        errors.at(
            place,
            format_args!("`{option}` is about one value, and `batch` loads many; write a function of one key for it"),
        );
    }
}

/// A handler's body may hold the request, which stays on its thread: behind an answer it goes on there, but nothing looks
/// at the clock for it meanwhile.
fn not_on_handlers(option: &str, args: &Args, errors: &Errors) {
    if let (Some(place), Some(_)) = (args.mentioned_at(option), &args.http) {
        errors.at(
            place,
            format_args!(
                "`{option}` moves the body to another thread, and a handler's belongs to that of its request; write it on \
                 the function that the handler calls, or `stale` here"
            ),
        );
    }
}

/// The body needs a name to be called by.
fn methods_have_controls(option: &str, args: &Args, function: &Function, errors: &Errors) {
    let is_method = args.associated || function.is_associated();
    let is_private = matches!(function.vis, Visibility::Inherited);
    if let Some(place) = args.mentioned_at(option).filter(|_| is_method && is_private && args.handle.is_none()) {
        let name = function.name();
        errors.at(
            place,
            format_args!(
                "`{option}` lets the body go on without its caller, so it needs a function of its own beside the \
                 method; outside of a trait, write `handle = {name}_cache`"
            ),
        );
    }
}

/// What is borrowed is copied, where it is plain to see how.
fn arguments_can_be_kept(args: &Args, function: &Function, errors: &Errors) {
    let Some(option) = ALONE.into_iter().find(|option| args.mentions(option)) else { return };
    if args.http.is_some() || args.batch.is_some() {
        return;
    }
    for parameter in &function.parameters {
        let kept = match Passing::of(&parameter.ty) {
            Passing::Owned => &parameter.ty,
            Passing::Borrowed(inside) | Passing::Maybe(inside) => inside,
        };
        let mut borrows = Borrows(matches!(&parameter.ty, Type::ImplTrait(_)));
        borrows.visit_type_mut(&mut kept.clone());
        if borrows.0 {
            errors.over(
                &parameter.ty,
                format_args!(
                    "with `{option}` the body may go on without its caller, so its arguments are copied, and this one \
                     cannot be; take it by value, as `&T`, or as `Option<&T>`"
                ),
            );
        }
    }
}

/// Whether a type names anything that ends.
struct Borrows(bool);

impl VisitMut for Borrows {
    fn visit_lifetime_mut(&mut self, lifetime: &mut Lifetime) {
        self.0 |= lifetime.ident != "static";
    }

    fn visit_type_reference_mut(&mut self, reference: &mut TypeReference) {
        self.0 |= reference.lifetime.as_ref().is_none_or(|lifetime| lifetime.ident != "static");
        visit_mut::visit_type_reference_mut(self, reference);
    }
}

/// Nothing can be done meanwhile on the thread that it blocks.
fn a_plain_function_is_waited_for(args: &Args, function: &Function, errors: &Errors) {
    if let Some(place) = args.mentioned_at("timeout").filter(|_| matches!(function.waits, Waits::Plain)) {
        errors.at(place, "a plain `fn` cannot be left while it runs; make it `async fn`, or remove `timeout`");
    }
}

/// Past its deadline a load goes on, so that without a stale value nothing changes.
fn a_deadline_has_something_to_serve(args: &Args, function: &Function, errors: &Errors) {
    if let Some(place) = args.mentioned_at("timeout")
        && !matches!(function.waits, Waits::Plain)
        && !args.mentions("stale")
        && !args.mentions("stale_if_error")
    {
        errors.at(
            place,
            "past its `timeout` a stale value is served, and none is kept; write `stale_if_error = \"1h\"` beside it",
        );
    }
}

/// What cannot fail has only a deadline to miss. Where the spelling does not tell, the compiler is asked for the type.
fn stale_if_error_has_errors(args: &Args, function: &Function, errors: &Errors) {
    let is_missed = !args.mentions("timeout") && args.http.is_none();
    let Some(place) = args.mentioned_at("stale_if_error").filter(|_| is_missed) else { return };
    let is_option = |ty: &Type| {
        let Type::Path(path) = ty else { return false };
        path.path.segments.last().is_some_and(|last| last.ident == "Option")
    };
    if matches!(function.sig.output, ReturnType::Default) || is_option(&function.returns()) {
        errors.at(
            place,
            "`stale_if_error` serves a value when the load fails, and this function returns no error; write `timeout` \
             beside it, or `stale`",
        );
    }
}

/// Nothing else keeps a value past its lifetime, or loads it before.
fn a_refresh_has_something_to_replace(args: &Args, function: &Function, errors: &Errors) {
    if !function.takes_refresh {
        return;
    }
    let place = &function.sig.ident;
    if args.http.is_some() || args.batch.is_some() {
        errors.over(place, "a `Refresh` is about one value, which a handler or a `batch` does not load; remove it");
    } else if !["stale", "stale_if_error", "early"].iter().any(|option| args.mentions(option)) {
        errors.over(
            place,
            "a `Refresh` is what a load replaces, and nothing is kept for it; write `stale`, `stale_if_error` or `early`",
        );
    }
}
