//! `#[invalidates]` and `#[updates]`: a function that changes what others have cached.

use proc_macro2::{Span, TokenStream, TokenTree};
use quote::{quote, quote_spanned};
use syn::{
    Expr, ExprCall, Ident, LitStr, Path, Token, Type,
    ext::IdentExt as _,
    parse::{ParseStream, Parser as _},
    spanned::Spanned as _,
    visit_mut::{self, VisitMut},
};

use crate::{
    blame::Blame,
    errors::{Errors, did_you_mean},
    fallback,
    key::Template,
    signature::{Function, Waits},
};

/// What is done with the targets.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verb {
    Invalidates,
    Updates,
}

impl Verb {
    fn name(self) -> &'static str {
        match self {
            Self::Invalidates => "invalidates",
            Self::Updates => "updates",
        }
    }
}

/// The options as they were written.
#[derive(Default)]
struct Options {
    targets: Vec<ExprCall>,
    tags: Vec<Template>,
    always: bool,
    strict: bool,
    krate: Option<Path>,
}

const OPTIONS: [(&str, &str); 4] =
    [("tag", "tag = \"products\""), ("always", "always"), ("strict", "strict"), ("crate", "crate = renamed_core")];

pub(crate) fn expand(options: TokenStream, item: &TokenStream, verb: Verb) -> TokenStream {
    let errors = Errors::new();
    let options = Options::parse(options, &errors);
    let function = Function::parse_writer(item.clone(), verb.name(), &errors);
    if let Some(function) = &function {
        check(&options, function, verb, &errors);
    }
    match (errors.finish().as_slice(), function) {
        ([], Some(function)) => written(&options, &function, verb),
        (errors, _) => fallback::untouched(item, errors),
    }
}

impl Options {
    fn parse(tokens: TokenStream, errors: &Errors) -> Self {
        let mut options = Self::default();
        let read = |input: ParseStream<'_>| {
            while !input.is_empty() {
                if let Err(error) = options.option(input, errors) {
                    errors.add(error);
                    skip_to_comma(input);
                }
                if !input.is_empty() && input.parse::<Token![,]>().is_err() {
                    errors.at(input.span(), "expected `,` between two targets");
                    skip_to_comma(input);
                    let _comma: syn::Result<Token![,]> = input.parse();
                }
            }
            Ok(())
        };
        if let Err(error) = read.parse2(tokens) {
            errors.add(error);
        }
        options
    }

    fn option(&mut self, input: ParseStream<'_>, errors: &Errors) -> syn::Result<()> {
        let ahead = input.fork();
        let name = ahead
            .call(Ident::parse_any)
            .ok()
            .filter(|_| ahead.is_empty() || ahead.peek(Token![,]) || ahead.peek(Token![=]));
        let Some(name) = name else { return self.target(input) };
        input.call(Ident::parse_any)?;
        let text = name.to_string();
        match text.as_str() {
            "tag" => self.tag(&name, input, errors)?,
            "crate" => {
                equals(&name, input)?;
                self.krate = Some(input.call(Path::parse_mod_style)?);
            }
            "always" => once(&mut self.always, &name, errors),
            "strict" => once(&mut self.strict, &name, errors),
            unknown => {
                let known = OPTIONS.iter().map(|(name, _)| *name);
                let hint = did_you_mean(unknown, known);
                let hint = if hint.is_empty() && !input.peek(Token![=]) {
                    format!("; a target has its key's arguments, such as `{unknown}(id)`")
                } else {
                    hint
                };
                errors.at(name.span(), format_args!("unknown option `{unknown}`{hint}"));
                skip_to_comma(input);
            }
        }
        Ok(())
    }

    fn target(&mut self, input: ParseStream<'_>) -> syn::Result<()> {
        match input.parse()? {
            Expr::Call(call) => self.targets.push(call),
            other => {
                return Err(syn::Error::new_spanned(
                    other,
                    "expected a cached function with its key's arguments, or a tag; write `product(id)` or \
                     `tag = \"products\"`",
                ));
            }
        }
        Ok(())
    }

    fn tag(&mut self, name: &Ident, input: ParseStream<'_>, errors: &Errors) -> syn::Result<()> {
        equals(name, input)?;
        let text: LitStr = input
            .parse()
            .map_err(|error| syn::Error::new(error.span(), "a tag is text; write `tag = \"product:{id}\"`"))?;
        match Template::parse(&text) {
            Ok(template) if template.parts.is_empty() => {
                errors.over(&text, "an empty tag; write `tag = \"products\"`");
            }
            Ok(template) => self.tags.push(template),
            Err(mistake) => errors.over(&text, format_args!("`tag`: {mistake}")),
        }
        Ok(())
    }
}

fn once(flag: &mut bool, name: &Ident, errors: &Errors) {
    if std::mem::replace(flag, true) {
        errors.at(name.span(), format_args!("`{name}` is given twice; keep one"));
    }
}

