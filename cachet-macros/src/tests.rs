//! The attribute as a whole, from tokens to tokens.

use std::fmt::Write as _;

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
                let __args = (id,);
                match {
                    let mut __key = ::cachet_core::__private::KeyBuf::bytes();
                    ::cachet_core::__private::Load::write_key_of(&__cachet_fn_product, &__args, &mut __key);
                    ::cachet_core::__private::hit(&__cachet_fn_product, &mut __key)
                } {",
            "Err(__missed) => __missed.load(
                ::cachet_core::__private::Load::tags_of(&__cachet_fn_product, &__args),
                { let (id,) = __args; __cachet_load_product(id) }).await,",
            "pub type product = ::cachet_core::Controls<
                ::cachet_core::__private::Whole<__cachet_fn_product>, (u64,), (u64,)>;",
            "Shape<{ ::cachet_core::__shape!(Result<Product, ShopError>) }>;",
            r#"::core::concat!(::core::module_path!(), "::", "product"), ::core::time::Duration::from_secs(3600),"#,
            ".bincode()",
            "::cachet_core::__private::CacheKey::write_key(&*id, __writer);",
            r#"::std::vec![::std::string::String::from("products"), ::std::format!("product:{}", id)]"#,
            "async fn __cachet_load_product(mut id: u64) -> Result<Product, ShopError> { id += 1; find(id).await }",
        ],
    );
    assert_eq!(code.matches("Findsaproduct").count(), 1, "the documentation stays on the function");
}

