//! A Cluster of three masters with a replica each.

use std::time::Duration;

use super::{Certified, Redis, eventually, free_port};

const MASTERS: usize = 3;
const SLOTS: usize = 16384;

/// Dropping it ends all processes.
pub(crate) struct RedisCluster {
    /// The first three were the masters at first; their replicas follow in the same order.
    servers: Vec<Redis>,
}

impl RedisCluster {
    /// Starts the servers and waits until they agree.
    pub(crate) fn start() -> Self {
        Self::start_with(None)
    }

    /// The same over TLS, if there is a certificate for all.
    pub(crate) fn start_with(tls: Option<&Certified>) -> Self {
        let start = || {
            let tls = tls.cloned();
            std::thread::spawn(move || server(tls.as_ref()))
        };
        let starting: Vec<_> = (0..2 * MASTERS).map(|_| start()).collect();
        let servers: Vec<Redis> =
            starting.into_iter().map(|starting| starting.join().expect("a server starts")).collect();
        for (at, server) in servers.iter().enumerate() {
            server.command(&["CLUSTER", "SET-CONFIG-EPOCH", &(at + 1).to_string()]);
            if at < MASTERS {
                let (first, end) = (at * SLOTS / MASTERS, (at + 1) * SLOTS / MASTERS);
                server.command(&["CLUSTER", "ADDSLOTSRANGE", &first.to_string(), &(end - 1).to_string()]);
            }
            meet(&servers[0], server);
        }
        let cluster = Self { servers };
        cluster.all_agree("cluster_known_nodes", "6");
        for at in 0..MASTERS {
            let master = cluster.id(at);
            let replica = &cluster.servers[MASTERS + at];
            eventually("the replica knows its master", || {
                replica.answer(&["CLUSTER", "REPLICATE", &master]).is_ok_and(|reply| reply == "OK")
            });
            eventually("the replica is in step", || {
                replica.told(&["INFO", "replication"], "master_link_status").as_deref() == Some("up")
            });
        }
        cluster.all_agree("cluster_state", "ok");
        cluster
    }

    fn all_agree(&self, name: &str, word: &str) {
        for server in &self.servers {
            eventually("the Cluster agrees", || server.told(&["CLUSTER", "INFO"], name).as_deref() == Some(word));
        }
    }

    pub(crate) fn url(&self) -> String {
        let host = |server: &Redis| format!("127.0.0.1:{}", server.port_for_others());
        let hosts: Vec<String> = self.servers.iter().map(host).collect();
        let scheme = if self.servers[0].speaks_tls() { "rediss" } else { "redis" };
        format!("{scheme}+cluster://{}", hosts.join(","))
    }

    pub(crate) fn id(&self, at: usize) -> String {
        self.servers[at].command(&["CLUSTER", "MYID"])
    }

    pub(crate) fn server(&self, at: usize) -> &Redis {
        &self.servers[at]
    }

    pub(crate) fn servers(&self) -> impl Iterator<Item = &Redis> {
        self.servers.iter()
    }

    pub(crate) fn server_mut(&mut self, at: usize) -> &mut Redis {
        &mut self.servers[at]
    }

    /// The masters that answer.
    pub(crate) fn masters(&self) -> Vec<usize> {
        let role = |at: &usize| self.servers[*at].told(&["INFO", "replication"], "role");
        (0..self.servers.len()).filter(|at| role(at).as_deref() == Some("master")).collect()
    }

    /// The replica of a master, the one or the other of a pair.
    pub(crate) fn replica_of(&self, master: usize) -> usize {
        (master + MASTERS) % self.servers.len()
    }

    /// The one key on any master that matches.
    pub(crate) fn key_like(&self, pattern: &str) -> String {
        let found = |at: usize| self.servers[at].command(&["KEYS", pattern]);
        self.masters().into_iter().map(found).find(|keys| !keys.is_empty()).expect("a master has the key")
    }

