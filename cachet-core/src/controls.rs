//! The controls: what callers do with a function's cache beside calling the function.

use std::{future::Future, marker::PhantomData};

use crate::{
    cache::{Cache, Found},
    entry::{Cached, Origin},
    erased::erase,
    events::Stats,
    invalidate::Invalidation,
    private::{Failure, Fetched, Function, Key, Keyed, Load, Stored, cache, fetch_alone, fetch_with},
    returns::Splits,
    target::Target,
    warm::{Warmed, Warming, warm_all},
};

/// The controls of an async function: the type beside it that bears its name.
///
/// `K` are the arguments of its key, `A` all of its arguments.
///
/// ```
/// use cachet_core::cached;
///
/// #[cached(ttl = "5m")]
/// async fn square(n: u64) -> u64 {
///     n * n
/// }
///
/// # pollster::block_on(async {
/// assert_eq!(square::peek(4).await.map(|cached| *cached), None);
/// square::put(4, 16).await;
/// assert_eq!(square(4).await, 16);
/// assert!(square::invalidate(4).await.is_done());
/// assert_eq!(*square::fetch(4).await, 16);
/// assert_eq!(square::stats().loads, 1);
/// # });
/// ```
pub struct Controls<F, K, A>(Of<(F, K, A)>);

/// The controls of a plain function, which wait for nothing.
pub struct PlainControls<F, K, A>(Of<(F, K, A)>);

/// Types that are named, and of which there is no value.
type Of<T> = PhantomData<fn() -> T>;

/// The controls of an async method, as `Self::method_cache()` gives them.
///
/// What describes a method is a type without a name, and the compiler does not look into it for the loader's future. So
/// the futures of `fetch`, `refresh`, `warm` and `warm_with` are not `Send` here; those of the other controls are, and that
/// of the method itself is if its body's is.
pub struct MethodControls<F, K, A>(F, PhantomData<fn() -> (K, A)>);

/// The controls of a plain method.
pub struct PlainMethodControls<F, K, A>(F, PhantomData<fn() -> (K, A)>);

impl<F, K, A> MethodControls<F, K, A> {
    #[doc(hidden)]
    pub fn new(function: F) -> Self {
        Self(function, PhantomData)
    }

    #[doc(hidden)]
    pub fn function(self) -> F {
        self.0
    }
}

impl<F, K, A> PlainMethodControls<F, K, A> {
    #[doc(hidden)]
    pub fn new(function: F) -> Self {
        Self(function, PhantomData)
    }

    #[doc(hidden)]
    pub fn function(self) -> F {
        self.0
    }
}

fn keyed<F: Key<K>, K>(function: &F, args: &K) -> Keyed {
    Keyed::new(function.key(args), function.tags(args))
}

/// The key is made when the control is called, so that its future holds no argument; the cache is looked up when the
/// future runs, which may be in another scope.
fn invalidate<F: Key<K>, K>(function: F, args: &K) -> impl Future<Output = Invalidation> + use<F, K> {
    let key = function.key(args);
    async move { cache(&function).invalidate(&key).await }
}

fn invalidate_plain<F: Key<K>, K>(function: &F, args: &K) -> Invalidation {
    cache(function).invalidate_memory(&function.key(args))
}

fn peek<F: Key<K>, K>(function: F, args: &K) -> impl Future<Output = Option<Cached<Stored<F>>>> + use<F, K> {
    let call = keyed(&function, args);
    async move {
        let cache = cache(&function);
        let found = cache.peek(&call).await?;
        seen::<F>(&cache, found)
    }
}

fn peek_plain<F: Key<K>, K>(function: &F, args: &K) -> Option<Cached<Stored<F>>> {
    let cache = cache(function);
    let found = cache.peek_memory(&function.key(args))?;
    seen::<F>(&cache, found)
}

/// What an entry holds with its ages, unless that is an error.
fn seen<F: Function>(cache: &Cache, found: Found) -> Option<Cached<Stored<F>>> {
    cache.validate(&found.entry);
    found.entry.cached(cache.now(), found.origin)
}

fn put<F: Key<K>, K>(function: F, args: &K, value: Stored<F>) -> impl Future<Output = Invalidation> + use<F, K> {
    let call = keyed(&function, args);
    async move { cache(&function).put(&call, erase(value)).await }
}

