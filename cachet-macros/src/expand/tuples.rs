//! A function's arguments as tuples: those of the key, and all of them.

use proc_macro2::{Span, TokenStream};
use quote::{format_ident, quote};
use syn::{GenericParam, Generics, Ident, Lifetime, ReceiverKind, Type, TypeImplTrait, parse_quote};

use super::{hidden, lifetimes::named};
use crate::{
    model::{Access, KeyArgument, Model},
    signature::Parameter,
};

/// One member of a tuple.
pub(super) struct Member {
    pub(super) ident: Ident,
    pub(super) ty: Type,
}

/// The tuples of one function, and the generics that their types need.
pub(super) struct Tuples {
    /// Lifetimes that the signature does not name.
    pub(super) elided: Vec<Lifetime>,
    /// The function's own generics, with a name for each `impl Trait`.
    pub(super) generics: Generics,
    pub(super) key: Vec<Member>,
    pub(super) all: Vec<Member>,
    /// How the members of the key are had from those of all.
    access: Vec<Access>,
}

impl Tuples {
    pub(super) fn of(model: &Model) -> Self {
        let mut tuples = Self {
            elided: Vec::new(),
            generics: model.function.sig.generics.clone(),
            key: Vec::new(),
            all: Vec::new(),
            access: Vec::new(),
        };
        if let Some(ty) = receiver_type(model) {
            let this = Member { ident: this(), ty: named(&ty, &mut tuples.elided) };
            if model.key.has_self {
                tuples.key.push(Member { ident: this.ident.clone(), ty: this.ty.clone() });
                tuples.access.push(Access::Itself);
            }
            tuples.all.push(this);
        }
        for (index, parameter) in model.function.parameters.iter().enumerate() {
            tuples.add(index, parameter, model);
        }
        tuples
    }

    fn add(&mut self, index: usize, parameter: &Parameter, model: &Model) {
        let ty = match &parameter.ty {
            Type::ImplTrait(bounds) => self.parameter_for(index, bounds),
            ty => named(ty, &mut self.elided),
        };
        let key = model.key.arguments.iter().find(|argument| argument.ident == parameter.ident);
        if let Some(KeyArgument { ident, ty: inner, access }) = key {
            let ty = match access {
                Access::Itself => ty.clone(),
                Access::Wrapped | Access::Many | Access::AsRef(_) => named(inner, &mut self.elided),
            };
            self.key.push(Member { ident: ident.clone(), ty });
            self.access.push(access.clone());
        }
        self.all.push(Member { ident: parameter.ident.clone(), ty });
    }

    /// Gives an `impl Trait` a name.
    fn parameter_for(&mut self, index: usize, bounds: &TypeImplTrait) -> Type {
        let (name, bounds) = (format_ident!("__T{index}", span = Span::mixed_site()), &bounds.bounds);
        self.generics.params.push(parse_quote!(#name: #bounds));
        parse_quote!(#name)
    }

    /// `(u64, &'a str,)`.
    pub(super) fn key_types(&self) -> TokenStream {
        types(&self.key)
    }

    pub(super) fn all_types(&self) -> TokenStream {
        types(&self.all)
    }

    /// Whether the key is made of all arguments as they are.
    pub(super) fn is_whole(&self) -> bool {
        self.key_types().to_string() == self.all_types().to_string()
    }

    /// `(id, name,)`.
    pub(super) fn key_names(&self) -> TokenStream {
        names(&self.key)
    }

    pub(super) fn all_names(&self) -> TokenStream {
        names(&self.all)
    }

    /// References to the key's members out of the function's own parameters.
    pub(super) fn borrowed_key(&self) -> TokenStream {
        let members = self.key.iter().zip(&self.access).map(|(Member { ident, .. }, access)| match access {
            Access::Itself if *ident == this() => quote!(&self),
            Access::Itself => quote!(&#ident),
            // Already by reference: the caller goes through the many.
            Access::Many => quote!(#ident),
            Access::Wrapped => quote!(&*#ident),
            Access::AsRef(target) => quote!(&<_ as ::core::convert::AsRef<#target>>::as_ref(&#ident)),
        });
        quote!((#(#members,)*))
    }

    /// The same out of a borrowed tuple of all arguments.
    pub(super) fn keyed(&self) -> TokenStream {
        let members = self.key.iter().zip(&self.access).map(|(Member { ident, .. }, access)| match access {
            Access::Itself | Access::Many => quote!(#ident),
            Access::Wrapped => quote!(&**#ident),
            Access::AsRef(target) => quote!(&<_ as ::core::convert::AsRef<#target>>::as_ref(#ident)),
        });
        quote!((#(#members,)*))
    }

    /// The generics of an item that names these types; an `impl` may name no lifetime beside.
    pub(super) fn generics_of(&self, types: &TokenStream) -> Generics {
        let (mut generics, text) = (self.generics.clone(), types.to_string());
        let is_named = |lifetime: &&Lifetime| text.contains(&lifetime.to_string());
        let elided = self.elided.iter().filter(is_named).map(|lifetime| -> GenericParam { parse_quote!(#lifetime) });
        generics.params = elided.chain(generics.params).collect();
        generics
    }

    /// The same as an item declares them that holds values of none: `<T: ?Sized, const N: usize>`.
    pub(super) fn declared(&self) -> Vec<TokenStream> {
        let declared = |parameter: &GenericParam| match parameter {
            GenericParam::Lifetime(_) => None,
            GenericParam::Type(ty) => {
                let name = &ty.ident;
                Some(quote!(#name: ?::core::marker::Sized))
            }
            GenericParam::Const(constant) => {
                let (name, ty) = (&constant.ident, &constant.ty);
                Some(quote!(const #name: #ty))
            }
        };
        self.generics.params.iter().filter_map(declared).collect()
    }

    /// `<T, N>`: the function's types and constants.
    pub(super) fn instance(&self) -> Vec<TokenStream> {
        let name = |parameter: &GenericParam| match parameter {
            GenericParam::Lifetime(_) => None,
            GenericParam::Type(ty) => Some(&ty.ident).map(|ident| quote!(#ident)),
            GenericParam::Const(constant) => Some(&constant.ident).map(|ident| quote!(#ident)),
        };
        self.generics.params.iter().filter_map(name).collect()
    }
}

/// `self` as a member of a tuple.
pub(super) fn this() -> Ident {
    hidden("__self")
}

fn receiver_type(model: &Model) -> Option<Type> {
    let receiver = model.function.receiver.as_ref()?;
    Some(match &receiver.kind {
        ReceiverKind::Reference(_, lifetime, _) => parse_quote!(&#lifetime Self),
        ReceiverKind::Typed(_, ty) => (**ty).clone(),
        _ => parse_quote!(Self),
    })
}

fn types(members: &[Member]) -> TokenStream {
    let types = members.iter().map(|member| &member.ty);
    quote!((#(#types,)*))
}

fn names(members: &[Member]) -> TokenStream {
    let names = members.iter().map(|member| &member.ident);
    quote!((#(#names,)*))
}