    /// Whether those that answer say that every slot is somebody's.
    pub(crate) fn is_whole(&self) -> bool {
        let told = self.servers.iter().filter_map(|server| server.told(&["CLUSTER", "INFO"], "cluster_state"));
        told.into_iter().all(|state| state == "ok")
    }

    /// The master that has a key's slot.
    pub(crate) fn owner(&self, key: &str) -> usize {
        let owns =
            |at: &usize| self.servers[*at].answer(&["GET", key]).is_ok_and(|reply| !reply.starts_with("(error) MOVED"));
        self.masters().into_iter().find(owns).expect("a master has the slot")
    }

    /// Makes a replica a master that has nothing yet.
    pub(crate) fn make_a_master_without_slots(&self, replica: usize) {
        let server = &self.servers[replica];
        server.command(&["CLUSTER", "RESET", "SOFT"]);
        server.command(&["FLUSHALL"]);
        meet(&self.servers[self.owner("any")], server);
        let id = self.id(replica);
        for other in &self.servers {
            eventually("everybody knows the new master", || {
                other
                    .command(&["CLUSTER", "NODES"])
                    .lines()
                    .any(|line| line.starts_with(&id) && line.contains("master"))
            });
        }
        eventually("the new master knows all", || {
            server.told(&["CLUSTER", "INFO"], "cluster_state").as_deref() == Some("ok")
        });
    }

    /// What the key's slot is.
    pub(crate) fn slot(&self, key: &str) -> String {
        self.servers[self.masters()[0]].command(&["CLUSTER", "KEYSLOT", key])
    }

    /// Begins to move a slot: keys that are not at the old owner any more are asked for at the new one.
    pub(crate) fn begin_migration(&self, slot: &str, from: usize, to: usize) {
        self.servers[to].command(&["CLUSTER", "SETSLOT", slot, "IMPORTING", &self.id(from)]);
        self.servers[from].command(&["CLUSTER", "SETSLOT", slot, "MIGRATING", &self.id(to)]);
    }

    /// Moves one key of a slot that is on its way.
    pub(crate) fn move_key(&self, key: &str, from: usize, to: usize) {
        let port = self.servers[to].port_for_others().to_string();
        self.servers[from].command(&["MIGRATE", "127.0.0.1", &port, key, "0", "5000"]);
    }

    /// Moves the keys of the slot, and then the slot.
    pub(crate) fn end_migration(&self, slot: &str, from: usize, to: usize) {
        self.end_migration_by_pieces(slot, from, to, Duration::ZERO);
    }

    /// The same with a pause after each key.
    pub(crate) fn end_migration_by_pieces(&self, slot: &str, from: usize, to: usize, pause: Duration) {
        loop {
            let keys = self.servers[from].command(&["CLUSTER", "GETKEYSINSLOT", slot, "10"]);
            if keys.is_empty() {
                break;
            }
            for key in keys.lines() {
                self.move_key(key, from, to);
                std::thread::sleep(pause);
            }
        }
        let new = self.id(to);
        for at in [to, from] {
            self.servers[at].command(&["CLUSTER", "SETSLOT", slot, "NODE", &new]);
        }
    }
}

/// Makes two servers known to each other.
fn meet(one: &Redis, other: &Redis) {
    let bus = other.command(&["CONFIG", "GET", "cluster-port"]);
    let bus = bus.lines().nth(1).expect("name and value");
    one.command(&["CLUSTER", "MEET", "127.0.0.1", &other.port_for_others().to_string(), bus]);
}

fn server(tls: Option<&Certified>) -> Redis {
    Redis::start_with(|directory| {
        // The default is the port and 10 000, which may be past the last one.
        let bus = free_port().to_string();
        let options = ["--cluster-enabled", "yes", "--cluster-node-timeout", "1000", "--cluster-port", &bus];
        let tls = tls.map(|tls| tls.options_of_many(directory, free_port())).unwrap_or_default();
        options.map(str::to_owned).into_iter().chain(tls).collect()
    })
}
