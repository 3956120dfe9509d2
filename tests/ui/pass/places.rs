//! Where a cached function may stand, and how visible it may be.
#![deny(warnings, missing_docs, unreachable_pub)]

mod products {
    #[derive(Clone)]
    pub(crate) struct Row(#[expect(dead_code)] u64);

    #[cachet_core::cached(ttl = 60)]
    pub(crate) fn row(id: u64) -> Row {
        Row(id)
    }

    #[cachet_core::cached(ttl = 60, handle = column_cache)]
    pub(super) fn column(id: u64) -> u64 {
        id
    }
}

mod renamed {
    pub(crate) use cachet_core as core;
}

#[cachet_core::cached(ttl = 60, crate = crate::renamed::core)]
fn elsewhere(id: u64) -> u64 {
    id
}

#[cfg(any())]
#[cachet_core::cached(ttl = 60)]
fn switched_off(id: NoSuchType) {}

#[cachet_core::cached(ttl = 60)]
#[cfg(any())]
fn switched_off_inside(id: NoSuchType) {}

#[cachet_core::cached(ttl = 60)]
#[expect(unused_variables, reason = "it is for the test")]
#[must_use]
#[inline]
fn with_attributes(id: u64) -> u64 {
    1
}

macro_rules! cached_with {
    ($name:ident, $ttl:expr, $argument:ident: $ty:ty) => {
        #[cachet_core::cached(ttl = $ttl, key = "{id}", tags = ["{id}"])]
        fn $name($argument: $ty) -> $ty {
            $argument
        }
    };
}

cached_with!(made, 60, id: u8);

fn main() {
    #[cachet_core::cached(ttl = 60)]
    fn nested(id: u64) -> u64 {
        id + 1
    }
    assert_eq!(nested(1), 2);
    assert!(nested::peek(1).is_some());
    products::row(1);
    assert!(products::row::peek(1).is_some());
    products::column(1);
    assert!(products::column_cache::peek(1).is_some());
    assert_eq!(elsewhere(1), 1);
    assert_eq!(with_attributes(1), 1);
    assert_eq!(made(1), 1);
}
