//! What bounds the memory tier, in bytes and in time.

use std::{
    sync::{
        Barrier,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use cachet_core::{Cachet, Engine, Stats, cached, testing::ManualClock};

const ENGINES: [Engine; 2] = [Engine::QuickCache, Engine::MiniMoka];

fn runtime(engine: Engine) -> Cachet {
    Cachet::builder().memory_only().engine(engine).sweep(Duration::MAX).build().expect("it is valid")
}

#[cached(ttl = 3600, max_bytes = "64 KiB", weight = Vec::len)]
fn small(key: u64, size: usize) -> Vec<u8> {
    vec![u8::try_from(key % 256).expect("it is less"); size]
}

#[cached(ttl = 3600, max_bytes = 8_000_000, weight = Vec::len)]
fn large(key: u64, size: usize) -> Vec<u8> {
    vec![u8::try_from(key % 256).expect("it is less"); size]
}

#[test]
fn an_entry_weighs_its_value_its_key_and_its_header() {
    for engine in ENGINES {
        let runtime = runtime(engine);
        runtime.scope_blocking(|| {
            small(1, 1000);
            assert_eq!(small::stats().bytes, 1000 + 16 + 256, "{engine:?}");
            small(1, 1000);
            assert_eq!(small::stats().memory_hits, 1);
            assert!(small::invalidate(1, 1000).is_done());
            runtime.sweep(); // Until then, one of the engines keeps what it has to put in order.
            assert_eq!(small::stats().bytes, 0, "{engine:?}");
        });
    }
}

#[test]
fn entries_never_weigh_more_than_the_bound() {
    let few = |n: u64, size: usize| usize::try_from(n % 11).expect("it is small") * size;
    for engine in ENGINES {
        stays_within(engine, 64 << 10, small::stats, |n| drop(small(n, few(n, 500))));
        stays_within(engine, 8_000_000, large::stats, |n| drop(large(n, few(n, 2000))));
    }
}

/// Threads that insert at the same time, while another one looks.
fn stays_within(engine: Engine, bound: u64, stats: fn() -> Stats, insert: impl Fn(u64) + Copy + Send + Sync) {
    const THREADS: u64 = 4;
    const INSERTS: u64 = 5000;
    let (runtime, start, done) = (&runtime(engine), &Barrier::new(5), &AtomicBool::new(false));
    thread::scope(|threads| {
        let writers: Vec<_> = (0..THREADS)
            .map(|thread| {
                threads.spawn(move || {
                    start.wait();
                    runtime.scope_blocking(|| (0..INSERTS).for_each(|n| insert(n * THREADS + thread)));
                })
            })
            .collect();
        let watcher = threads.spawn(move || {
            start.wait();
            let mut most = 0;
            while !done.load(Ordering::Acquire) {
                most = most.max(runtime.scope_blocking(stats).bytes);
            }
            most
        });
        for writer in writers {
            writer.join().expect("no writer panics");
        }
        done.store(true, Ordering::Release);
        let most = watcher.join().expect("the watcher does not panic");
        assert!(most <= bound, "{engine:?}: {most} of {bound}");
    });
    let stats = runtime.scope_blocking(stats);
    assert!(stats.bytes <= bound && stats.bytes > bound / 2, "{engine:?}: {stats:?}");
    assert!(engine == Engine::MiniMoka || stats.evictions == THREADS * INSERTS - stats.entries, "{stats:?}");
}

#[test]
fn what_is_heavier_than_the_bound_is_given_to_its_caller_and_evicts_nothing() {
    for engine in ENGINES {
        runtime(engine).scope_blocking(|| {
            (0..10).for_each(|n| drop(small(n, 100)));
            assert_eq!(small(99, 70_000).len(), 70_000);
            let stats = small::stats();
            assert_eq!((stats.bytes, stats.evictions), (10 * (100 + 16 + 256), 1), "{engine:?}");
            assert!(small::peek(99, 70_000).is_none());
            (0..10).for_each(|n| drop(small(n, 100)));
            assert_eq!(small::stats().memory_hits, 10, "{engine:?}: the others are still there");
        });
    }
}

#[cached(ttl = "1m", negative_ttl = "1h")]
fn even(n: u64) -> Option<u64> {
    n.is_multiple_of(2).then_some(n)
}

#[test]
fn a_sweep_gives_back_what_is_over_and_nothing_else() {
    for engine in ENGINES {
        let clock = ManualClock::new();
        let runtime = Cachet::builder().memory_only().engine(engine).clock(&clock).sweep(Duration::MAX).build();
        let runtime = runtime.expect("it is valid");
        let entries = || runtime.scope_blocking(even::stats).entries;
        runtime.scope_blocking(|| (0..100).for_each(|n| _ = even(n)));
        clock.advance(Duration::from_secs(59));
        runtime.sweep();
        assert_eq!(entries(), 100, "{engine:?}: none is expired");
        assert!(runtime.scope_blocking(|| even::put(0, Some(0))).is_done());
        clock.advance(Duration::from_secs(1));
        runtime.sweep();
        assert_eq!(entries(), 51, "{engine:?}: one is younger, and the absent ones are kept for longer");
        let stats = runtime.scope_blocking(even::stats);
        assert_eq!(stats.evictions, 0, "what is expired was not evicted: {stats:?}");
        clock.advance(Duration::from_hours(1));
        runtime.sweep();
        assert_eq!(entries(), 0, "{engine:?}");
    }
}

/// Who: a sweep, and a thread that stores. When: the fresh value comes after the sweep saw the expired one. What stops
/// it: the sweep looks once more under the lock.
#[test]
fn a_sweep_never_takes_a_fresh_value_in_place_of_an_expired_one() {
    for engine in ENGINES {
        let clock = ManualClock::new();
        let runtime = Cachet::builder().memory_only().engine(engine).clock(&clock).sweep(Duration::MAX).build();
        let (runtime, clock, done) = (&runtime.expect("it is valid"), &clock, &AtomicBool::new(false));
        thread::scope(|threads| {
            let sweeper = threads.spawn(move || {
                while !done.load(Ordering::Acquire) {
                    runtime.sweep();
                }
            });
            runtime.scope_blocking(|| {
                for _ in 0..2000 {
                    even(2);
                    assert!(even::peek(2).is_some(), "{engine:?}: it was stored just now");
                    clock.advance(Duration::from_secs(61));
                }
            });
            done.store(true, Ordering::Release);
            sweeper.join().expect("the sweeper does not panic");
        });
    }
}

#[cached(ttl = "20ms")]
fn brief(n: u64) -> u64 {
    n
}

#[test]
fn expired_entries_are_given_back_without_a_call() {
    for engine in ENGINES {
        let builder = Cachet::builder().memory_only().engine(engine).sweep(Duration::from_millis(10));
        let runtime = builder.build().expect("it is valid");
        runtime.scope_blocking(|| (0..100).for_each(|n| _ = brief(n)));
        let give_up = Instant::now() + Duration::from_secs(30);
        while runtime.scope_blocking(brief::stats).entries > 0 {
            assert!(Instant::now() < give_up, "{engine:?}: the entries are still there");
            thread::yield_now();
        }
    }
}

/// How many values there are.
static ALIVE: AtomicUsize = AtomicUsize::new(0);

struct Alive;

impl Alive {
    fn new() -> Self {
        ALIVE.fetch_add(1, Ordering::AcqRel);
        Self
    }
}

impl Clone for Alive {
    fn clone(&self) -> Self {
        Self::new()
    }
}

impl Drop for Alive {
    fn drop(&mut self) {
        ALIVE.fetch_sub(1, Ordering::AcqRel);
    }
}

#[cached(ttl = 3600)]
fn alive(n: u64) -> Alive {
    let _ = n;
    Alive::new()
}

#[test]
fn the_sweep_keeps_no_dropped_runtime_alive() {
    let runtime = Cachet::builder().memory_only().sweep(Duration::from_hours(1)).build().expect("it is valid");
    runtime.scope_blocking(|| (0..10).for_each(|n| drop(alive(n))));
    assert_eq!(ALIVE.load(Ordering::Acquire), 10);
    drop(runtime);
    assert_eq!(ALIVE.load(Ordering::Acquire), 0, "the entries went with the runtime");
}

#[cached(ttl = 3600, max_bytes = "64 MiB", weight = Vec::len)]
fn measured(key: u64) -> Vec<u8> {
    vec![u8::try_from(key % 256).expect("it is less"); 1000]
}

/// The table grows by doubling, so what an entry takes of it depends on when one looks.
#[test]
fn what_is_added_for_an_entry_is_about_what_the_allocator_gives_for_it() {
    const ENTRIES: u64 = 10_000;
    let runtime = runtime(Engine::QuickCache);
    runtime.scope_blocking(|| measured(0));
    let allocated = allocation_counter::measure(|| {
        runtime.scope_blocking(|| (1..=ENTRIES).for_each(|n| drop(measured(n))));
    });
    let counted = runtime.scope_blocking(measured::stats).bytes / (ENTRIES + 1);
    let taken = u64::try_from(allocated.bytes_current).expect("it grows") / ENTRIES;
    assert!(taken.abs_diff(counted) < 60, "{taken} bytes are allocated for an entry, {counted} are counted");
}
