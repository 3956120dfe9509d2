//! Where the nodes connect, and what can be done to whoever answers there.
//!
//! A topology is one implementation of [`Servers`]. Faults name a process by its number, and a link by its node.

use std::{path::PathBuf, time::Duration};

use super::{
    groups::Grouped,
    proxy::Proxy,
    support::{Certified, Redis, RedisCluster, SentinelGroup, free_port},
};

/// How the servers of a run stand there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Topology {
    Standalone,
    Tls,
    Sentinel,
    Cluster,
}

impl Topology {
    pub(crate) fn start(self, nodes: usize) -> Box<dyn Servers> {
        match self {
            Self::Standalone => Box::new(Standalone::start(nodes)),
            Self::Tls => Box::new(Standalone::start_secured(nodes)),
            Self::Sentinel => Box::new(Grouped::<SentinelGroup>::start()),
            Self::Cluster => Box::new(Grouped::<RedisCluster>::start()),
        }
    }
}

/// What a server starts with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Data {
    Nothing,
    /// What it had when it was saved last.
    Snapshot,
}

/// The servers of a run, and the links between them and the nodes.
pub(crate) trait Servers {
    /// Where a node connects.
    fn url(&self, node: usize) -> String;

    /// What lies between a node and the servers, and can be disturbed.
    fn links(&self, node: usize) -> &[Proxy];

    /// How many processes can be frozen and killed.
    fn processes(&self) -> usize;

    /// Hangs a process: connections stay open, nothing is answered.
    fn freeze(&self, process: usize);

    /// Lets a frozen process go on.
    fn resume(&self, process: usize);

    /// Ends a process as `kill -9` does.
    fn kill(&mut self, process: usize);

    /// Starts a killed process, and waits until it answers.
    fn restart(&mut self, process: usize, data: Data);

    /// Writes a process' data to disk, for a restart with [`Data::Snapshot`].
    fn save(&self, process: usize);

    /// Sends a command to every process that takes writes.
    fn tell(&self, command: &[&str]);

    /// The file of the certificates that nodes believe, if the servers speak TLS.
    fn roots(&self) -> Option<PathBuf> {
        None
    }

    /// Whether one process may take another one's place, which has not heard of all that the other one was told.
    fn are_several(&self) -> bool {
        false
    }

    /// Kills one that takes writes, of which nobody has heard for that long, and waits until another one has its place.
    fn fail_over(&mut self, _pick: usize, _unheard: Duration) {}

    /// Moves a slot, with what is in it, from one process to another.
    fn move_slot(&self, _pick: usize) {}

    /// Waits until what a fault has set off is over.
    fn come_to_rest(&self) {}
}

/// One server, and a proxy before it for each node.
pub(crate) struct Standalone {
    redis: Redis,
    links: Vec<Proxy>,
}

impl Standalone {
    pub(crate) fn start(nodes: usize) -> Self {
        Self::before(Redis::start(), nodes)
    }

    /// The same over TLS.
    fn start_secured(nodes: usize) -> Self {
        let own = Certified::made();
        let redis = Redis::start_with(|directory| own.options(directory, free_port(), &own, false));
        Self::before(redis, nodes)
    }

    fn before(redis: Redis, nodes: usize) -> Self {
        let links = (0..nodes).map(|_| Proxy::to(redis.port_for_others())).collect();
        Self { redis, links }
    }
}

impl Servers for Standalone {
    fn url(&self, node: usize) -> String {
        let scheme = if self.redis.speaks_tls() { "rediss" } else { "redis" };
        format!("{scheme}://{}", self.links[node].address())
    }

    fn links(&self, node: usize) -> &[Proxy] {
        &self.links[node..=node]
    }

    fn processes(&self) -> usize {
        1
    }

    fn freeze(&self, _: usize) {
        self.redis.pause();
    }

    fn resume(&self, _: usize) {
        self.redis.resume();
    }

    fn kill(&mut self, _: usize) {
        self.redis.kill();
    }

    fn restart(&mut self, _: usize, data: Data) {
        match data {
            Data::Nothing => self.redis.restart(),
            Data::Snapshot => self.redis.restart_from_snapshot(),
        }
    }

    fn save(&self, _: usize) {
        self.redis.save();
    }

    fn tell(&self, command: &[&str]) {
        self.redis.command(command);
    }

    fn roots(&self) -> Option<PathBuf> {
        self.redis.speaks_tls().then(|| self.redis.directory().join(Certified::FILE))
    }
}
