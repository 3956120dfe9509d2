//! The attributes and derives of cachet. Use them through `cachet_core`, which re-exports them beside what their
//! expansion needs.
//!
//! Inside: tokens become arguments (`args`) and a `signature`; the rules in `check` are held against both; the `model`
//! can hold only what passed them; `expand` writes it down. Every mistake of one attribute is reported at once.

mod args;
mod blame;
mod check;
mod derive_key;
mod duration;
mod errors;
mod expand;
mod fallback;
mod freshness;
mod http;
mod key;
mod model;
mod signature;
mod size;
#[cfg(test)]
mod tests;
mod writer;

use proc_macro2::TokenStream;

use crate::{args::Args, errors::Errors, model::Model, signature::Function};

/// Caches what a function returns.
///
/// ```text
/// #[cached(ttl = "1h", tier = "memory,redis", tags = ["products", "product:{id}"])]
/// async fn product(id: u64) -> Result<Product, ShopError> { db::product(id).await }
///
/// product(42).await?;             // loads once, however many callers ask at once
/// product::invalidate(42).await;  // gone; a load that began before can never bring the old value back
/// ```
///
/// `cachet_core::reference` has an example of each option that compiles.
///
/// # Where it stands
///
/// | on | tiers | controls |
/// |---|---|---|
/// | `async fn` | all | a type of the function's name: `product::invalidate(42)` |
/// | `fn` | memory | the same; they wait for nothing |
/// | `fn` that returns `Pin<Box<dyn Future<Output = T>>>` or `BoxFuture<'_, T>` | all | the same, of the `T` |
/// | a method, or an associated function, that is not private | all, if async | `Self::product_cache()`, a function of the same visibility |
/// | a private one, or one in the `impl` of a trait, under `async_trait` as well | all, if async | none; in an inherent `impl`, `handle = name` gives them |
/// | an actix-web handler, with `http` | all | `invalidate`, `clear`, `stats` |
///
/// A function without `self` is known as associated by the word `Self` in its signature or body; without one, write
/// `associated`. `self` is part of the key as any argument: its type is a `CacheKey`, or `skip(self)`, or the `key` says
/// what of it counts. `&mut self` is refused, and a `&mut` argument that is part of the key. Where another type, or a
/// module, has a function's name, `handle` gives its controls another one.
///
/// Functions and `impl` blocks may be generic over types, consts and lifetimes. Every instance has entries and controls
/// of its own (`convert::<u8>::clear()`, `Self::convert_cache::<u8>()`); `capacity` holds for each of them. `impl AsRef<T>` is keyed by
/// the `T` that it lends; any other `impl Trait` is its own key, and stands in free functions only. An argument may be a
/// pattern; all of it is part of the key. There are at most twelve.
///
/// The value is what the function returns: `T`, `Option<T>`, `Result<T, E>` or `Result<Option<T>, E>` with `T: Clone +
/// Send + Sync + 'static`, and `Serialize + DeserializeOwned` in a shared tier. A free function may return an alias of
/// these under any name; a generic one and a method only one called `Option` or `Result`. An `Err` is kept with
/// `error_ttl` only, a `None` with `negative_ttl` only.
///
/// # Options
///
/// | option | form | meaning | default |
/// |---|---|---|---|
/// | `ttl` | duration | how long a value is fresh | required |
/// | `tier` | `"memory"`, `"redis"`, `"memory,redis"` | where values are kept, the nearest first | `"memory"` |
/// | `key` | `"{id}:{user.lang}"` or an expression | what tells calls apart; only arguments it mentions are part of it | every argument, and `self` |
/// | `skip(a, b)` | names of arguments, or `self` | arguments that are no part of the key | none |
/// | `name` | `"product"` | name in shared keys and counters: ASCII letters, digits and `_-.:/` | crate, module path and function; of a method, its type and name |
/// | `capacity` | entries, 1 to 4 294 967 295; memory tier only | bound of the memory tier | 10 000 |
/// | `max_bytes` | bytes (`1_000_000`) or `"64 MiB"`; memory tier only | bound of the memory tier in bytes, in place of `capacity`; needs `weight` | none |
/// | `weight` | `\|value\| usize`, or a path | how many bytes a value takes | none |
/// | `version` | 0 to 4 294 967 295 | part of the shared key: another number, other entries | 0 |
/// | `negative_ttl` | duration | how long a `None` is kept | not kept |
/// | `memory_ttl` | duration, at most `ttl`; memory tier only | how long memory answers without asking the shared tier | `ttl`; 10 s beside a shared tier without a backplane |
/// | `error_ttl` | duration, or `(NotFound = "10s", Busy(_) = "1s")` | how long an error is kept, the first pattern that matches; `E: Clone + Send + Sync`, in a shared tier `Serialize + DeserializeOwned` too | not kept |
/// | `jitter` | a share between 0 and 1 | shortens each lifetime by up to that share, at random | 0 |
/// | `stale` | duration | past its lifetime a value is served for so long, at once, and one refresh runs behind it | 0 |
/// | `stale_if_error` | duration | past its lifetime a value is served for so long when the load fails, or overruns `timeout` | 0 |
/// | `early` | β, above 0 and at most 100 | refreshes a fresh value behind a call with probability e^(−remaining/(β·load time)) | off |
/// | `timeout` | duration; async only | how long a load keeps its callers waiting while there is a stale value to serve | none |
/// | `when` | `\|value\| bool`, or a path | stores only what passes; the caller is given the rest as well | everything |
/// | `ttl_of` | `\|value\| Duration`, or a path | the lifetime by the value, in place of `ttl` | `ttl` |
/// | `tags` | `["products", "product:{id}"]` | names for `invalidate_tag` | none |
/// | `codec` | `"bincode"`, `"json"`, `"postcard"`; shared tier only | how values become bytes | `"bincode"` |
/// | `on_outage` | `"load"`, `"stale"`, `"fail"`; shared tier only | what a call does that the shared tier should answer and cannot: load (a few at a time); take what memory has, fresh or stale, though another node may have invalidated it; or fail with an error that `E: Clone + From<cachet_core::Error>` makes of `Error::Outage` | `"load"` |
/// | `batch` | the name of an argument of type `Vec<Id>` or `&[Id]` | a function of many keys: see below | one key a call |
/// | `http` | Cache-Control directives | caches a handler's response, and sends these directives with it | no handler |
/// | `cdn` | the same, beside `http` | `CDN-Cache-Control`, for content delivery networks (RFC 9213) | none |
/// | `vary` | `["accept-language"]`, beside `http`; with a memory tier | fields of the request that are part of the key, and in `Vary` | none |
/// | `etag` | `"strong"`, `"weak"`, or `\|body\| tag`, or a path; beside `http` | what the entity tag says, and what it is made of | `"strong"`: the hash |
/// | `associated` | alone | the function stands in an `impl` block, though it does not mention `Self` | by its tokens |
/// | `handle` | a name | name of the type with the controls; of a method, of the function that gives them | the function's; `method_cache` |
/// | `crate` | a path | where cachet-core is, if renamed | `::cachet_core` |
///
/// A *duration* is a whole number of seconds (`3600`), text with units from large to small (`"1h 30m"`; `w`, `d`, `h`,
/// `m`, `s`, `ms`), or an expression of type `Duration`, which is evaluated once for each runtime. Zero, and more than
/// a hundred years, are errors.
///
/// With `max_bytes`, an entry weighs what `weight` says, the bytes of its key up to a multiple of 16, and 256 bytes for
/// itself; a `None` or an error weighs these alone. It is weighed once, when it comes. All entries together never weigh
/// more than the bound, whoever inserts at the same time. An entry that is heavier than its part of the table is not
/// kept, evicts nothing and counts as an eviction: a part is the bound ÷ (4 × processors) less 3 %, but at least 1 MiB,
/// or all of the bound. The units are `B`, `KiB`, `MiB`, `GiB`, `kB`, `MB` and `GB`.
///
/// A *template* (`key`, `tags`) is text with places: `{id}` an argument, `{user.lang}` or `{pair.0}` a field of one,
/// `{name.len()}` what a method without arguments gives, `{self.region}` a part of `self`, `{{` and `}}` braces. In a
/// key, text values are percent-escaped, and a separator (one of `: / | @ # ; = & ? !` or a space) must stand between
/// two places, so that no two calls write the same key. In a tag, a place is written by `Display`, and is part of the
/// key; or it is `{value.brand}`, which only a function in memory alone may have: other nodes would learn of the tag
/// too late. Such a value is not stored when any tag was invalidated during its load. A `key` expression sees the arguments by reference, and its value is a `CacheKey`.
///
/// The *value* of `when`, `ttl_of`, `weight` and tags is what is inside of `Result` and `Option`; an error or a `None` is not asked about.
/// A bare name in an `error_ttl` pattern is a variant of the error, which the return type must spell (`Result<T, E>`);
/// behind an alias, write its path (`Problem::NotFound`). A kept error counts as a hit, and `peek` does not show it.
///
/// An argument of type `Refresh<T>` is what a load replaces. No caller gives it and no key has it: the body may ask its
/// source whether the value is still as it was.
///
/// # Past its lifetime
///
/// | the value is | a call gets | and |
/// |---|---|---|
/// | fresh | it | with `early`, perhaps one refresh runs behind the call |
/// | stale, for less than `stale` | it, at once | one refresh runs behind the call |
/// | stale, for less than `stale_if_error` | what the load gives; the stale value if that is an error, or overruns `timeout` | the source is left alone for `Builder::throttle` (5 s): calls get the stale value |
/// | stale for longer | what the load gives, be that an error | |
/// | invalidated | what the load gives, be that an error | a load that began before is not kept either |
///
/// Both windows begin where the lifetime ends, so with both the longer one counts after an error. A `None` and a kept error
/// are never stale. To `stale_if_error` any error is a failure of the source: one that says that there is nothing is better an
/// `Ok(None)`. Where there is something stale to serve, an error is not kept by `error_ttl`. A refresh is one for
/// each entry of a process, and with a shared tier one for each entry of all nodes. It outlives the call; at most 64
/// run at a time (`Builder::refreshes`), 1024 wait for their turn, and beyond that the least urgent is dropped, which
/// `stats` counts. One that fails leaves the value stale, and the source alone. A load that overran `timeout` goes on,
/// and what it gives is kept; a call without a stale value waits on. In a shared tier a value is kept for the longer
/// window, so that every node can serve it.
///
/// With `stale`, `early` and `timeout` the body may go on without its caller. So its future is `Send`, its error too,
/// and its arguments are its own: those by reference are copied by `ToOwned`, `&self` by `Clone`. A handler's need not be:
/// it goes on where its request was. `early` and `timeout` are not for handlers, and none of the four stands beside
/// `batch`.
///
/// A call that would wait for itself panics with the function's name: one that a load makes for its own key, be it after
/// an invalidation, or through other cached functions, in whichever tasks their loads run. Where several loads need each
/// other, the call that would close the circle panics and the others go on; also when it stands in a `select!` or under a
/// timer. It is seen by who polls whom, and in one process. So it is not seen where a body spawns a task that makes the
/// call, and awaits that task: this waits until somebody drops it, since `timeout` ends it only where a stale value can
/// be served. Put such an `await` under `tokio::time::timeout`.
///
/// A function with `batch` is async and free, and returns a `HashMap` or a `BTreeMap` from each key to its value, or a
/// `Result` of one. Each key has an entry of its own: the body is given those that are missing, each once, and its answer
/// is put together with the others'. Calls for the same key wait for one load, whichever keys they ask for beside it; the
/// shared tier is asked for all of them at once, and filled at once. A key that the body leaves out is absent from the
/// answer and not kept; an `Err` keeps nothing. `Id` is `CacheKey + Clone + Eq + Hash`, and the other arguments are
/// `Clone`, since the body may run again for a key whose other load failed. In `key`, `tags` and the controls the argument
/// is one key: `names::invalidate(1)`; `fetch`, `refresh` and `warm` are not there.
///
/// `http` knows `public`, `private`, `no-store`, `no-cache`, `must-revalidate`, `proxy-revalidate`, `no-transform`,
/// `must-understand`, `immutable`, `max-age`, `s-maxage`, `stale-while-revalidate`, `stale-if-error`; ages are seconds
/// and at most `ttl`. Without `max-age` the client is given the entry's lifetime, beside its `Age`. The key of a handler
/// is made of what is inside `Path`, `Query`, `Json` and `Form`; `Data` is left out by itself; the raw request must be
/// left out by `skip`, and then the response must not be `public`, unless `vary` names what it looks at. `cdn` knows the
/// same directives but `s-maxage` and `proxy-revalidate`, and may be longer than `ttl`: a network is purged. On a handler
/// `stale` and `stale_if_error` are what `stale-while-revalidate` and `stale-if-error` in `http` say, unless they are
/// given; a refresh goes on on the thread of the request that caused it, and a response with a status below 500 is no
/// failure. The closure of `etag` is given the body's bytes, before any content coding, and gives anything that an
/// `EntityTag` is made from. `negative_ttl`, `error_ttl`, `when`, `ttl_of`,
/// `max_bytes` and `weight` are not for handlers.
///
/// # Controls
///
/// They are `async` when the function is, except `stats`. The key's arguments begin with `&self` where `self` is part of
/// the key; all arguments begin with `self` as the method takes it.
///
/// | control | arguments | gives |
/// |---|---|---|
/// | `invalidate` | the key's | `Invalidation` |
/// | `refresh` | all | what the function returns, loaded anew |
/// | `fetch` | all | the same with age, lifetime and validator: `Cached<T>` in place of `T` |
/// | `peek` | the key's | `Option<Cached<…>>` of what the tiers hold; nothing is loaded |
/// | `put` | the key's, and a value | `Invalidation` |
/// | `warm` | items: the argument, or a tuple of all | `Warmed`: what was loaded, was there, and failed; sixteen loads at a time; async only |
/// | `warm_with` | the same, and a `Warming` | the same, with a bound and a progress callback |
/// | `clear` | none | `Invalidation`, of every entry of the function |
/// | `stats` | none | `Stats` |
///
/// Under a route attribute the controls are known in that attribute's expansion only; over one, `handle` names them.
///
/// # Attributes
///
/// `#[cfg]` and lint levels of the function go to everything that is generated (`#[expect]` as `#[allow]`);
/// documentation and all other attributes stay on the function. The body is not touched: it becomes the loader.
///
/// # Errors
///
/// All mistakes are reported at once, each where it was made and with what to write. The function itself is still
/// there, so that nothing else in the crate goes red. `const fn`, `unsafe fn`, `extern fn` and borrowed return values
/// are refused.
///
/// That a `struct is not supported in traits or impls` the compiler says of a function without `self` and `Self` that
/// stands in an `impl` block: write `associated`. That it is an `ambiguous associated type` it says of `Shop::offer::stats()`:
/// a method's controls are `Shop::offer_cache().stats()`.
#[proc_macro_attribute]
pub fn cached(options: proc_macro::TokenStream, item: proc_macro::TokenStream) -> proc_macro::TokenStream {
    expand_cached(options.into(), &item.into()).into()
}

