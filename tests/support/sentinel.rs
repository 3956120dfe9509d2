//! A master with two replicas, and three Sentinels that watch them.

use super::{Redis, eventually};

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
        let master = Redis::start();
        let port = master.port().to_string();
        let replica_of = || ["--replicaof", "127.0.0.1", &port].map(str::to_owned).to_vec();
        let replicas = [(); 2].map(|()| Redis::start_with(|_| replica_of()));
        let servers: Vec<Redis> = [master].into_iter().chain(replicas).collect();
        for replica in &servers[1..] {
            eventually("a replica is in step", || {
                replica.told(&["INFO", "replication"], "master_link_status").as_deref() == Some("up")
            });
        }
        let sentinels: Vec<Redis> = (0..3).map(|_| sentinel_of(&port)).collect();
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
        let hosts: Vec<String> =
            self.sentinels.iter().map(|sentinel| format!("127.0.0.1:{}", sentinel.port())).collect();
        format!("redis+sentinel://{}/{NAME}", hosts.join(","))
    }

    /// The server that the first Sentinel takes for the master.
    pub(crate) fn master(&self) -> usize {
        let told = self.sentinels[0].command(&["SENTINEL", "GET-MASTER-ADDR-BY-NAME", NAME]);
        let port: u16 = told.lines().nth(1).and_then(|port| port.parse().ok()).expect("host and port");
        self.servers.iter().position(|server| server.port() == port).expect("one of ours")
    }

    /// Has the Sentinels make another one the master, although this one lives.
    pub(crate) fn fail_over(&self) {
        self.sentinels[0].command(&["SENTINEL", "FAILOVER", NAME]);
    }

    pub(crate) fn server(&self, at: usize) -> &Redis {
        &self.servers[at]
    }

    pub(crate) fn server_mut(&mut self, at: usize) -> &mut Redis {
        &mut self.servers[at]
    }
}

fn sentinel_of(master: &str) -> Redis {
    Redis::start_with(|directory| {
        let file = directory.join("sentinel.conf");
        let lines = [
            format!("sentinel monitor {NAME} 127.0.0.1 {master} 2"),
            format!("sentinel down-after-milliseconds {NAME} 300"),
            format!("sentinel failover-timeout {NAME} 2000"),
        ];
        std::fs::write(&file, lines.join("\n")).expect("a file in a directory of our own");
        vec![file.to_string_lossy().into_owned(), "--sentinel".to_owned()]
    })
}
