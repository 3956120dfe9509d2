//! Names for lifetimes that a signature may leave out and a type cannot.

use proc_macro2::Span;
use syn::{
    Lifetime, Type, TypeFnPtr, TypeReference,
    visit_mut::{self, VisitMut},
};

/// The type with a name for every elided lifetime, which is pushed to `names`.
pub(super) fn named(ty: &Type, names: &mut Vec<Lifetime>) -> Type {
    let mut ty = ty.clone();
    Namer(names).visit_type_mut(&mut ty);
    ty
}

struct Namer<'n>(&'n mut Vec<Lifetime>);

impl Namer<'_> {
    fn next(&mut self) -> Lifetime {
        let name = Lifetime::new(&format!("'__l{}", self.0.len()), Span::mixed_site());
        self.0.push(name.clone());
        name
    }
}

impl VisitMut for Namer<'_> {
    fn visit_type_reference_mut(&mut self, reference: &mut TypeReference) {
        if reference.lifetime.is_none() {
            reference.lifetime = Some(self.next());
        }
        visit_mut::visit_type_reference_mut(self, reference);
    }

    fn visit_lifetime_mut(&mut self, lifetime: &mut Lifetime) {
        if lifetime.ident == "_" {
            *lifetime = self.next();
        }
    }

    // What is elided in a function's type is its own.
    fn visit_type_fn_ptr_mut(&mut self, _: &mut TypeFnPtr) {}

    fn visit_parenthesized_generic_arguments_mut(&mut self, _: &mut syn::ParenthesizedGenericArguments) {}
}