fn equals(name: &Ident, input: ParseStream<'_>) -> syn::Result<()> {
    let example = OPTIONS.iter().find(|(option, _)| name == option).map_or("", |(_, example)| example);
    let needs_value = |_| syn::Error::new(name.span(), format!("`{name}` needs a value; write `{example}`"));
    input.parse::<Token![=]>().map(drop).map_err(needs_value)
}

fn skip_to_comma(input: ParseStream<'_>) {
    while !input.is_empty() && !input.peek(Token![,]) {
        let _skipped: syn::Result<TokenTree> = input.parse();
    }
}

fn check(options: &Options, function: &Function, verb: Verb, errors: &Errors) {
    targets_are_given(options, verb, errors);
    tags_name_arguments(options, function, errors);
    strict_writers_can_fail(options, function, errors);
    updates_need_success(options, verb, errors);
    methods_are_named_by_their_controls(options, errors);
}

/// A writer that changes nothing needs no attribute; the target was forgotten. What is wrong with one that was written
/// is known already.
fn targets_are_given(options: &Options, verb: Verb, errors: &Errors) {
    if !errors.is_empty() {
        return;
    }
    let place = Span::call_site();
    match verb {
        Verb::Invalidates if options.targets.is_empty() && options.tags.is_empty() => {
            errors.at(place, "nothing is invalidated; write `#[invalidates(product(id), tag = \"products\")]`");
        }
        Verb::Updates if options.targets.is_empty() => {
            errors.at(place, "nothing is updated; write `#[updates(product(id))]`");
        }
        Verb::Invalidates | Verb::Updates => {}
    }
}

/// A tag is made before the body runs, of what there is then.
fn tags_name_arguments(options: &Options, function: &Function, errors: &Errors) {
    for template in &options.tags {
        for place in template.places().filter(|place| !function.has_argument(&place.argument)) {
            let names: Vec<_> = function.parameters.iter().map(|parameter| parameter.ident.to_string()).collect();
            let hint = did_you_mean(&place.argument, names.iter().map(String::as_str));
            errors.over(template, format_args!("the function has no argument `{}`{hint}", place.argument));
        }
    }
}

/// The error has to go somewhere.
fn strict_writers_can_fail(options: &Options, function: &Function, errors: &Errors) {
    if options.strict && matches!(function.sig.output, syn::ReturnType::Default) {
        errors.over(
            &function.sig.ident,
            "`strict` refuses to write when the fence cannot be set, so the function must be able to fail; return a \
             `Result` whose error is `From<cachet_core::Error>`",
        );
    }
}

