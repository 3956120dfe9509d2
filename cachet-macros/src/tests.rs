//! The attribute as a whole, from tokens to tokens.

use proc_macro2::{Delimiter, Group, TokenStream, TokenTree};
use quote::ToTokens as _;

use crate::{derive_key, expand_cached};

fn tokens(code: &str) -> TokenStream {
    code.parse().unwrap_or_else(|error| panic!("{error}: {code}"))
}

fn expanded(options: &str, item: &str) -> syn::File {
    let code = expand_cached(tokens(options), &tokens(item));
    syn::parse2(code.clone()).unwrap_or_else(|error| panic!("{error}: {code}"))
}

/// The expansion without spaces.
fn text(options: &str, item: &str) -> String {
    spaceless(&expanded(options, item).into_token_stream().to_string())
}

/// The messages of the expansion's `compile_error!`s.
fn mistakes(options: &str, item: &str) -> Vec<String> {
    let message = |item: &syn::Item| match item {
        syn::Item::Macro(item) if item.mac.path.segments.last()?.ident == "compile_error" => {
            item.mac.parse_body::<syn::LitStr>().ok().map(|message| message.value())
        }
        _ => None,
    };
    expanded(options, item).items.iter().filter_map(message).collect()
}

fn spaceless(code: &str) -> String {
    code.replace(char::is_whitespace, "")
}

fn assert_holds(code: &str, parts: &[&str]) {
    for part in parts {
        assert!(code.contains(&spaceless(part)), "{part}\nis not in\n{code}");
    }
}

#[test]
fn an_async_function_calls_the_runtime_and_keeps_its_body() {
    let code = text(
        r#"ttl = 3600, tier = "memory,redis", tags = ["products", "product:{id}"]"#,
        "/// Finds a product.
         pub async fn product(mut id: u64) -> Result<Product, ShopError> { id += 1; find(id).await }",
    );
    assert_holds(
        &code,
        &[
            "pub async fn product(id: u64) -> Result<Product, ShopError> {
                 let __key = product::__key(&id);
                 ::cachet_core::__private::call::<__cachet_fn_product, _, _>(
                     __key,
                     move || (product::__tags(&id), product::__load(id))
                 ).await
             }",
            "pub enum product {}",
            "const __KIND: u8 = ::cachet_core::__kind!(Result<Product, ShopError>);",
            "type Kind = ::cachet_core::__private::Kind<{ product::__KIND }>;",
            r#"::core::concat!(::core::module_path!(), "::", "product"), ::core::time::Duration::from_secs(3600))"#,
            ".shared()",
            "::cachet_core::__private::CacheKey::write_key(&*id, __writer);",
            r#"::std::vec![::std::string::String::from("products"), ::std::format!("product:{}", id)]"#,
            "async fn __load(mut id: u64) -> Result<Product, ShopError> { id += 1; find(id).await }",
            "pub async fn invalidate(id: u64,) -> ::cachet_core::Invalidation",
        ],
    );
    assert_eq!(code.matches("Findsaproduct").count(), 1, "the documentation stays on the function");
}

#[test]
fn a_plain_function_takes_the_blocking_way() {
    let code = text(r#"ttl = "250ms""#, "fn square(n: u32) -> u32 { n * n }");
    let call =
        "call_blocking::<__cachet_fn_square, _, _>(__key, move || (square::__tags(), move || square::__load(n)))";
    assert_holds(&code, &[call, "from_millis(250)"]);
    assert!(!code.contains("async") && !code.contains("await"), "{code}");
}

#[test]
fn a_template_is_written_part_by_part() {
    let code = text(r#"ttl = 1, key = "{id}:{user.lang}", skip(db)"#, "fn f(db: Db, user: User, id: u8) {}");
    let writes = r#"KeyBuf::text(|__writer| {
        ::cachet_core::__private::CacheKey::write_key(&*id, __writer);
        __writer.literal(":");
        ::cachet_core::__private::CacheKey::write_key(&user.lang, __writer);
    })"#;
    assert_holds(&code, &["fn __key(user: &User, id: &u8)", writes, "fn invalidate(user: User, id: u8,)"]);
}

#[test]
fn switches_go_to_every_item_and_all_other_attributes_stay() {
    let attributes =
        "#[cfg(unix)] #[expect(clippy::a)] #[must_use] #[cfg_attr(unix, inline)] #[cfg_attr(unix, allow(b))]";
    let code = text("ttl = 1", &format!("{attributes} fn f(a: u8) -> u8 {{ a }}"));
    let count = |part: &str| code.matches(part).count();
    let items = ["#[cfg(unix)]", "#[allow(clippy::a)]", "#[cfg_attr(unix,allow(b))]"].map(count);
    assert_eq!(items, [6, 6, 6], "{code}");
    assert_eq!([count("#[cfg_attr(unix,inline)]"), count("expect")], [1, 0], "{code}");
}

