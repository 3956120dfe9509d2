//! The attribute as a whole, from tokens to tokens.

use proc_macro2::{Delimiter, Group, TokenStream, TokenTree};
use quote::{ToTokens as _, quote};

use crate::{derive_key, expand_cached};

fn expanded(options: TokenStream, item: &TokenStream) -> syn::File {
    let tokens = expand_cached(options, item);
    syn::parse2(tokens.clone()).unwrap_or_else(|error| panic!("{error}: {tokens}"))
}

fn text(options: TokenStream, item: TokenStream) -> String {
    expanded(options, item).into_token_stream().to_string()
}

/// The messages of the expansion's `compile_error!`s.
fn mistakes(options: TokenStream, item: TokenStream) -> Vec<String> {
    let file = expanded(options, item);
    file.items
        .iter()
        .filter_map(|item| match item {
            syn::Item::Macro(item) if item.mac.path.segments.last()?.ident == "compile_error" => {
                item.mac.parse_body::<syn::LitStr>().ok().map(|message| message.value())
            }
            _ => None,
        })
        .collect()
}

fn spaceless(tokens: &impl ToString) -> String {
    tokens.to_string().replace(char::is_whitespace, "")
}

#[test]
fn an_async_function_calls_the_runtime_and_keeps_its_body() {
    let code = spaceless(&text(
        quote!(ttl = 3600, tier = "memory,redis", tags = ["products", "product:{id}"]),
        quote! {
            /// Finds a product.
            pub async fn product(mut id: u64) -> Result<Product, ShopError> { id += 1; find(id).await }
        },
    ));
    for expected in [
        quote!(pub async fn product(id: u64) -> Result<Product, ShopError>),
        quote!(let __key = product::__key(&id);),
        quote!(
            ::cachet_core::__private::call::<__cachet_fn_product, _, _>(__key, move || (
                product::__tags(&id),
                product::__load(id)
            ))
            .await
        ),
        quote!(
            pub enum product {}
        ),
        quote!(::core::time::Duration::from_secs(3600)),
        quote!(.shared()),
        quote!(::std::vec![::std::string::String::from("products"), ::std::format!("product:{}", id)]),
        quote!(
            async fn __load(mut id: u64) -> Result<Product, ShopError> {
                id += 1;
                find(id).await
            }
        ),
        quote!(pub async fn invalidate(id: u64,) -> ::cachet_core::Invalidation),
        quote!(pub async fn put(id: u64, value: <::cachet_core::__private::Kind<{ ::cachet_core::__kind!(Result<Product, ShopError>) }> as ::cachet_core::__private::Returns<Result<Product, ShopError> >>::Stored) -> ::cachet_core::Invalidation),
    ] {
        assert!(code.contains(&spaceless(&expected)), "{expected}\nis not in\n{code}");
    }
    assert_eq!(code.matches("Findsaproduct").count(), 1, "the documentation stays on the function");
}

#[test]
fn a_plain_function_takes_the_blocking_way() {
    let code = spaceless(&text(
        quote!(ttl = "250ms"),
        quote!(
            fn square(n: u32) -> u32 {
                n * n
            }
        ),
    ));
    assert!(
        code.contains(
            "call_blocking::<__cachet_fn_square,_,_>(__key,move||(square::__tags(),move||square::__load(n)))"
        ),
        "{code}"
    );
    assert!(code.contains("from_millis(250)"), "{code}");
    assert!(!code.contains("async") && !code.contains("await"), "{code}");
}

#[test]
fn switches_go_to_every_item_and_all_other_attributes_stay() {
    let code = spaceless(&text(
        quote!(ttl = 1),
        quote! {
            #[cfg(unix)] #[expect(clippy::too_many_arguments)] #[must_use] #[cfg_attr(unix, inline)]
            fn f(a: u8) -> u8 { a }
        },
    ));
    assert_eq!(code.matches("#[cfg(unix)]").count(), 6, "{code}");
    assert_eq!(code.matches("#[allow(clippy::too_many_arguments)]").count(), 6, "{code}");
    assert_eq!(code.matches("#[cfg_attr(unix,inline)]").count(), 1, "{code}");
    assert_eq!(code.matches("expect").count(), 0, "{code}");
}

#[test]
fn a_handler_keys_on_what_is_inside_its_extractors() {
    let code = spaceless(&text(
        quote!(ttl = 60, http = "Public,max-age=30", tags = ["post:{id}"], handle = post_cache),
        quote! {
            #[get("/posts/{id}")]
            async fn post(id: web::Path<u64>, db: Data<Db>) -> Result<Json<Post>, AppError> { load(id, db).await }
        },
    ));
    for expected in [
        quote!(async fn post(__incoming: ::cachet_actix::__private::Incoming, id: web::Path<u64>, db: Data<Db>) -> ::cachet_actix::__private::HttpResponse),
        quote!(let __key = post_cache::__key(&*id);),
        quote!(
            respond::<__cachet_fn_post, _, _>(__incoming, &post_cache::__HTTP, __key, move || (
                post_cache::__tags(&*id),
                post_cache::__load(id, db)
            ))
            .await
        ),
        quote!(::cachet_actix::__private::Http::new("public, max-age=30")),
        quote!(fn __key(id: &u64)),
        quote!(async fn invalidate(id: u64,)),
    ] {
        assert!(code.contains(&spaceless(&expected)), "{expected}\nis not in\n{code}");
    }
    assert!(!code.contains("fnpeek") && !code.contains("fnfetch"), "{code}");
}

