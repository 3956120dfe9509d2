//! What a memory hit may cost, counted: allocations and instructions here, nanoseconds in `cargo bench --bench hit`.
#![allow(clippy::unused_async, reason = "a loader of a test need not wait for anything")]

use std::{
    env,
    io::{self, Write as _},
    mem::size_of_val,
    process::Command,
    sync::Arc,
};

use actix_web::{
    App, FromRequest, HttpResponse, Responder, get,
    http::header::{ETAG, HeaderValue, IF_NONE_MATCH},
    rt::System,
    test::{TestRequest, call_service, init_service},
    web::{Path, scope},
};
use cachet_actix::{__private::Incoming, ResponseCache};
use cachet_core::{Cachet, cached};

#[cached(ttl = 3600)]
async fn shared(id: u64, name: &str) -> Arc<String> {
    Arc::new(format!("{id} {name}"))
}

#[cached(ttl = 3600, key = "{id}:{name}")]
async fn templated(id: u64, name: &str) -> Result<Arc<String>, String> {
    Ok(Arc::new(format!("{id} {name}")))
}

#[cached(ttl = 3600, tags = ["all", "id:{id}"])]
async fn tagged(id: u64) -> Option<Arc<u64>> {
    Some(Arc::new(id))
}

#[cached(ttl = 3600)]
fn blocking(id: u64) -> Arc<u64> {
    Arc::new(id)
}

#[test]
fn a_memory_hit_allocates_nothing() {
    // The installed runtime, which is what services run with.
    Cachet::builder().memory_only().build().and_then(Cachet::install).expect("nothing was called before");
    pollster::block_on(async {
        shared(1, "one").await;
        templated(1, "one").await.expect("it loads");
        tagged(1).await;
    });
    blocking(1);
    let allocations = allocation_counter::measure(|| {
        pollster::block_on(async {
            for _ in 0..1000 {
                shared(1, "one").await;
                templated(1, "one").await.expect("it is a hit");
                tagged(1).await;
            }
        });
        for _ in 0..1000 {
            blocking(1);
        }
    });
    assert_eq!(allocations.count_total, 0, "{allocations:?}");
    assert_eq!((shared::stats().memory_hits, shared::stats().loads), (1000, 1));
    let missed = allocation_counter::measure(|| drop(blocking(2)));
    assert!(missed.count_total > 0, "the counter counts");
}

async fn plain(id: u64, name: &str) -> Arc<String> {
    tokio::task::yield_now().await;
    Arc::new(format!("{id} {name}"))
}

#[test]
fn the_future_of_a_cached_function_stays_small() {
    let (cached, plain) = (size_of_val(&shared(1, "one")), size_of_val(&plain(1, "one")));
    assert!(cached <= plain + 512, "{cached} bytes beside {plain}");
}

#[cached(ttl = 3600, http = "public, max-age=60")]
async fn handled(id: Path<u64>) -> String {
    tokio::task::yield_now().await;
    format!("{id}")
}

/// actix-web allocates it for each request, and more than about 1000 bytes take a slow way through glibc.
#[actix_web::test]
async fn the_future_of_a_cached_handler_stays_small() {
    let incoming = Incoming::extract(&TestRequest::default().to_http_request()).await.expect("it never fails");
    let size = size_of_val(&handled(incoming, Path::from(1)));
    assert!(size <= 1000, "{size} bytes");
}

#[get("/fixed/{id}")]
async fn fixed(_id: Path<u64>) -> impl Responder {
    HttpResponse::Ok().insert_header(("cache-control", "public, max-age=60")).insert_header(("etag", "\"a\"")).body("1")
}

#[get("/handled/{id}")]
#[cached(ttl = 3600, http = "public, max-age=60")]
async fn served(id: Path<u64>) -> String {
    format!("{id}")
}

