//! Several servers, of which one takes another one's place: a master that Sentinels watch, and a Cluster.
//!
//! Nodes are told where they are by the servers themselves, so nothing lies between them.

use std::{
    thread::sleep,
    time::{Duration, Instant},
};

use super::{
    proxy::Proxy,
    servers::{Data, Servers},
    support::{Redis, RedisCluster, SentinelGroup, eventually},
};

/// A vote that was in vain is repeated after seconds.
const PATIENCE: Duration = Duration::from_mins(1);

/// How long the keys of a slot are on their way.
const ON_ITS_WAY: Duration = Duration::from_millis(300);

/// What both have in common.
pub(crate) trait Group: Sized {
    fn start() -> Self;
    fn url(&self) -> String;
    fn server(&self, at: usize) -> &Redis;
    fn server_mut(&mut self, at: usize) -> &mut Redis;
    fn count(&self) -> usize;
    /// The servers that take writes.
    fn masters(&self) -> Vec<usize>;
    /// Those that could take a master's place.
    fn replicas_of(&self, master: usize) -> Vec<usize>;
    /// Whether one of them has.
    fn has_taken_over(&self, replicas: &[usize]) -> bool;
    /// Whether every key is somebody's, as far as those say who answer.
    fn is_whole(&self) -> bool;
    /// Has a server that was the master and comes back follow the one that is it now.
    fn follow(&self, server: usize);
    fn move_slot(&self, pick: usize);
}

impl Group for SentinelGroup {
    fn start() -> Self {
        Self::start()
    }

    fn url(&self) -> String {
        self.url()
    }

    fn server(&self, at: usize) -> &Redis {
        self.server(at)
    }

    fn server_mut(&mut self, at: usize) -> &mut Redis {
        self.server_mut(at)
    }

    fn count(&self) -> usize {
        3
    }

    fn masters(&self) -> Vec<usize> {
        vec![self.master()]
    }

    fn replicas_of(&self, master: usize) -> Vec<usize> {
        (0..3).filter(|at| *at != master).collect()
    }

    fn has_taken_over(&self, replicas: &[usize]) -> bool {
        replicas.contains(&self.master()) && self.is_whole()
    }

    fn is_whole(&self) -> bool {
        role(self.server(self.master())).as_deref() == Some("master")
    }

    /// Sentinels would see to that themselves, after some seconds.
    fn follow(&self, server: usize) {
        let port = self.server(self.master()).port().to_string();
        self.server(server).command(&["REPLICAOF", "127.0.0.1", &port]);
    }

    fn move_slot(&self, _: usize) {}
}

impl Group for RedisCluster {
    fn start() -> Self {
        Self::start()
    }

    fn url(&self) -> String {
        self.url()
    }

    fn server(&self, at: usize) -> &Redis {
        self.server(at)
    }

    fn server_mut(&mut self, at: usize) -> &mut Redis {
        self.server_mut(at)
    }

    fn count(&self) -> usize {
        self.servers().count()
    }

    fn masters(&self) -> Vec<usize> {
        self.masters()
    }

    fn replicas_of(&self, master: usize) -> Vec<usize> {
        vec![self.replica_of(master)]
    }

    fn has_taken_over(&self, replicas: &[usize]) -> bool {
        replicas.iter().any(|at| role(self.server(*at)).as_deref() == Some("master")) && self.is_whole()
    }

    fn is_whole(&self) -> bool {
        self.is_whole()
    }

    /// It does so by itself.
    fn follow(&self, _: usize) {}

    fn move_slot(&self, pick: usize) {
        let masters = self.masters();
        let (from, to) = (masters[pick % masters.len()], masters[(pick + 1) % masters.len()]);
        let key = self.server(from).command(&["RANDOMKEY"]);
        if key != "(nil)" {
            let slot = self.slot(&key);
            self.begin_migration(&slot, from, to);
            sleep(ON_ITS_WAY);
            self.end_migration_by_pieces(&slot, from, to, ON_ITS_WAY);
        }
    }
}

fn role(server: &Redis) -> Option<String> {
    server.told(&["INFO", "replication"], "role")
}

/// The servers of a run.
pub(crate) struct Grouped<G>(G);

impl<G: Group> Grouped<G> {
    pub(crate) fn start() -> Self {
        Self(G::start())
    }

    fn has_replica(&self, master: usize) -> bool {
        let count = self.0.server(master).told(&["INFO", "replication"], "connected_slaves");
        count.is_some_and(|count| count != "0")
    }
}

impl<G: Group> Servers for Grouped<G> {
    fn url(&self, _: usize) -> String {
        self.0.url()
    }

    fn links(&self, _: usize) -> &[Proxy] {
        &[]
    }

    fn processes(&self) -> usize {
        self.0.count()
    }

    fn freeze(&self, process: usize) {
        self.0.server(process).pause();
    }

    fn resume(&self, process: usize) {
        self.0.server(process).resume();
    }

    fn kill(&mut self, process: usize) {
        self.0.server_mut(process).kill();
    }

    fn restart(&mut self, process: usize, data: Data) {
        let server = self.0.server_mut(process);
        match data {
            Data::Nothing => server.restart(),
            Data::Snapshot => server.restart_from_snapshot(),
        }
        self.0.follow(process);
    }

    fn save(&self, process: usize) {
        self.0.server(process).save();
    }

    /// Tells all of them: whoever takes no writes may soon.
    fn tell(&self, command: &[&str]) {
        for process in 0..self.processes() {
            // One that takes no writes refuses some.
            let _ = self.0.server(process).answer(command);
        }
    }

    fn are_several(&self) -> bool {
        true
    }

    fn fail_over(&mut self, pick: usize, unheard: Duration) {
        eventually("a master has a replica", || self.0.masters().into_iter().any(|master| self.has_replica(master)));
        let masters: Vec<usize> = self.0.masters().into_iter().filter(|master| self.has_replica(*master)).collect();
        let Some(dying) = masters.get(pick % masters.len().max(1)).copied() else { return };
        let replicas = self.0.replicas_of(dying);
        for at in &replicas {
            self.0.server(*at).pause();
        }
        // What is sent to a frozen one would wait for it.
        self.0.server(dying).command(&["CLIENT", "KILL", "TYPE", "replica"]);
        sleep(unheard);
        self.kill(dying);
        for at in &replicas {
            self.0.server(*at).resume();
        }
        let begun = Instant::now();
        while !self.0.has_taken_over(&replicas) {
            assert!(begun.elapsed() < PATIENCE, "no replica takes the master's place");
            sleep(Duration::from_millis(5));
        }
        self.restart(dying, Data::Nothing);
    }

    fn move_slot(&self, pick: usize) {
        self.0.move_slot(pick);
    }

    fn come_to_rest(&self) {
        eventually("every key is somebody's", || self.0.is_whole());
    }
}
