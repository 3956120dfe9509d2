//! `Builder`: what a runtime is configured with, and its defaults.

use std::{env, sync::Arc, time::Duration};

use crate::{
    background,
    clock::Clock,
    envelope::{Envelope, Seal},
    error::Error,
    memory::Engine,
    names,
    redis::{Redis, RedisTier},
    runtime::Cachet,
    shared::{Limits, Shared, Thread},
    tier::Tier,
};

/// The least Δ: a heartbeat goes out four times in it, and times are read coarsely.
const SHORTEST_BOUND: Duration = Duration::from_millis(100);

/// Configures a [`Cachet`].
#[derive(Debug)]
pub struct Builder {
    namespace: Option<String>,
    shared: SharedChoice,
    pub(crate) engine: Engine,
    deadline: Duration,
    lease: Duration,
    staleness_bound: Duration,
    recovery_grace: Duration,
    outage_loads: usize,
    pub(crate) refreshes: usize,
    pub(crate) throttle: Duration,
    pub(crate) drain: Duration,
    pub(crate) sweep: Duration,
    pub(crate) envelope: Envelope,
    pub(crate) clock: Clock,
}

#[derive(Debug)]
enum SharedChoice {
    /// `CACHET_REDIS_URL`, if it is set.
    Environment,
    None,
    Redis(Redis),
    Tier(Arc<dyn Tier>),
}

impl Default for Builder {
    fn default() -> Self {
        Self {
            namespace: None,
            shared: SharedChoice::Environment,
            engine: Engine::default(),
            deadline: Duration::from_millis(250),
            lease: Duration::from_secs(5),
            staleness_bound: Duration::from_secs(1),
            recovery_grace: Duration::from_millis(600),
            outage_loads: 64,
            refreshes: background::CONCURRENT,
            throttle: Duration::from_secs(5),
            drain: Duration::from_secs(5),
            sweep: Duration::from_mins(1),
            envelope: Envelope::default(),
            clock: Clock::default(),
        }
    }
}

impl Builder {
    /// What the shared keys begin with: letters, digits, `_`, `.`, `-`, `/`. Programs with one namespace share entries.
    ///
    /// Default: `CACHET_NAMESPACE`, else `cachet`.
    #[must_use]
    pub fn namespace(mut self, namespace: impl Into<String>) -> Self {
        self.namespace = Some(namespace.into());
        self
    }

    /// Uses Redis or Valkey as the shared tier: a server such as `redis://127.0.0.1:6379/0`, over TLS or a Unix socket,
    /// behind Sentinels or as a Cluster. [`Redis`] lists the forms of the URL, and says what a URL cannot.
    ///
    /// Default: `CACHET_REDIS_URL`; without it there is no shared tier, and functions that name one do without.
    #[must_use]
    pub fn redis(mut self, redis: impl Into<Redis>) -> Self {
        self.shared = SharedChoice::Redis(redis.into());
        self
    }

    /// Uses another implementation as the shared tier, in the place of Redis.
    #[must_use]
    pub fn shared_tier(mut self, tier: impl Tier) -> Self {
        self.shared = SharedChoice::Tier(Arc::new(tier));
        self
    }

    /// Uses no shared tier, whatever the environment says.
    #[must_use]
    pub fn memory_only(mut self) -> Self {
        self.shared = SharedChoice::None;
        self
    }

    /// The table behind the memory tier. Default: [`Engine::QuickCache`].
    #[must_use]
    pub fn engine(mut self, engine: Engine) -> Self {
        self.engine = engine;
        self
    }

    /// How long one exchange with the shared tier may take, connecting included. Default 250 ms.
    #[must_use]
    pub fn deadline(mut self, deadline: Duration) -> Self {
        self.deadline = deadline;
        self
    }