/// Counted beside an answer of fixed bytes. A response cache spells the URI and makes two keys of it.
#[test]
fn a_hit_over_http_allocates_little() {
    let system = System::new();
    let responses = ResponseCache::new(&Cachet::builder().memory_only().build().expect("the defaults are valid"));
    let app = App::new().service(served).service(fixed).service(scope("/behind").wrap(responses).service(fixed));
    let app = system.block_on(init_service(app));
    let ask = |path: &str, tag: Option<&HeaderValue>| {
        let request = TestRequest::with_uri(path).insert_header(("host", "shop.test"));
        let request =
            tag.into_iter().fold(request, |request, tag| request.insert_header((IF_NONE_MATCH, tag))).to_request();
        let mut answer = None;
        let measured = allocation_counter::measure(|| answer = Some(system.block_on(call_service(&app, request))));
        let response = answer.expect("it was answered").into_parts().1;
        (measured.count_total, response.status().as_u16(), response.headers().get(ETAG).cloned())
    };
    // What is kept from one answer for the next is made by the first ones, or when the clock moves on.
    let again = |path: &str, tag: Option<&HeaderValue>| {
        (0..8).map(|_| ask(path, tag)).min_by_key(|(count, ..)| *count).expect("it was asked")
    };
    let (own, _, _) = again("/fixed/1", None);
    for (path, most) in [("/handled/1", own), ("/behind/fixed/1", own + 9)] {
        let (whole, status, tag) = again(path, None);
        assert!(status == 200 && whole <= most, "{path}: {status}, {whole} allocations beside {own}");
        let (short, status, _) = again(path, tag.as_ref());
        assert!(status == 304 && short <= most, "{path}: {status}, {short} allocations beside {own}");
    }
}

/// Instructions of a hit that a change may not exceed, as `cachet-core/examples/hit.rs` makes them on x86-64. They are
/// what it costs now and a twentieth for the next compiler; a change that costs less lowers them.
const INSTRUCTIONS: [(&str, u64); 3] = [("number", 304), ("pair", 354), ("blocking", 299)];

/// Valgrind is installed by `scripts/test`. Elsewhere the test says that it did not run; where `CI` is set, it fails.
#[test]
fn a_memory_hit_stays_within_its_instructions() {
    if Command::new("valgrind").arg("--version").output().is_err() {
        assert!(env::var_os("CI").is_none(), "valgrind is not installed");
        not_checked("valgrind is not installed; `scripts/test` installs it");
        return;
    }
    if !cfg!(target_arch = "x86_64") {
        not_checked("the budget is that of x86-64");
        return;
    }
    let example = built_example();
    for (subject, budget) in INSTRUCTIONS {
        let instructions = (instructions(&example, subject, 20_000) - instructions(&example, subject, 10_000)) / 10_000;
        println!("{subject}: {instructions} instructions a hit, {budget} allowed");
        assert!(instructions <= budget, "a hit of `{subject}` takes {instructions} instructions; {budget} are allowed");
    }
}

/// Past the test harness, which shows what a test prints only when it fails.
fn not_checked(reason: &str) {
    writeln!(io::stderr(), "\nNO INSTRUCTIONS WERE COUNTED: {reason}\n").expect("standard error takes text");
}

/// The example in the profile that benchmarks use, so that what is inlined depends on no other crate.
fn built_example() -> String {
    let root = env!("CARGO_MANIFEST_DIR");
    let target = env::var_os("CARGO_TARGET_DIR").map_or_else(|| std::path::Path::new(root).join("target"), Into::into);
    let built = Command::new(env!("CARGO"))
        .current_dir(root)
        .args(["build", "--quiet", "--locked", "--profile", "bench", "--package", "cachet-core", "--example", "hit"])
        .arg("--target-dir")
        .arg(&target)
        .status()
        .expect("cargo starts");
    assert!(built.success(), "the example is built");
    target.join("release/examples/hit").to_str().expect("the path is text").to_owned()
}

fn instructions(example: &str, subject: &str, hits: u64) -> u64 {
    let run = Command::new("valgrind")
        .args(["--tool=callgrind", "--callgrind-out-file=/dev/null", example, subject, &hits.to_string()])
        .output()
        .expect("valgrind starts");
    let report = String::from_utf8_lossy(&run.stderr);
    assert!(run.status.success(), "{report}");
    let total = report.lines().find_map(|line| line.split_once("Collected : ")).expect("callgrind reports its count");
    total.1.trim().parse().expect("the count is a number")
}
