//! Arguments of a cached function as a tuple: what its controls take, and what its key is made of.

/// A tuple of arguments, up to twelve.
pub trait Arguments {
    /// The same by reference.
    type Refs<'r>: Copy
    where
        Self: 'r;

    /// Borrows each argument.
    fn refs(&self) -> Self::Refs<'_>;
}

macro_rules! arguments {
    ($(($($name:ident)*))*) => {$(
        impl<$($name),*> Arguments for ($($name,)*) {
            type Refs<'r> = ($(&'r $name,)*) where Self: 'r;

            #[inline]
            #[allow(non_snake_case, clippy::unused_unit)]
            fn refs(&self) -> Self::Refs<'_> {
                let ($($name,)*) = self;
                ($($name,)*)
            }
        }
    )*};
}

arguments! {
    () (A) (A B) (A B C) (A B C D) (A B C D E) (A B C D E F) (A B C D E F G) (A B C D E F G H)
    (A B C D E F G H I) (A B C D E F G H I J) (A B C D E F G H I J K) (A B C D E F G H I J K L)
}
