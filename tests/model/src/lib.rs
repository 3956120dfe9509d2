//! The coherence protocol as a finite model, checked exhaustively.
//!
//! A *world* is one row in a source, one Redis, and two nodes with memory tiers and backplane links. From every state the
//! model lists what may happen next, one *step* at a time: a command is carried out, a reply or a message arrives, a
//! writer commits, a fault occurs. [stateright] visits every state that any order of steps can reach, within bounds on
//! how often each thing happens, and asks each [`Promise`] of each of them. A run that finds nothing has seen all
//! histories of that size; one that finds something prints the steps that lead there.
//!
//! The protocol is made of [`Rule`]s that can be taken out one by one. Each has a case that shows what it is for: without
//! it the checker finds a history that breaks a promise. That is also how the checker is known to see.
//!
//! `scripts/test` runs all cases; `scripts/model late writes=3` runs one in a larger world, and prints states and depth.
//!
//! # Where to read
//!
//! | file | holds |
//! |---|---|
//! | `rules.rs` | the rules and the bounds |
//! | `world.rs` | what a state is |
//! | `redis.rs` | the scripts: *acquire*, *refresh*, *fill*, *invalidate*, *fence*, *lift* |
//! | `call.rs` | a call: memory, flight, followers, lease, load, fill |
//! | `write.rs` | a write, in one phase or between fence and lift; the recovery queue |
//! | `node.rs` | memory, stamps, the link and its trust |
//! | `fault.rs` | what goes wrong |
//! | `judge.rs` | the promises |
//! | `rename.rs` | which states count as one |
//! | `cases.rs` | the cases |
//!
//! # Naive protocols, which have to break
//!
//! | case | without | what happens |
//! |---|---|---|
//! | `cache-aside` | a lease | an old row is stored after the invalidation |
//! | `set-nx-del` | the token in a fill | the lock's first holder stores what is outdated, over the second one's lock |
//! | `reused-token` | tokens made by the server | an *acquire* that timed out runs late and revives the lease |
//! | `join-any-time` | the join rule | a caller joins a load that began before an invalidation it knows of |
//! | `join-in-outage` | the join rule where nothing confirms | the same, of a load without Redis |
//! | `plain-pubsub` | stamps | a message overtakes the reply that it outdates |
//! | `no-flush` | the drop after a reconnect | messages of the time between are lost |
//! | `flush-before-subscribing` | its order | a message comes in between |
//! | `trust-while-up` | the heartbeat | a half-open link serves for ever |
//! | `trust-inclusive` | the strict deadline | a hit at exactly Δ |
//! | `no-second-drop` | the drop after the reply | a reader brings the old value back into its own node's memory |
//! | `asking-with-a-queue` | silence while invalidations wait | the tier still has what this node invalidated |
//! | `no-incarnation` | the incarnation of values | a snapshot brings back what was invalidated |
//! | `old-lease-fills` | the incarnation of leases | a snapshot brings back a lease; its *fill* passes for a confirmation |
//! | `no-grace` | the grace after an outage | the server goes on, and still has what another node is to invalidate |
//! | `trust-after-lapse` | the drop after a lapse | so has memory that is trusted again |
//! | `one-phase` | fences | a writer dies between commit and invalidation |
//! | `one-writers-fence` | fences of several writers | the first one out opens it for the second one's old row |
//! | `silent-fence` | the fence's message | a dead writer's old value stays in other nodes' memory |
//! | `tag-counter` | nonces | an evicted counter comes to the same count again |
//! | `tag-after-load` | versions before the load | an old row under a new version |
//! | `join-over-tag` | a second look at them with the fill | a caller joins a load from before an invalidation by tag |
//!
//! Two cases show what the whole protocol does not survive, because it is two faults at once: a fence lost in a restart
//! whose writer then dies (`restart-drops-fence`), and a node that dies with a queue (`crash-drops-queue`).
//!
//! # The protocol, which has to hold
//!
//! States explored within the bounds of the tests, and the longest history.
//!
//! | case | what may happen | states | depth |
//! |---|---|---|---|
//! | `one-load` | three callers, two writes; nobody ever loads without the lease | 1 745 059 | 38 |
//! | `one-load-twice` | three callers twice each, one write | 262 966 | 37 |
//! | `late` | two timeouts (late commands, lost replies), an expiry | 694 260 | 33 |
//! | `crash` | a node dies, a timeout, an expiry | 769 469 | 31 |
//! | `join` | followers, a timeout, an expiry | 881 365 | 33 |
//! | `join-tag` | followers, by tag, an eviction of the tag | 226 764 | 45 |
//! | `join-restart` | followers, a restart or failover | 351 341 | 35 |
//! | `restart`, `restart-tag` | a restart or failover, a timeout, an expiry | 159 103, 739 690 | 30, 42 |
//! | `outage`, `outage-join` | the server hangs, writers queue; the same with followers | 266 603, 1 083 948 | 37, 41 |
//! | `stale` | values served stale and refreshed, a timeout, an expiry | 732 692 | 39 |
//! | `tag` | invalidation by tag, an eviction of the tag, a timeout | 526 286 | 39 |
//! | `tag expiries=1` | and an expiry, by `scripts/model` | 2 147 814 | 41 |
//! | `tag-stale` | by tag, an eviction of the tag, with refreshes | 418 429 | 48 |
//! | `memory` | a cut link, a timeout | 890 051 | 40 |
//! | `memory expiries=1` | and an expiry, by `scripts/model` | 2 930 889 | 44 |
//! | `memory-two-writes` | a cut link, two writes | 2 517 505 | 43 |
//! | `memory-crash`, `-restart` | a cut link and a death; a restart | 477 739, 840 130 | 40, 40 |
//! | `memory-stale`, `-tag` | a cut link | 418 888, 179 093 | 55, 44 |
//! | `memory-outage` | the server hangs, two writes | 171 125 | 37 |
//! | `trust` | the clock runs, Δ is two ticks, a cut link | 976 152 | 42 |
//! | `trust-late` | the same with a late command | 1 763 801 | 40 |
//! | `trust-both` | both nodes read and write, Δ is one tick | 1 636 070 | 35 |
//! | `fence`, `fence-tag` | two writers, a death | 93 769, 164 459 | 36, 33 |
//! | `fence-memory`, `fence-tag-memory` | the same with memory | 549 507, 895 360 | 32, 37 |
//! | `fence-late` | two timeouts, of fences and lifts too, an expiry | 408 123 | 23 |
//! | `fence-restart` | a restart | 150 851 | 29 |
//!
//! # What is abstracted
//!
//! - There is one key, one tag, and one row, whose version counts the commits. Tokens and nonces are compared only.
//! - Ends of leases, values and fences, and a reply's or message's delay, are steps that may come at any time. The clock
//!   runs in the `trust` cases only; without it nothing is older than Δ.
//! - A script is one step. A `GET` and the `MGET` of the tags behind it are two; so are *acquire* and the versions. *fill*
//!   and its look at the versions are one: looking later only finds more of them outdated.
//! - A command that times out is carried out at any later time, or never; one may be under way like that at a time. A
//!   lost reply is such a command that is carried out at once.
//! - A command counts as confirming from when it is carried out, which lets more callers join than counting from when it
//!   is sent, as the code does.
//! - Waiting callers look again when something else stands there: the announcement of a fill. Its message and the polls
//!   are left out, since a look too many changes nothing.
//! - A node does not hear its own messages. What is put into memory while it is not trusted has no end of its own. Both
//!   only make more histories possible than there are.
//! - Several invalidations in a row on one link are one: each makes everything dead. One `PING` is under way at a time.
//! - A server that hangs goes on only after both nodes have noticed, as a lapse of their trust. The recovery grace is as
//!   long as it is to be: it ends when the others have sent what they kept.
//! - The queue holds one target, so neither its order nor its overflow is seen. A command of the queue is not late.
//! - Where memory is left out and nobody follows, replies arrive at once; nothing could come in between that matters.
//! - An early refresh, `stale_if_error`, batches and `put` are left out.

mod call;
mod cases;
mod check;
mod fault;
mod judge;
mod node;
mod redis;
mod rename;
mod rules;
mod step;
mod world;
mod write;

pub use self::{
    cases::Case,
    check::Report,
    judge::Promise,
    rules::{Bounds, Budget, Protocol, Rule, Rules, Target},
    step::Step,
    world::World,
};