#[test]
fn a_plain_function_takes_the_blocking_way() {
    let code = text(r#"ttl = "250ms""#, "fn square(n: u32) -> u32 { n * n }");
    assert_holds(
        &code,
        &[
            "__missed.run(::cachet_core::__private::Tags::new(), move || { let (n,) = __args; __cachet_load_square(n) })",
            "type square = ::cachet_core::PlainControls<
                ::cachet_core::__private::Whole<__cachet_fn_square>, (u32,), (u32,)>;",
            "fn __cachet_load_square(n: u32) -> u32 { n * n }",
            "from_millis(250)",
        ],
    );
    assert!(!code.contains("asyncfnsquare") && !code.contains("asyncfn__cachet") && !code.contains(".await"), "{code}");
}

#[test]
fn a_template_is_written_part_by_part() {
    let code = text(r#"ttl = 1, key = "{id}:{user.lang}", skip(db)"#, "fn f(db: Db, user: User, id: u8) {}");
    let writes = r#"let mut __key = ::cachet_core::__private::KeyBuf::text(); let __writer = __key.writer();
        ::cachet_core::__private::CacheKey::write_key(&*id, __writer);
        __writer.literal(":");
        ::cachet_core::__private::CacheKey::write_key(&user.lang, __writer);
        __key"#;
    assert_holds(&code, &["let (user, id,) = (user, id,);", writes, "<__cachet_fn_f, (User, u8,), (Db, User, u8,)>"]);
}

#[test]
fn switches_go_to_every_item_and_all_other_attributes_stay() {
    let attributes =
        "#[cfg(unix)] #[expect(clippy::a)] #[must_use] #[cfg_attr(unix, inline)] #[cfg_attr(unix, allow(b))]";
    let code = text("ttl = 1", &format!("{attributes} fn f(a: u8) -> u8 {{ a }}"));
    let count = |part: &str| code.matches(part).count();
    let items = ["#[cfg(unix)]", "#[allow(clippy::a)]", "#[cfg_attr(unix,allow(b))]"].map(count);
    assert_eq!(items, [6; 3], "the six items of a free function: {code}");
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
                 -> ::cachet_actix::__private::HttpResponse {",
            r#"::cachet_actix::__private::Http::new("public, max-age=30")"#,
            "::cachet_actix::__private::respond(",
            "move || __load(id, db)).await",
            "type post_cache = ::cachet_core::Controls<__cachet_fn_post, (u64,),",
            "impl ::cachet_core::__private::Key<(u64,)> for __cachet_fn_post",
        ],
    );
    assert!(!code.contains("__private::Load<"), "a handler loads only for a request: {code}");
}

#[test]
fn over_a_route_attribute_the_controls_hide_unless_named() {
    let code = text(r#"ttl = 1, http = "private""#, r#"#[post("/")] async fn save() -> Answer { answer() }"#);
    assert_holds(&code, &["type __cachet_save = ::cachet_core::Controls<__cachet_fn_save, (), ()>;"]);
}

#[test]
fn a_method_has_its_controls_in_a_function_beside_it() {
    let code = text("ttl = 1, skip(self)", "pub async fn find(&self, id: u64) -> u64 { id }");
    assert_holds(
        &code,
        &[
            "pub async fn find(&self, id: u64) -> u64 { match {",
            "::cachet_core::__private::hit(&Self::find_cache().function(), &mut __key)",
            "__missed.load(::cachet_core::__private::Tags::new(), Self::__cachet_load_find(self, id)).await",
            "pub fn find_cache<'__l0>() -> ::cachet_core::MethodControls<",
            "async fn __cachet_load_find(&self, id: u64) -> u64 { id }",
        ],
    );
    assert!(!code.contains("struct"), "an `impl` block has no room for one: {code}");
}

#[test]
fn a_private_method_stands_alone_unless_its_controls_are_named() {
    let method = "fn find(&self, id: u64) -> u64 { id }";
    let alone = expanded("ttl = 1", method);
    assert_eq!(alone.items.len(), 1, "it may be one of a trait");
    assert_holds(
        &text("ttl = 1, handle = controls", method),
        &["fn controls<'__l0>() -> ::cachet_core::PlainMethodControls<"],
    );
}

#[test]
fn a_boxed_future_is_a_wait() {
    let code = text(
        r#"ttl = 1, tier = "redis""#,
        "fn find<'a>(&'a self, id: u64) -> Pin<Box<dyn Future<Output = u64> + Send + 'a>> { Box::pin(async move { id }) }",
    );
    assert_holds(&code, &["Box::pin(async move {", ".bincode()", "Described::<u64, _>::method(&SITE,"]);
}

#[test]
fn each_type_of_a_generic_function_is_a_function_of_its_own() {
    let code = text("ttl = 1", "fn of<T: CacheKey, const N: usize>(id: T, all: [u8; N]) -> u64 { 1 }");
    assert_holds(
        &code,
        &[
            "__cachet_load_of::<T, N>(id, all)",
            "struct __cachet_fn_of<T: ?::core::marker::Sized, const N: usize>",
            ".instance(::core::any::type_name::<Self>())",
        ],
    );
}

#[test]
fn a_bare_name_in_error_ttl_is_a_variant_of_the_error() {
    let code = text(
        r#"ttl = 1, error_ttl = (NotFound | Gone(_) = "10s", other::Busy { .. } = 1)"#,
        "fn find(id: u64) -> Result<u64, ShopError> { Ok(id) }",
    );
    assert_holds(&code, &["__Error::NotFound { .. } | __Error::Gone(_) =>", "other::Busy { .. } =>"]);
}

/// The expansions of three functions, as they would be written by hand. `UPDATE_EXPANSIONS=1` writes them anew.
#[test]
fn the_expansion_reads_as_committed() {
    let cases = [
        ("ttl = \"5m\"", "async fn product(id: u64) -> Result<Product, Error> { find(id).await }"),
        (
            "ttl = 60, key = \"{name}\"",
            "fn length<T: AsRef<str>>(name: &str, text: T) -> usize { text.as_ref().len() }",
        ),
        ("ttl = 60, skip(self)", "pub async fn price(&self, id: u64) -> Option<u32> { self.find(id).await }"),
    ];
    let mut all = String::new();
    for (options, item) in cases {
        let code = prettyplease::unparse(&expanded(options, item));
        let lines = code.lines().count();
        assert!(lines <= 150, "{lines} lines:\n{code}");
        write!(all, "// #[cached({options})] {item}\n// {lines} lines:\n{code}\n").expect("text has room");
    }
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/expansions.rs.txt");
    if std::env::var_os("UPDATE_EXPANSIONS").is_some() {
        std::fs::write(path, &all).expect("the file can be written");
    }
    let committed = std::fs::read_to_string(path).expect("the expansions are committed");
    assert_eq!(all, committed, "run again with `UPDATE_EXPANSIONS=1`, and read the difference");
}

/// While an attribute is being typed, the function below it stays as it is, whatever state its body is in.
#[test]
fn under_a_half_typed_attribute_the_function_is_untouched() {
    let item = "pub async fn f(&self, id: u64, user: User) -> Result<u8, E> { self. ; let x = user. }";
    let whole = r#"ttl = "5m", tier = "memory,redis", error_ttl = (NotFound = "10s", Busy(_) = 1), jitter = 0.1,
        when = |value| value > 1, skip(user), tags = ["a:{id}"]"#;
    let tokens: Vec<TokenTree> = tokens(whole).into_iter().collect();
    for length in 0..tokens.len() {
        let typed: TokenStream = tokens[..length].iter().cloned().collect();
        let code = expand_cached(typed.clone(), &self::tokens(item)).to_string();
        let (code, item) = (spaceless(&code), spaceless(item));
        if code.contains("compile_error") {
            assert!(code.ends_with(&item), "{typed}: {code}");
        } else {
            assert!(code.contains("{self.;letx=user.}"), "{typed}: {code}");
        }
    }
}

#[test]
fn every_mistake_is_reported_at_once_and_the_function_survives() {
    let function = r#"const fn load(&mut self, id: u64, (a, b): Pair) -> &str { "" }"#;
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
        r#"ttl = "5m", when = |a, b| a"#,
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
        r#"ttl = "1h 30m", tier = "memory,redis", key = "{id}:{user.lang}:{self.shop}", skip(db, conn), name = "product",
           capacity = 10_000, version = 2, negative_ttl = 10, memory_ttl = Duration::from_secs(5),
           tags = ["all", "user:{user.id()}", "{value.x}"], http = "public, max-age=5", handle = cache, crate = a::b,
           jitter = 0.1, error_ttl = (NotFound = "10s", Busy(_) | E::Gone { .. } = 1), when = |value| value > 1,
           ttl_of = |value| value.age(), codec = "json", associated"#,
        r#"#[cfg(unix)] #[get("/{id}")]
           pub(crate) async fn f<'a, T: X, const N: usize>(id: u64, mut user: &'a User, db: Data<Db>, conn: Path<(u8, String)>)
               -> Result<Vec<&'static str>, E> where 'a: 'a { Ok(()) }"#,
        r"#[allow(unused)] pub fn f<'a, T>(self: &'a Self, id: impl AsRef<str>, (user, db): (User, [T; 2]), _: u8)
               -> Pin<Box<dyn Future<Output = Option<T>> + Send + 'a>> { Box::pin(async move { None }) }",
        "#[cache_key(skip)] pub enum E<'a, T: Bound, const N: usize> where T: X {
             A, B(u8, #[cache_key(skip)] T), C { #[cache_key(with = x)] a: [T::Item; N] }
         }",
    ];
    let function = tokens("async fn f(id: u64, user: User, db: Db, conn: Conn) -> Result<u8, E> { Ok(1) }");
    let method = tokens("pub async fn f(&self, id: u64, user: User, db: Db, conn: Conn) -> Result<u8, E> { Ok(1) }");
    let mut random = Random(0x9E37_79B9_7F4A_7C15);
    for _ in 0..4000 {
        let mut tokens = sound.map(tokens);
        for _ in 0..=random.below(4) {
            tokens = tokens.map(|tokens| damaged(tokens, &mut random));
        }
        let [options, free, boxed, derived] = tokens;
        for item in [&function, &method, &free, &boxed] {
            survives(options.clone(), item);
        }
        for item in [&free, &boxed] {
            survives(self::tokens("ttl = 5"), item);
        }
        derive_key::derive(derived);
    }
}

/// Beside a mistake the item is emitted as it was.
fn survives(options: TokenStream, item: &TokenStream) {
    let code = expand_cached(options, item).to_string();
    if code.contains("compile_error") {
        assert!(code.ends_with(&item.to_string()), "{item}\nis not at the end of\n{code}");
    }
}
