//! Running it: what each promise rests on and costs, which settings weaken it, what stands in Redis, and what the logs say.
//!
//! This module holds no code.
//!
//! # Promises
//!
//! | promise | rests on | costs | weakened by |
//! |---|---|---|---|
//! | one load per key at a time in a process | the flight of the key | an entry in a table while a call is on its way | – |
//! | one load per key at a time across nodes, while the tier answers | a lease in the tier, renewed while the load runs | besides the read one round trip before the load, one after; where the last eight calls of the function missed, the lease is asked for without a read | a [`lease`](crate::Builder::lease) shorter than a node may stand still; a load beyond twelve leases |
//! | a load that began before an invalidation is never seen | the lease: invalidating removes it, and a fill without it is refused; the versions of its tags, noted with the lease and looked at again with the fill; the stamp of the key in memory | nothing on a hit, no round trip on a miss | – |
//! | after `invalidate` this node never serves the old value | its memory is dropped before the tier is told, and again after | – | – |
//! | another node serves it for Δ at the most, in most cases under a millisecond | messages that the tier's scripts publish; a heartbeat on the connection that brings them; behind Sentinels, the word of one of them with each heartbeat | one connection a node, four heartbeats in Δ | a longer [`staleness_bound`](crate::Builder::staleness_bound); a tier without a [`Backplane`](crate::tier::Backplane): 10 s, or `memory_ttl` |
//! | an invalidation that could not be sent is sent, and believed in before the tier is | a queue in this process, 10 000 targets, beyond that the whole namespace | – | the process ending first: `Invalidation::Queued` says so; [`recovery_grace`](crate::Builder::recovery_grace) zero |
//! | a writer that dies leaves no stale value | the fence that `#[invalidates]` sets before the body runs | one round trip before the write; loads that are not stored for up to 10 s after a writer that died, or whose fence came later than its end | `invalidate` by hand after the commit: a writer that dies in between has told nobody; a fence that the tier loses before its writer dies, by eviction, `FLUSHALL`, a restart or a failover |
//! | what was invalidated is not served as stale either | the same | – | `on_outage = "stale"` |
//! | a server that comes back with old data is not believed | the replication id in every entry | what it had is loaded anew | [`Redis::keep_across_restarts`](crate::Redis::keep_across_restarts), which says what comes back |
//! | bytes in the tier are nobody's word | bounded decoding, of no more than [`max_shared_bytes`](crate::Builder::max_shared_bytes) of an entry; with [`seal`](crate::Builder::seal), a keyed digest | decoding; the digest | no seal: whoever can write to the tier can make this service believe anything. With one he can still put back an entry that stood under the key before, keep one past its lifetime, and cost loads: see [`Seal`](crate::Seal) |
//!
//! Loads must not read a replica of the source that lags behind: nothing here can know.
//!
//! # In an outage
//!
//! A call that the shared tier should answer loads, and memory keeps what it gave for Δ. `on_outage` of a function says
//! otherwise: `"fail"` fails at once, `"stale"` takes what memory has. Loads run 64 at a time in the process
//! ([`outage_loads`](crate::Builder::outage_loads)), a batch as one of them; the other calls wait, in their order, until a
//! load has ended or the tier answers again. The bound holds however slow the source is, so what a caller sees of an
//! overloaded source is that its call takes long. Only a load that has run for twelve leases, a minute by default, counts
//! no more. Every exchange has a [`deadline`](crate::Builder::deadline); three in a row that overrun it, or fail to
//! connect, open the breaker, and then no call waits for the tier until a probe has found it and the queue of invalidations
//! was sent. Between two probes are 100 to 200 ms, by chance, so that not all nodes come at once; where
//! [`recovery_grace`](crate::Builder::recovery_grace) is longer than 600 ms the pauses grow to a third of it, and no further,
//! because in that time every node has to send what it kept. It is logged when the breaker opens and when it closes, not in between.
//!
//! | the tier | then | in the log |
//! |---|---|---|
//! | cannot be reached, hangs, is a replica, or a Cluster that is down | an outage | `WARN carrying on without the shared tier until it answers` |
//! | is too busy: loading its data, running a script, out of connections (`LOADING`, `BUSY`, `TRYAGAIN`, `maxclients`) | an outage | `WARN the shared tier is too busy; carrying on without it` |
//! | refuses this client | an outage, at once | `ERROR the shared tier refuses this client; check its credentials` |
//! | has no room | the value is not stored there; invalidations still work | `WARN the shared tier takes no values`, every 10 s |
//! | cannot save or replicate (`MISCONF`, `NOREPLICAS`) | the same, but that an invalidation is kept, and nothing is read until it was sent | the same |
//! | holds another program's data of another type under our key | calls for it load; an invalidation or a fence removes it | `ERROR another program's data is under a key of the shared tier`, every 10 s |
//! | is a Cluster, and not configured as one | calls for the keys of its other servers load | `ERROR the shared tier is a Cluster; configure it as one`, every 10 s |
//! | answers what it should not | a miss | `ERROR the shared tier answered what it should not`, every 10 s |
//! | holds an entry that does not decode, is longer than the bound, or whose seal is wrong | a miss, overwritten | counted as `undecodable`; the reason at `DEBUG` |
//! | sends no news | the tier is asked; memory answers only with what was asked for less than Δ ago, and after the connection broke | `WARN the backplane is lost`, once |
//! | refuses to send news, and nothing else | the same | `ERROR the backplane refuses this client; check its rights`, once |
//!
//! # In Redis
//!
//! | key | holds | ends |
//! |---|---|---|
//! | `{namespace}:{name}:{fingerprint}:{tail}` | an entry: a lease, a value or a fence | after its lifetime and grace, its lease, or its fence |
//! | `{namespace}:@tag:{tag}` | a tag's version, or a fence | a week after a load has read it last |
//! | `{namespace}:@function:{name}` | the version of all entries of a function | the same |
//! | `{namespace}:@all` | the version of all entries of the namespace | the same |
//! | channel `{namespace}:@changes`, in a Cluster `{namespace}:@changes:{id of the master}` | what is invalidated: `C` or `F`, 32 characters for the node, the key | |
//!
//! Everything ends by itself, so `maxmemory-policy volatile-lru` or `allkeys-lru` both fit. Evicting a value, a lease or a
//! tag's version costs misses and loads; so does `FLUSHALL`. With a *fence* goes what it stands for: a load that began
//! before the writer's commit may then be stored, and is there until the writer invalidates at its end. So only a writer
//! that dies before that, after its fence was lost, leaves a value that is stale until its time is over. Fences are some
//! 30 bytes and as young as the write, hence hardly ever evicted.
//!
//! The fingerprint is of the codec, the value's fields and types, the function's
//! path and `version`: two builds with different structs run side by side, each with entries of its own, and an invalidation
//! by tag, function or namespace reaches both. Namespaces share nothing.
//!
//! A user with an ACL needs the keys `~{namespace}:*`, the channels `&{namespace}:*`, and the commands `GET`, `MGET`, `PTTL`,
//! `PING`, `INFO`, `EVAL`, `EVALSHA`, `SUBSCRIBE`, and what the scripts call: `GETRANGE`, `SET`, `SETRANGE`, `STRLEN`, `DEL`,
//! `PEXPIRE`, `TIME`, `PUBLISH`; in a Cluster `CLUSTER|SLOTS`, `CLUSTER|NODES`, `CLUSTER|MYID` and `ASKING` as well, for a
//! database that is not 0 `SELECT`. A right that is missing is told as wrong credentials are. With `CLIENT|TRACKING` a
//! `FLUSHALL` is noticed at once; without it, entries in memory that are right all the same stay. A user of the Sentinels
//! needs `SUBSCRIBE` with their channels, `SENTINEL|GET-MASTER-ADDR-BY-NAME` and `SENTINEL|MASTER`; without the last one,
//! whichever of them answers first is believed.
//!
//! # Behind Sentinels
//!
//! All that the URL names are asked where the master is: when it fails, when the one that is listened to tells of a failover,
//! and with every heartbeat. The word of the latest configuration counts, because Sentinels that did not bring a failover
//! about hear of it some time later, within two seconds as a rule.
//!
//! | | |
//! |---|---|
//! | one or more are silent | nothing, as long as one answers. If the only ones that can be heard have not heard of a failover yet, its old master is believed until they have |
//! | all are silent, the master answers | calls go on asking it, after one [`recovery_grace`](crate::Builder::recovery_grace) of loads. It may have been deposed without anybody to tell it, so memory answers only with what was asked for less than Δ ago: `WARN the backplane is lost` |
//! | all are silent, and the master has been deposed and goes on answering | a node that is cut off together with it reads its values until their time is over, and invalidates there. To ask nothing without a Sentinel's word would make every failure of theirs an outage of the tier. `min-replicas-to-write 1` on the servers makes such a master refuse invalidations, fences and fills, which is then logged |
//! | all are silent, and the master fails | an outage. It is tried again without waiting for them |
//!
//! # In a Cluster
//!
//! | | |
//! |---|---|
//! | keys | an entry is in the slot of its key, a tag's version in the slot of its own: reading an entry asks the masters of all of them, at once, each key by itself, so that a slot that moves refuses none |
//! | load | the master that has `{namespace}:@all` takes part in every read of the tier, the one that has `{namespace}:@function:{name}` in every read of that function, with 32 bytes each. Memory hits ask nobody. Where one master is busier than the others for that, give services, or parts of one, namespaces of their own |
//! | moving a slot | what is in it is loaded anew once, because a value of another server is not believed; no call fails or waits longer than for the redirection |
//! | the backplane | one connection from each node to each master, with a channel for each master, so that a node is told of every change once. The Cluster's bus carries each message to all its servers, replicas too: what an invalidation costs grows with them |
//! | who has which slot | is asked of masters that are well over the connections that there are, and over new ones, of those that fail and those that the URL names, if none of them answers: an outage of one master opens no connections to the others, but those of the backplane, which is tried again after pauses of up to two seconds |
//! | a lost master | the whole tier counts as away until a replica has taken its place: see below |
//!
//! The breaker is the tier's and not a master's. Hardly an entry is of use without the lost one: its own versions may be
//! there, and those of its function and of the namespace are each on one master for all. What was invalidated meanwhile, and
//! could not be told to the lost one, has to be sent before anything that it outdates is believed, on any master. And the
//! servers themselves refuse every key while a slot is nobody's, unless `cluster-require-full-coverage` is `no`. So the time
//! without the tier is the Cluster's own: `cluster-node-timeout` and an election, and then 600 ms of
//! [`recovery_grace`](crate::Builder::recovery_grace). Calls load meanwhile, and no call waits for the lost master once the
//! breaker is open.
//!
//! # What to watch
//!
//! [`Cachet::stats`](crate::Cachet::stats) counts for each function. `bypassed` grows in an outage; `refused_fills` are loads
//! that an invalidation overtook; `undecodable` after a deploy means that two programs write different things under one
//! name, a seal that not every node has, or another `max_shared_bytes`.
