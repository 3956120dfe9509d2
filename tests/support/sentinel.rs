//! A master with two replicas, and three Sentinels that watch them.

use std::path::Path;

use super::{Certified, Redis, eventually, free_port};

/// The name of the master.
const NAME: &str = "main";

/// Dropping it ends all processes.
pub(crate) struct SentinelGroup {
    servers: Vec<Redis>,
    sentinels: Vec<Redis>,
}

impl SentinelGroup {
    /// Starts them and waits until a failover could begin.
    pub(crate) fn start() -> Self {
        Self::start_with(None)
    }

    /// The same over TLS, if there is a certificate for all.
    pub(crate) fn start_with(tls: Option<&Certified>) -> Self {
        let master = Redis::start_with(|directory| secured(tls, directory));
        let port = master.port_for_others().to_string();
        let replica_of = || ["--replicaof", "127.0.0.1", &port].map(str::to_owned).to_vec();
        let replica = || Redis::start_with(|directory| [secured(tls, directory), replica_of()].concat());
        let replicas = [(); 2].map(|()| replica());
        let servers: Vec<Redis> = [master].into_iter().chain(replicas).collect();
        for replica in &servers[1..] {
            eventually("a replica is in step", || {
                replica.told(&["INFO", "replication"], "master_link_status").as_deref() == Some("up")
            });
        }
        let sentinels: Vec<Redis> = (0..3).map(|_| sentinel_of(&port, tls)).collect();
        for sentinel in &sentinels {
            eventually("a Sentinel knows the others", || {
                let told = sentinel.answer(&["SENTINEL", "MASTER", NAME]).unwrap_or_default();
                let words: Vec<&str> = told.lines().collect();
                let is = |name, number| words.windows(2).any(|pair| pair == [name, number]);
                is("num-slaves", "2") && is("num-other-sentinels", "2")
            });
        }
        Self { servers, sentinels }
    }

    pub(crate) fn url(&self) -> String {
        self.url_from(0)
    }

    /// The same for a client that does not know the Sentinels before this one.
    pub(crate) fn url_from(&self, first: usize) -> String {
        let host = |sentinel: &Redis| format!("127.0.0.1:{}", sentinel.port_for_others());
        let hosts: Vec<String> = self.sentinels[first..].iter().map(host).collect();
        let scheme = if self.servers[0].speaks_tls() { "rediss" } else { "redis" };
        format!("{scheme}+sentinel://{}/{NAME}", hosts.join(","))
    }

    /// The server that the first Sentinel takes for the master.
    pub(crate) fn master(&self) -> usize {
        self.master_by(0)
    }

    /// The server that one of the Sentinels takes for the master.
    pub(crate) fn master_by(&self, sentinel: usize) -> usize {
        let told = self.sentinels[sentinel].command(&["SENTINEL", "GET-MASTER-ADDR-BY-NAME", NAME]);
        let port: u16 = told.lines().nth(1).and_then(|port| port.parse().ok()).expect("host and port");
        self.servers.iter().position(|server| server.port_for_others() == port).expect("one of ours")
    }

    /// Has the Sentinels make another one the master, although this one lives.
    pub(crate) fn fail_over(&self) {
        self.fail_over_by(0);
    }

    /// The same by one of the Sentinels.
    pub(crate) fn fail_over_by(&self, sentinel: usize) {
        self.sentinels[sentinel].command(&["SENTINEL", "FAILOVER", NAME]);
    }

    pub(crate) fn sentinels(&self) -> &[Redis] {
        &self.sentinels
    }

    pub(crate) fn server(&self, at: usize) -> &Redis {
        &self.servers[at]
    }

    pub(crate) fn server_mut(&mut self, at: usize) -> &mut Redis {
        &mut self.servers[at]
    }
}

fn secured(tls: Option<&Certified>, directory: &Path) -> Vec<String> {
    tls.map(|tls| tls.options_of_many(directory, free_port())).unwrap_or_default()
}

fn sentinel_of(master: &str, tls: Option<&Certified>) -> Redis {
    Redis::start_with(|directory| {
        let file = directory.join("sentinel.conf");
        let lines = [
            format!("sentinel monitor {NAME} 127.0.0.1 {master} 2"),
            format!("sentinel down-after-milliseconds {NAME} 300"),
            format!("sentinel failover-timeout {NAME} 2000"),
        ];
        std::fs::write(&file, lines.join("\n")).expect("a file in a directory of our own");
        [vec![file.to_string_lossy().into_owned(), "--sentinel".to_owned()], secured(tls, directory)].concat()
    })
}