#[test]
fn a_handler_keys_on_what_is_inside_its_extractors() {
    let code = text(
        r#"ttl = 60, http = "Public,max-age=30", tags = ["post:{id}"], handle = post_cache"#,
        r#"#[get("/posts/{id}")]
           async fn post(id: web::Path<u64>, db: Data<Db>) -> Result<Json<Post>, AppError> { load(id, db).await }"#,
    );
    assert_holds(
        &code,
        &[
            "async fn post(__incoming: ::cachet_actix::__private::Incoming, id: web::Path<u64>, db: Data<Db>)
                 -> ::cachet_actix::__private::HttpResponse {
                 let __key = post_cache::__key(&*id);
                 ::cachet_actix::__private::respond::<__cachet_fn_post, _, _>(
                     __incoming,
                     &post_cache::__HTTP,
                     __key,
                     move || (post_cache::__tags(&*id), post_cache::__load(id, db))
                 ).await
             }",
            r#"::cachet_actix::__private::Http::new("public, max-age=30")"#,
            "fn __key(id: &u64)",
            "async fn invalidate(id: u64,)",
        ],
    );
    assert!(!code.contains("fnpeek") && !code.contains("fnfetch"), "{code}");
}

#[test]
fn over_a_route_attribute_the_controls_hide_unless_named() {
    let code = text(r#"ttl = 1, http = "private""#, r#"#[post("/")] async fn save() -> Answer { answer() }"#);
    assert_holds(&code, &["enum __cachet_save {}"]);
}

#[test]
fn every_mistake_is_reported_at_once_and_the_function_survives() {
    let function = r#"fn load(self, id: u64, (a, b): Pair) -> &str { "" }"#;
    let options =
        r#"tll = 5, tier = "redis,memory", capacity = 0, stale = "1m", tags = ["{x}", 5], skip(idd), skip("id"), = 3"#;
    let found = mistakes(options, function);
    assert_eq!(found.len(), 12, "{found:#?}");
    assert!(text(options, function).ends_with(&spaceless(function)));
}

#[test]
fn one_slip_is_one_mistake() {
    for options in [
        "",
        "ttl = 0",
        "ttl",
        "ttl =",
        "tll = 5",
        "5",
        r#"ttl = "5m", stale = |a, b| a"#,
        r#"ttl = 5; tier = "memory""#,
        "ttl = 5, skip(\"id\")",
    ] {
        let found = mistakes(options, "fn f(id: u64) {}");
        assert_eq!(found.len(), 1, "{options}: {found:?}");
    }
}

#[test]
fn what_is_no_function_is_told_so() {
    for item in ["struct S;", "pub enum E {}", "impl S {}", "fn f();"] {
        let found = mistakes("ttl = 5", item);
        assert!(found.iter().any(|mistake| mistake.contains("`#[cached]`")), "{item}: {found:?}");
    }
}

#[test]
fn a_derived_key_writes_variants_and_fields() {
    let code = "enum Choice<T, I: Iterator> {
        None,
        One(T, #[cache_key(skip)] f64),
        Two { a: Vec<I::Item> },
    }";
    assert_holds(
        &spaceless(&derive_key::derive(tokens(code)).to_string()),
        &[
            "for Choice<T, I> where T: ::cachet_core::CacheKey, Vec<I::Item>: ::cachet_core::CacheKey {",
            "Self::None {} => { __writer.variant(0u32); }",
            "Self::One { 0: __field0, .. } => {
                 __writer.variant(1u32);
                 ::cachet_core::CacheKey::write_key(&*__field0, __writer);
             }",
            "Self::Two { a: __field0, } =>",
        ],
    );
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
            let delimiter = if random.below(8) == 0 { Delimiter::None } else { group.delimiter() };
            tokens[index] = Group::new(delimiter, inside).into();
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
    let spares = r#"ttl tier key skip tags http crate self Self async impl & , = : 'a 0 1.5 18446744073709551616
        "" "{" "{a}" "0s" "é{ü.0}" b"x" abstract [] {} ()"#;
    let spares: Vec<TokenTree> = tokens(spares).into_iter().collect();
    spares[random.below(spares.len())].clone()
}

#[test]
fn damaged_tokens_never_panic() {
    let sound = [
        r#"ttl = "1h 30m", tier = "memory,redis", key = "{id}:{user.lang}", skip(db, conn), name = "product",
           capacity = 10_000, version = 2, negative_ttl = 10, memory_ttl = Duration::from_secs(5),
           tags = ["all", "user:{user.id}"], http = "public, max-age=5", handle = cache, crate = a::b"#,
        r#"#[cfg(unix)] #[get("/{id}")]
           pub(crate) async fn f<'a>(id: u64, mut user: &'a User, db: Data<Db>, conn: Path<(u8, String)>)
               -> Result<Vec<&'static str>, E> where 'a: 'a { Ok(()) }"#,
        "#[cache_key(skip)] pub enum E<'a, T: Bound, const N: usize> where T: X {
             A, B(u8, #[cache_key(skip)] T), C { #[cache_key(with = x)] a: [T::Item; N] }
         }",
    ];
    let function = tokens("async fn f(id: u64, user: User, db: Db, conn: Conn) {}");
    let mut random = Random(0x9E37_79B9_7F4A_7C15);
    for _ in 0..4000 {
        let mut tokens = sound.map(tokens);
        for _ in 0..=random.below(4) {
            tokens = tokens.map(|tokens| damaged(tokens, &mut random));
        }
        let [options, item, derived] = tokens;
        expand_cached(options.clone(), &item);
        expand_cached(options, &function);
        expand_cached(self::tokens("ttl = 5"), &item);
        derive_key::derive(derived);
    }
}