fn put_plain<F: Key<K>, K>(function: F, args: &K, value: Stored<F>) -> Invalidation {
    pollster::block_on(put(function, args, value))
}

fn target<F: Key<K>, K>(function: &F, args: &K) -> Target<F::Returns, F::Shape> {
    Target::new(&cache(function), keyed(function, args))
}

async fn clear<F: Function>(function: F) -> Invalidation {
    cache(&function).clear().await
}

fn tags<F: Key<K>, K>(function: &F, args: &K) -> Vec<String> {
    let call = keyed(function, args);
    let names = cache(function).in_front(&call.key);
    call.tags.into_iter().chain(names).collect()
}

fn clear_plain<F: Function>(function: &F) -> Invalidation {
    cache(function).clear_memory()
}

fn stats<F: Function>(function: &F) -> Stats {
    cache(function).stats()
}

async fn load<F: Load<A>, A>(function: &F, args: A, refreshed: bool) -> Result<Cached<Stored<F>>, Failure<F>> {
    let (cache, call) = (cache(function), Keyed::new(function.key_of(&args), function.tags_of(&args)));
    if refreshed {
        // Queued or done, this node loads anew.
        let _ = cache.invalidate(&call.key).await;
    }
    match function.alone(args) {
        Ok(body) => fetch_alone::<F>(&cache, call, body).await,
        Err(args) => fetch_with::<F, _>(&cache, call, function.load(args)).await,
    }
}

async fn fetch<F: Load<A>, A>(function: F, args: A) -> Fetched<F> {
    F::Shape::fetched(load(&function, args, false).await)
}

async fn refresh<F: Load<A>, A>(function: F, args: A) -> F::Returns {
    F::Shape::join(load(&function, args, true).await.map(Cached::into_inner))
}

/// Where the entry came from, or `None` for a failed load.
pub(crate) async fn warm_one<F: Load<A>, A>(function: &F, args: A) -> Option<Origin> {
    load(function, args, false).await.ok().map(|cached| cached.origin())
}

/// The controls whose arguments are the key's, for one number of arguments.
macro_rules! by_key {
    ([$($this:tt)*] $function:expr; $($name:ident)*) => {
        /// Invalidates the entry of these arguments in every tier.
        #[allow(non_snake_case, clippy::too_many_arguments)]
        pub fn invalidate($($this)* $($name: $name),*) -> impl Future<Output = Invalidation> + use<$($name,)* F, A> {
            invalidate::<F, ($($name,)*)>($function, &($($name,)*))
        }

        /// The entry of these arguments, if a tier holds it fresh; nothing is loaded.
        #[allow(non_snake_case, clippy::too_many_arguments)]
        pub fn peek($($this)* $($name: $name),*)
            -> impl Future<Output = Option<Cached<Stored<F>>>> + use<$($name,)* F, A>
        {
            peek::<F, ($($name,)*)>($function, &($($name,)*))
        }

        /// Puts a value into the tiers, as if these arguments had just been loaded.
        #[allow(non_snake_case, clippy::too_many_arguments)]
        pub fn put($($this)* $($name: $name,)* value: Stored<F>)
            -> impl Future<Output = Invalidation> + use<$($name,)* F, A>
        {
            put::<F, ($($name,)*)>($function, &($($name,)*), value)
        }

        /// What an answer made of the entry is to carry for caches in front: the entry's tags, and what an `Edge` of
        /// cachet-actix that follows the runtime purges when the entry, the function or everything is invalidated.
        #[allow(non_snake_case, clippy::too_many_arguments)]
        #[must_use]
        pub fn tags($($this)* $($name: $name),*) -> Vec<String> {
            tags::<F, ($($name,)*)>(&$function, &($($name,)*))
        }

        /// Invalidates every entry of the function in every tier.
        pub fn clear($($this)*) -> impl Future<Output = Invalidation> + use<$($name,)* F, A> {
            clear::<F>($function)
        }

        /// The function's counters.
        #[must_use]
        pub fn stats($($this)*) -> Stats {
            stats::<F>(&$function)
        }

        #[doc(hidden)]
        #[allow(non_snake_case, clippy::too_many_arguments)]
        pub fn target($($this)* $($name: $name),*)
            -> Target<F::Returns, F::Shape>
        {
            target::<F, ($($name,)*)>(&$function, &($($name,)*))
        }
    };
}

