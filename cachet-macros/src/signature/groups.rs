//! What a `macro_rules!` hands on: each of its fragments comes in a group without delimiters, which is none of the
//! function's own.

use proc_macro2::{Delimiter, Group, TokenTree};
use syn::{
    Signature, Type,
    parse::ParseStream,
    visit_mut::{self, VisitMut},
};

/// The function's body, as it is written or as `$body:block`.
pub(super) fn body(input: ParseStream<'_>) -> syn::Result<Group> {
    let mut token = input.parse()?;
    loop {
        match token {
            TokenTree::Group(group) if group.delimiter() == Delimiter::Brace => return Ok(group),
            TokenTree::Group(group) if group.delimiter() == Delimiter::None => {
                let inside = group.stream().into_iter().next();
                token = inside.ok_or_else(|| syn::Error::new(group.span(), "expected the function's body"))?;
            }
            other => return Err(syn::Error::new(other.span(), "expected the function's body")),
        }
    }
}

/// Takes types out of their groups, so that `$value:ty` is known for the `Result` that it is. A type with bounds keeps
/// its group: `&` before it would be read otherwise.
pub(super) fn open(sig: &mut Signature) {
    struct Open;
    impl VisitMut for Open {
        fn visit_type_mut(&mut self, ty: &mut Type) {
            while let Type::Group(group) = ty
                && !matches!(*group.elem, Type::TraitObject(_) | Type::ImplTrait(_))
            {
                *ty = (*group.elem).clone();
            }
            visit_mut::visit_type_mut(self, ty);
        }
    }
    Open.visit_signature_mut(sig);
}