    /// For how long memory may answer with a value that another node has invalidated, at the most: the bound for when news
    /// of it do not come, because the connection that brings them is lost or hangs. Default 1 s.
    ///
    /// Usually news come within a millisecond. A heartbeat goes out four times in this span; without an answer memory
    /// answers only with what was asked for within this span until one comes, which costs reads of the shared tier and
    /// nothing else. It applies to a tier that has a [`Backplane`](crate::tier::Backplane), as Redis has.
    #[must_use]
    pub fn staleness_bound(mut self, bound: Duration) -> Self {
        self.staleness_bound = bound;
        self
    }

    /// How long a shared tier that was out of reach is asked for no values once it answers again. Default 600 ms.
    ///
    /// Other nodes may have kept invalidations meanwhile, which they send as soon as they reach it, trying five times a
    /// second at least, or three times in a longer grace; until they have, it may still hold what was invalidated. Zero
    /// believes it at once.
    #[must_use]
    pub fn recovery_grace(mut self, grace: Duration) -> Self {
        self.recovery_grace = grace;
        self
    }

    /// How many loads run at a time while the shared tier cannot be asked, so that its outage is not the source's as well.
    /// Default 64; zero is taken as one.
    ///
    /// Others wait for their turn, in the order in which they came and one for each load that ends, however long that takes;
    /// once the tier answers again, they ask it. So a call may take as long as the loads before it; a function that
    /// prefers an error, or what memory has, says so by `on_outage`. A load that runs for twelve times [`Builder::lease`]
    /// is taken for one that hangs, and its turn goes to the next.
    ///
    /// Loads of one key are one load as always, and so are those of a batch. What a load makes or waits for runs by its
    /// turn. A task that a load has spawned and waits for is not known to be its own: where it calls functions that have
    /// the shared tier, it waits for a turn of its own.
    #[must_use]
    pub fn outage_loads(mut self, at_a_time: usize) -> Self {
        self.outage_loads = at_a_time;
        self
    }

    /// How long a node may load before another one may load as well, and how long others wait for it. Default 5 s.
    ///
    /// A load that takes longer keeps its lease up, for twelve times that long at the most; a node that dies loses it
    /// after that time.
    #[must_use]
    pub fn lease(mut self, lease: Duration) -> Self {
        self.lease = lease;
        self
    }

    /// How many refreshes of stale values, or early ones, run at a time in the whole runtime. Default 64; zero is taken as
    /// one. At most 1024 more wait for their turn, and beyond that the least urgent is dropped: the one whose value stays
    /// of use the longest.
    #[must_use]
    pub fn refreshes(mut self, at_a_time: usize) -> Self {
        self.refreshes = at_a_time;
        self
    }

    /// How long a source that failed, or overran `timeout`, is left alone while a stale value is served in its place.
    /// Default 5 s; zero asks it at every call.
    #[must_use]
    pub fn throttle(mut self, pause: Duration) -> Self {
        self.throttle = pause;
        self
    }

    /// How long [`Cachet::shutdown`] waits for refreshes. Default 5 s; zero ends them at once.
    #[must_use]
    pub fn drain(mut self, patience: Duration) -> Self {
        self.drain = patience;
        self
    }

    /// How often the memory of expired entries is given back that no call comes for. Default 60 s; `Duration::MAX` for
    /// never.
    ///
    /// An expired entry is gone after that time and the moment that a look at all entries takes. One thread does it,
    /// which the first call starts and which ends with the runtime; it holds no lock for longer than one entry takes.
    /// Values are dropped on it.
    #[must_use]
    pub fn sweep(mut self, period: Duration) -> Self {
        self.sweep = period;
        self
    }

    /// The most bytes of a value in the shared tier, encoded and before it is compressed. Default 64 MiB; zero leaves none
    /// there but empty ones.
    ///
    /// A longer one stays out of the shared tier, which is logged, and memory keeps it. Of an entry that takes more no more
    /// is read from Redis, and one that says it would when it is decompressed is not: it is a miss, counted as undecodable,
    /// and overwritten. So every node should be told the same.
    #[must_use]
    pub fn max_shared_bytes(mut self, bytes: usize) -> Self {
        self.envelope.most = bytes;
        self
    }

