//! Where the nodes connect, and what can be done to whoever answers there.
//!
//! A topology is one implementation of [`Servers`]. Faults name a process by its number, and a link by its node.

use super::{proxy::Proxy, support::Redis};

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
}

/// One server, and a proxy before it for each node.
pub(crate) struct Standalone {
    redis: Redis,
    links: Vec<Proxy>,
}

impl Standalone {
    pub(crate) fn start(nodes: usize) -> Self {
        let redis = Redis::start();
        let links = (0..nodes).map(|_| Proxy::to(redis.port())).collect();
        Self { redis, links }
    }
}

impl Servers for Standalone {
    fn url(&self, node: usize) -> String {
        format!("redis://{}", self.links[node].address())
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
}