macro_rules! by_key_plain {
    ([$($this:tt)*] $function:expr; $($name:ident)*) => {
        /// Invalidates the entry of these arguments.
        #[allow(non_snake_case, clippy::too_many_arguments, clippy::must_use_candidate)]
        pub fn invalidate($($this)* $($name: $name),*) -> Invalidation {
            invalidate_plain::<F, ($($name,)*)>(&$function, &($($name,)*))
        }

        /// The entry of these arguments, if memory holds it fresh; nothing is loaded.
        #[allow(non_snake_case, clippy::too_many_arguments)]
        #[must_use]
        pub fn peek($($this)* $($name: $name),*) -> Option<Cached<Stored<F>>> {
            peek_plain::<F, ($($name,)*)>(&$function, &($($name,)*))
        }

        /// Puts a value into memory, as if these arguments had just been loaded.
        #[allow(non_snake_case, clippy::too_many_arguments)]
        pub fn put($($this)* $($name: $name,)* value: Stored<F>) -> Invalidation {
            put_plain::<F, ($($name,)*)>($function, &($($name,)*), value)
        }

        /// What an answer made of the entry is to carry for caches in front: the entry's tags, and what an `Edge` of
        /// cachet-actix that follows the runtime purges when the entry, the function or everything is invalidated.
        #[allow(non_snake_case, clippy::too_many_arguments)]
        #[must_use]
        pub fn tags($($this)* $($name: $name),*) -> Vec<String> {
            tags::<F, ($($name,)*)>(&$function, &($($name,)*))
        }

        /// Invalidates every entry of the function.
        pub fn clear($($this)*) -> Invalidation {
            clear_plain::<F>(&$function)
        }

        /// The function's counters.
        #[must_use]
        pub fn stats($($this)*) -> Stats {
            stats::<F>(&$function)
        }

        #[doc(hidden)]
        #[allow(non_snake_case, clippy::too_many_arguments)]
        pub fn target($($this)* $($name: $name),*)
            -> Target<F::Returns, F::Shape>
        {
            target::<F, ($($name,)*)>(&$function, &($($name,)*))
        }
    };
}

/// The controls that may load, so that their arguments are the function's.
macro_rules! by_call {
    ([$($this:tt)*] $function:expr; $($name:ident)*) => {
        /// Calls the function, and gives the value with its age, lifetime and validator.
        #[allow(non_snake_case, clippy::too_many_arguments)]
        pub fn fetch($($this)* $($name: $name),*) -> impl Future<Output = Fetched<F>> + use<$($name,)* F, K> {
            fetch::<F, ($($name,)*)>($function, ($($name,)*))
        }

        /// Invalidates the entry of these arguments and loads it anew.
        #[allow(non_snake_case, clippy::too_many_arguments)]
        pub fn refresh($($this)* $($name: $name),*) -> impl Future<Output = F::Returns> + use<$($name,)* F, K> {
            refresh::<F, ($($name,)*)>($function, ($($name,)*))
        }
    };
}

macro_rules! by_call_plain {
    ([$($this:tt)*] $function:expr; $($name:ident)*) => {
        /// Calls the function, and gives the value with its age, lifetime and validator.
        #[allow(non_snake_case, clippy::too_many_arguments)]
        pub fn fetch($($this)* $($name: $name),*) -> Fetched<F> {
            pollster::block_on(fetch::<F, ($($name,)*)>($function, ($($name,)*)))
        }

        /// Invalidates the entry of these arguments and loads it anew.
        #[allow(non_snake_case, clippy::too_many_arguments)]
        pub fn refresh($($this)* $($name: $name),*) -> F::Returns {
            pollster::block_on(refresh::<F, ($($name,)*)>($function, ($($name,)*)))
        }
    };
}