/// Makes a struct or an enum a `CacheKey`: it writes every field in order, and an enum its variant before them.
///
/// ```text
/// #[derive(CacheKey)]
/// struct Listing {
///     category: String,
///     sort: Sort,
///     #[cache_key(with = in_cents)]
///     up_to: f64,
///     #[cache_key(skip)]
///     trace: TraceId,
/// }
///
/// #[derive(CacheKey)]
/// enum Sort {
///     #[cache_key(rename = "price")]
///     ByPrice,
///     #[cache_key(rename = "rating")]
///     ByRating { at_least: u8 },
/// }
///
/// fn in_cents(price: &f64, key: &mut KeyWriter) {
///     key.u64((price * 100.0).round() as u64);
/// }
/// ```
///
/// The documentation of the trait `CacheKey` has an example that runs.
///
/// # Options
///
/// | option | on | meaning |
/// |---|---|---|
/// | `skip` | a field | it is no part of the key |
/// | `with = path` | a field | `path` writes it: a function `fn(&Field, &mut KeyWriter)`; the field's type need not be a `CacheKey` |
/// | `rename = "name"` | a variant | the name stands in the key in place of the variant's index |
/// | `crate = path` | the type | where cachet-core is, if renamed; default `::cachet_core` |
///
/// What `with` writes tells apart only what it should: two values that write the same share an entry. None may write
/// the beginning of what another one writes.
///
/// Type parameters that a written field mentions get a `CacheKey` bound, except through `with`.
///
/// # What may change
///
/// Fields are written by their place and variants by theirs, never by name. So names of types, fields and variants may
/// change freely, while a field or variant that moves misses the entries that a shared tier still holds, or finds those
/// of another one. A variant with a `rename` is written by that text instead, and may move; those without one keep
/// counting all variants before them, so give a name to each variant of an enum that will grow. A name is not empty and
/// does not begin with a digit, which tells it from an index, and is the only one of its kind in the enum.
///
/// # Errors
///
/// All mistakes are reported at once. A union has no key, nor has a packed type. A field whose type has none (`f64`,
/// say) is blamed at that type.
#[proc_macro_derive(CacheKey, attributes(cache_key))]
pub fn derive_cache_key(input: proc_macro::TokenStream) -> proc_macro::TokenStream {
    derive_key::derive(input.into()).into()
}