/// A type of a method's name, as a free function has one, is none that `Self` could have.
fn methods_are_named_by_their_controls(options: &Options, errors: &Errors) {
    for call in &options.targets {
        let Expr::Path(path) = &*call.func else { continue };
        let mut segments = path.path.segments.iter();
        if let (Some(first), Some(method), None) = (segments.next(), segments.next(), segments.next())
            && first.ident == "Self"
        {
            let (method, arguments) = (method.ident.unraw().to_string(), &call.args);
            let controls = if method.ends_with("_cache") { method } else { format!("{method}_cache") };
            let arguments = quote!(#arguments);
            errors.over(
                &call.func,
                format_args!(
                    "a method is named by its controls; write `Self::{controls}()({arguments})`, or what its `handle` \
                     says in place of `{controls}`"
                ),
            );
        }
    }
}

/// There is no value to put after an error.
fn updates_need_success(options: &Options, verb: Verb, errors: &Errors) {
    if options.always && verb == Verb::Updates {
        errors
            .at(Span::call_site(), "`always` is for `invalidates`: after an `Err` there is no value to put; remove it");
    }
}

/// The function with the write around its body.
fn written(options: &Options, function: &Function, verb: Verb) -> TokenStream {
    let core = options.krate.as_ref().map_or_else(|| quote!(::cachet_core), |path| quote!(#path));
    let private = quote!(#core::__private);
    let (attrs, vis, sig) = (&function.attrs, &function.vis, &function.sig);
    let (write, begin) = (hidden("__write"), begin(options, function, &private));
    let (returned, updates) = (hidden("__returned"), hidden("__updates"));
    let targets: Vec<_> = options.targets.iter().map(|call| target(call, &private)).collect();
    let tags = options.tags.iter().map(tag);
    let names: Vec<_> = (0..targets.len()).map(|index| hidden(&format!("__target{index}"))).collect();
    let (body, wait) = (body(function), |future: TokenStream| waited(function, &private, &future));
    let (commit, abandon) = (wait(quote!(#write.commit())), wait(quote!(#write.abandon())));
    let always = options.always.then(|| quote!(true ||));
    let put = (verb == Verb::Updates).then(|| {
        let puts = names.iter().zip(&options.targets).map(|(name, call)| {
            let place = Span::mixed_site().located_at(call.func.span());
            let updates = Ident::new(&updates.to_string(), place);
            let value = Blame::on(&call.func).call(&quote!(#private::copied), quote!(#updates));
            wait(quote!(#name.put(#value)))
        });
        quote!(#(#puts;)*)
    });
    let wrapped = quote! {
        #(let #names = #targets;)*
        let #write = #private::Write::new() #(.entry(&#names))* #(.tag(#tags))*;
        let #write = #begin;
        let #returned = #body;
        {
            #[allow(unused_imports)]
            use #private::{AnyOutcome as _, ResultOutcome as _};
            #[allow(unused_variables)]
            match (&&#private::Outcome(&#returned)).value() {
                ::core::option::Option::Some(#updates) => { #commit; #put }
                ::core::option::Option::None => if #always false { #commit } else { #abandon },
            }
        }
        #returned
    };
    let wrapped = match function.waits {
        Waits::Boxed(_) => quote!(::std::boxed::Box::pin(async move { #wrapped })),
        Waits::Async | Waits::Plain => wrapped,
    };
    quote! {
        #(#attrs)*
        #vis #sig { #wrapped }
    }
}

fn begin(options: &Options, function: &Function, private: &TokenStream) -> TokenStream {
    let write = hidden("__write");
    if !options.strict {
        return waited(function, private, &quote!(#write.begin()));
    }
    let (begun, error) = (waited(function, private, &quote!(#write.begin_strictly())), hidden("__error"));
    quote! {
        match #begun {
            ::core::result::Result::Ok(#write) => #write,
            ::core::result::Result::Err(#error) => {
                return ::core::result::Result::Err(::core::convert::From::from(#error));
            }
        }
    }
}

fn waited(function: &Function, private: &TokenStream, future: &TokenStream) -> TokenStream {
    match function.waits {
        Waits::Plain => quote!(#private::block_on(#future)),
        Waits::Async | Waits::Boxed(_) => quote!(#future.await),
    }
}

/// The user's body as an expression of the value that it gives.
fn body(function: &Function) -> TokenStream {
    let (body, returns) = (function.body.stream(), inferred(&function.returns()));
    let never = hidden("__never");
    match &function.waits {
        // `?` and `return` need the block's type, which no syntax gives an `async` block.
        Waits::Async => quote! {
            async move {
                #[allow(unreachable_code, clippy::diverging_sub_expression, clippy::needless_return)]
                if false {
                    let #never: #returns = ::core::unreachable!();
                    return #never;
                }
                #body
            }.await
        },
        Waits::Plain => quote!((move || -> #returns { #body })()),
        Waits::Boxed(_) => {
            let output = &function.sig.output;
            quote!((move || #output { #body })().await)
        }
    }
}

/// A type whose `impl Trait`s are left to the compiler.
fn inferred(ty: &Type) -> Type {
    struct Infer;
    impl VisitMut for Infer {
        fn visit_type_mut(&mut self, ty: &mut Type) {
            if matches!(ty, Type::ImplTrait(_)) {
                *ty = syn::parse_quote!(_);
            } else {
                visit_mut::visit_type_mut(self, ty);
            }
        }
    }
    let mut ty = ty.clone();
    Infer.visit_type_mut(&mut ty);
    ty
}

/// `product::target(id)`, or `controls.target(id)`, each argument blamed where it stands.
fn target(call: &ExprCall, private: &TokenStream) -> TokenStream {
    let arguments = call.args.iter().map(|argument| match argument {
        Expr::Path(path) if path.path.get_ident().is_some() => {
            // The body may want it too.
            let place = Span::mixed_site().located_at(argument.span());
            Blame::on(argument).call(&quote!(#private::copied), quote_spanned!(place=> &#argument))
        }
        other => quote!(#other),
    });
    let (function, target) = (&call.func, Ident::new("target", call.func.span()));
    match &**function {
        Expr::Path(path) => quote!(#path::#target(#(#arguments),*)),
        controls => quote!(#controls.#target(#(#arguments),*)),
    }
}

fn tag(tag: &Template) -> TokenStream {
    let place = Span::mixed_site().located_at(tag.literal.span());
    let format = LitStr::new(&tag.format(), place);
    let values = tag.places().map(|place| {
        let (argument, steps) = (argument(&place.argument, tag.literal.span()), &place.fields);
        quote!(#argument #(#steps)*)
    });
    quote!(::std::format!(#format, #(#values),*))
}

fn argument(name: &str, place: Span) -> Ident {
    if name == "self" {
        return Ident::new(name, place);
    }
    syn::parse_str::<Ident>(name).map_or_else(
        |_| Ident::new_raw(name, place),
        |mut ident| {
            ident.set_span(place);
            ident
        },
    )
}

fn hidden(name: &str) -> Ident {
    Ident::new(name, Span::mixed_site())
}