#[test]
fn over_a_route_attribute_the_controls_hide_unless_named() {
    let handler = quote!(
        #[post("/")]
        async fn save() -> Answer {
            answer()
        }
    );
    let code = text(quote!(ttl = 1, http = "private"), handler);
    assert!(code.contains("enum __cachet_save"), "{code}");
}

#[test]
fn every_mistake_is_reported_at_once_and_the_function_survives() {
    let function = quote!(
        fn load(self, id: u64, (a, b): Pair) -> &str {
            ""
        }
    );
    let options = quote!(tll = 5, tier = "redis,memory", capacity = 0, stale = "1m", tags = ["{x}", 5], skip(idd), = 3);
    let found = mistakes(options.clone(), function.clone());
    assert_eq!(found.len(), 12, "{found:#?}");
    assert!(text(options, function.clone()).ends_with(&function.to_string()));
}

#[test]
fn one_wrong_value_is_one_mistake() {
    for options in [
        quote!(ttl = 0),
        quote!(ttl),
        quote!(ttl =),
        quote!(ttl = "5m", stale = |a, b| a),
        quote!(ttl = 5; tier = "memory"),
    ] {
        let found = mistakes(
            options.clone(),
            quote!(
                fn f() {}
            ),
        );
        assert_eq!(found.len(), 1, "{options}: {found:?}");
    }
}

#[test]
fn what_is_no_function_is_told_so() {
    for item in [
        quote!(
            struct S;
        ),
        quote!(
            pub enum E {}
        ),
        quote!(impl S {}),
        quote!(
            fn f();
        ),
    ] {
        let found = mistakes(quote!(ttl = 5), item.clone());
        assert!(found.iter().any(|mistake| mistake.contains("`#[cached]`")), "{item}: {found:?}");
    }
}

#[test]
fn a_derived_key_writes_variants_and_fields() {
    let code = spaceless(&derive_key::derive(quote! {
        enum Choice<T> { None, One(T, #[cache_key(skip)] f64), Two { a: u8 } }
    }));
    for expected in [
        quote!(impl<T> ::cachet_core::CacheKey for Choice<T> where T: ::cachet_core::CacheKey),
        quote!(Self::None {} => { __writer.variant(0u32); }),
        quote!(Self::One { 0: __field0, .. } => { __writer.variant(1u32); ::cachet_core::CacheKey::write_key(__field0, __writer); }),
        quote!(Self::Two { a: __field0, } =>),
    ] {
        assert!(code.contains(&spaceless(&expected)), "{expected}\nis not in\n{code}");
    }
}

/// A generator of small numbers, the same on every run (Marsaglia's xorshift).
struct Random(u64);

impl Random {
    fn below(&mut self, bound: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 % bound.max(1) as u64).expect("it is below a usize")
    }
}

/// Drops, doubles, swaps or replaces one token somewhere.
fn damaged(tokens: TokenStream, random: &mut Random) -> TokenStream {
    let mut tokens: Vec<TokenTree> = tokens.into_iter().collect();
    let index = random.below(tokens.len());
    match (tokens.get(index).cloned(), random.below(5)) {
        (None, _) => {}
        (Some(TokenTree::Group(group)), 0..=3) => {
            let inside = damaged(group.stream(), random);
            tokens[index] =
                Group::new(if random.below(8) == 0 { Delimiter::None } else { group.delimiter() }, inside).into();
        }
        (Some(_), 0) => drop(tokens.remove(index)),
        (Some(token), 1) => tokens.insert(index, token),
        (Some(_), 2) => {
            let other = random.below(tokens.len());
            tokens.swap(index, other);
        }
        (Some(_), _) => tokens[index] = spare(random),
    }
    tokens.into_iter().collect()
}

fn spare(random: &mut Random) -> TokenTree {
    let spares = quote!(ttl tier key skip tags http crate self async impl & , = : 'a 0 1.5 18446744073709551616 "" "{" "{a}" "0s" "é{ü.0}" b"x" r#type [] {} ());
    let spares: Vec<TokenTree> = spares.into_iter().collect();
    spares[random.below(spares.len())].clone()
}

#[test]
fn damaged_tokens_never_panic() {
    let options = quote!(
        ttl = "1h 30m",
        tier = "memory,redis",
        key = "{id}:{user.lang}",
        skip(db, conn),
        name = "product",
        capacity = 10_000,
        version = 2,
        negative_ttl = 10,
        memory_ttl = Duration::from_secs(5),
        tags = ["all", "user:{user.id}"],
        http = "public, max-age=5",
        handle = cache,
        crate = a::b
    );
    let item = quote! {
        #[cfg(unix)] #[get("/{id}")] pub(crate) async fn f<'a>(id: u64, mut user: &'a User, db: Data<Db>, conn: Path<(u8, String)>) -> Result<Vec<&'static str>, E> where 'a: 'a { Ok(()) }
    };
    let derived = quote! {
        #[cache_key(skip)] pub enum E<'a, T: Bound, const N: usize> where T: X { A, B(u8, #[cache_key(skip)] T), C { #[cache_key(with = x)] a: [T::Item; N] } }
    };
    let mut random = Random(0x9E37_79B9_7F4A_7C15);
    for _ in 0..4000 {
        let (mut options, mut item, mut derived) = (options.clone(), item.clone(), derived.clone());
        for _ in 0..=random.below(4) {
            options = damaged(options, &mut random);
            item = damaged(item, &mut random);
            derived = damaged(derived, &mut random);
        }
        expand_cached(options.clone(), &item);
        expand_cached(
            options,
            &quote!(
                async fn f(id: u64, user: User, db: Db, conn: Conn) {}
            ),
        );
        expand_cached(quote!(ttl = 5), &item);
        derive_key::derive(derived);
    }
}