/// Invalidates what a writer changes: fences it before the body runs, and invalidates it after.
///
/// ```text
/// #[invalidates(product(id), tag = "products", tag = "category:{category}")]
/// async fn set_price(id: u64, category: &str, price: u64) -> Result<(), ShopError> { … }
/// ```
///
/// It goes on async and plain functions, on methods and on handlers. A *target* is a cached function with the arguments
/// of its key, as its control `invalidate` takes them; for a method, its controls: `Shop::product_cache()(self, id)`. A
/// bare name is cloned, so that the body still has it. A *tag* is a template over the arguments, in which `{id}` is
/// written by `Display`. Both are made before the body runs.
///
/// | option | meaning |
/// |---|---|
/// | `always` | invalidates after an `Err` too; by default an `Err` says that nothing was written |
/// | `strict` | where the fence cannot be set, the body does not run, and the error is `cachet_core::Error::Fence`; the function returns a `Result` whose error is `From<cachet_core::Error>` |
/// | `crate = path` | where cachet-core is, if renamed |
///
/// While the fence stands, calls load without storing in the shared tier, on every node. So a load that read the source
/// before the commit is never found after it. A writer that is cancelled or panics invalidates as well, since it may
/// have committed; one whose process dies leaves fences that end by themselves after ten seconds. A plain `fn` blocks
/// its thread while the shared tier is told, at most for its deadline.
///
/// # Errors
///
/// All mistakes are reported at once. A target that is no cached function, and an argument of the wrong type, are the
/// compiler's errors at that token.
#[proc_macro_attribute]
pub fn invalidates(options: proc_macro::TokenStream, item: proc_macro::TokenStream) -> proc_macro::TokenStream {
    writer::expand(options.into(), &item.into(), writer::Verb::Invalidates).into()
}