/// Loading many entries beforehand; an item is the argument itself where there is one, else a tuple.
macro_rules! warming {
    ([$($this:tt)*] $function:expr; $item:ty, $args:ty, $into:expr; $($name:ident)*) => {
        /// Loads the entries of many arguments, those that are missing, sixteen at a time.
        ///
        /// An item is the function's argument where it has one, else a tuple of them. A load that fails is counted,
        /// and the others go on. Dropping the future stops the loads under way.
        pub fn warm<I: IntoIterator<Item = $item>>($($this)* items: I)
            -> impl Future<Output = Warmed> + use<I, $($name,)* F, K>
        {
            warm_all::<F, $args, _>($function, items.into_iter().map($into), Warming::default())
        }

        /// The same with a bound and a progress callback of one's own.
        pub fn warm_with<I: IntoIterator<Item = $item>>($($this)* items: I, warming: Warming)
            -> impl Future<Output = Warmed> + use<I, $($name,)* F, K>
        {
            warm_all::<F, $args, _>($function, items.into_iter().map($into), warming)
        }
    };
}

macro_rules! controls {
    ($(($($name:ident)*) [$item:ty, $into:expr];)*) => {$(
        impl<$($name,)* A, F: Key<($($name,)*)> + Default> Controls<F, ($($name,)*), A> {
            by_key!([] F::default(); $($name)*);
        }

        impl<$($name,)* K, F: Load<($($name,)*)> + Default> Controls<F, K, ($($name,)*)> {
            by_call!([] F::default(); $($name)*);
            warming!([] F::default(); $item, ($($name,)*), $into; $($name)*);
        }

        impl<$($name,)* A, F: Key<($($name,)*)> + Default> PlainControls<F, ($($name,)*), A> {
            by_key_plain!([] F::default(); $($name)*);
        }

        impl<$($name,)* K, F: Load<($($name,)*)> + Default> PlainControls<F, K, ($($name,)*)> {
            by_call_plain!([] F::default(); $($name)*);
        }

        impl<$($name,)* A, F: Key<($($name,)*)>> MethodControls<F, ($($name,)*), A> {
            by_key!([self,] self.0; $($name)*);
        }

        impl<$($name,)* K, F: Load<($($name,)*)>> MethodControls<F, K, ($($name,)*)> {
            by_call!([self,] self.0; $($name)*);
            warming!([self,] self.0; $item, ($($name,)*), $into; $($name)*);
        }

        impl<$($name,)* A, F: Key<($($name,)*)>> PlainMethodControls<F, ($($name,)*), A> {
            by_key_plain!([self,] self.0; $($name)*);
        }

        impl<$($name,)* K, F: Load<($($name,)*)>> PlainMethodControls<F, K, ($($name,)*)> {
            by_call_plain!([self,] self.0; $($name)*);
        }
    )*};
}

controls! {
    () [(), |()| ()];
    (T1) [T1, |arg| (arg,)];
    (T1 T2) [(T1, T2), |args| args];
    (T1 T2 T3) [(T1, T2, T3), |args| args];
    (T1 T2 T3 T4) [(T1, T2, T3, T4), |args| args];
    (T1 T2 T3 T4 T5) [(T1, T2, T3, T4, T5), |args| args];
    (T1 T2 T3 T4 T5 T6) [(T1, T2, T3, T4, T5, T6), |args| args];
    (T1 T2 T3 T4 T5 T6 T7) [(T1, T2, T3, T4, T5, T6, T7), |args| args];
    (T1 T2 T3 T4 T5 T6 T7 T8) [(T1, T2, T3, T4, T5, T6, T7, T8), |args| args];
    (T1 T2 T3 T4 T5 T6 T7 T8 T9) [(T1, T2, T3, T4, T5, T6, T7, T8, T9), |args| args];
    (T1 T2 T3 T4 T5 T6 T7 T8 T9 T10) [(T1, T2, T3, T4, T5, T6, T7, T8, T9, T10), |args| args];
    (T1 T2 T3 T4 T5 T6 T7 T8 T9 T10 T11) [(T1, T2, T3, T4, T5, T6, T7, T8, T9, T10, T11), |args| args];
    (T1 T2 T3 T4 T5 T6 T7 T8 T9 T10 T11 T12) [(T1, T2, T3, T4, T5, T6, T7, T8, T9, T10, T11, T12), |args| args];
}