    /// Compresses values in the shared tier that are longer than so many bytes, if that makes them shorter. Default: none.
    ///
    /// LZ4 is quick; it pays where values repeat themselves, as JSON does, and the network or the memory of
    /// the server is what is scarce. Every node reads compressed values, whether it compresses itself or not.
    #[must_use]
    pub fn compress_over(mut self, bytes: usize) -> Self {
        self.envelope.compress_over = Some(bytes);
        self
    }

    /// Seals entries in the shared tier, and believes none that is not sealed. Default: none; whoever can write to the
    /// tier can then make this service believe anything.
    #[must_use]
    pub fn seal(mut self, seal: Seal) -> Self {
        self.envelope.seal = Some(seal);
        self
    }

    /// Takes the time from a clock that a test moves by hand.
    #[cfg(feature = "testing")]
    #[must_use]
    pub fn clock(mut self, clock: &crate::testing::ManualClock) -> Self {
        self.clock = clock.as_clock();
        self
    }

    /// Checks the configuration and builds the runtime. It does not wait for the shared tier, and does not fail when
    /// that is down.
    ///
    /// # Errors
    ///
    /// [`Error::Configuration`] names the field that cannot be used.
    pub fn build(mut self) -> Result<Cachet, Error> {
        let namespace = self.checked_namespace()?;
        let shortest = [("deadline", self.deadline, 10), ("lease", self.lease, 1), ("sweep", self.sweep, 1)];
        for (field, duration, millis) in shortest {
            if duration < Duration::from_millis(millis) {
                return Err(Error::Configuration { field, reason: format!("it is shorter than {millis} ms") });
            }
        }
        let Some(tier) = self.chosen_tier(&namespace)? else {
            return Ok(Cachet::assemble(self, namespace, None));
        };
        if self.staleness_bound < SHORTEST_BOUND {
            let reason = format!("it is shorter than {} ms", SHORTEST_BOUND.as_millis());
            return Err(Error::Configuration { field: "staleness_bound", reason });
        }
        let background = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .thread_name("cachet")
            .enable_all()
            .build()
            .map_err(Error::Background)?;
        let everything = names::everything(&namespace);
        let limits = Limits {
            deadline: self.deadline,
            lease: self.lease,
            staleness_bound: self.staleness_bound,
            grace: self.recovery_grace,
            outage_loads: self.outage_loads,
        };
        let shared = Shared::new(tier, Thread::new(background), limits, everything);
        Ok(Cachet::assemble(self, namespace, Some(shared)))
    }

    fn checked_namespace(&self) -> Result<Arc<str>, Error> {
        let (field, namespace) = match (&self.namespace, env::var("CACHET_NAMESPACE")) {
            (Some(namespace), _) => ("namespace", namespace.clone()),
            (None, Ok(namespace)) => ("CACHET_NAMESPACE", namespace),
            (None, Err(_)) => ("namespace", "cachet".to_owned()),
        };
        let valid = |byte: u8| byte.is_ascii_alphanumeric() || b"_.-/".contains(&byte);
        if namespace.is_empty() || !namespace.bytes().all(valid) {
            let reason = format!("`{namespace}` is not made of letters, digits, `_`, `.`, `-` and `/`");
            return Err(Error::Configuration { field, reason });
        }
        Ok(namespace.into())
    }

    fn chosen_tier(&mut self, namespace: &str) -> Result<Option<Arc<dyn Tier>>, Error> {
        let (field, redis) = match std::mem::replace(&mut self.shared, SharedChoice::None) {
            SharedChoice::None => return Ok(None),
            SharedChoice::Tier(tier) => return Ok(Some(tier)),
            SharedChoice::Redis(redis) => ("redis", redis),
            SharedChoice::Environment => match env::var("CACHET_REDIS_URL") {
                Ok(url) if !url.is_empty() => ("CACHET_REDIS_URL", Redis::url(url)),
                _ => return Ok(None),
            },
        };
        let tier = RedisTier::new(&redis, namespace, true, self.envelope.longest_body());
        Ok(Some(Arc::new(tier.map_err(|reason| Error::Configuration { field, reason })?)))
    }
}