/// Puts what a writer returns into the cache: the value of `Ok`, or the whole value where the function returns no
/// `Result`.
///
/// ```text
/// #[updates(product(id), tag = "products")]
/// async fn set_price(id: u64, price: u64) -> Result<Product, ShopError> { … }
/// ```
///
/// Everything else is as in `invalidates`, fences included; entries of the tags are invalidated. The value's type is the
/// target's, and it is cloned into the cache.
#[proc_macro_attribute]
pub fn updates(options: proc_macro::TokenStream, item: proc_macro::TokenStream) -> proc_macro::TokenStream {
    writer::expand(options.into(), &item.into(), writer::Verb::Updates).into()
}

fn expand_cached(options: TokenStream, item: &TokenStream) -> TokenStream {
    let errors = Errors::new();
    let model = model(options, item.clone(), &errors);
    match (errors.finish().as_slice(), model) {
        ([], Some(model)) => expand::expand(&model),
        (errors, _) => fallback::untouched(item, errors),
    }
}

/// The checked model; `None` when something is wrong, which `errors` then knows.
fn model(options: TokenStream, item: TokenStream, errors: &Errors) -> Option<Model> {
    let args = Args::parse(options, errors);
    let function = Function::parse(item, errors)?;
    check::check(&args, &function, errors);
    if errors.is_empty() { Model::new(args, function) } else { None }
}
