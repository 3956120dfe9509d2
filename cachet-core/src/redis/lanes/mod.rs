//! Lanes: the way of commands to whoever holds their keys.
//!
//! One server, the master that Sentinels name, or the masters of a Cluster: whoever sends does not see which. A command's
//! reply comes with the incarnation of the server that gave it, because a value is worth nothing in another life of its
//! server.
//!
//! The Cluster's routing is our own and not redis-rs': that one does not tell who answered, so a value that a failover
//! brought back could not be told from a good one without another round trip; and while a master is away, it asks
//! replicas and random nodes.

mod cluster;
mod inquiry;
mod map;
mod sentinel;
mod server;
mod slots;
#[cfg(feature = "testing")]
mod untrusted;
mod view;

use deadpool_redis::redis::{Client, Pipeline, RedisResult, Value};

#[cfg(feature = "testing")]
pub(super) use self::untrusted::{read_untrusted, read_untrusted_text};
use self::{
    cluster::Cluster,
    sentinel::Sentinel,
    server::{Answers, Server},
};
pub(super) use self::{server::Incarnation, view::masters_named};
use super::{
    config::{Lives, Place},
    script::carried_out,
};
use crate::tier::MAX_BATCH;

#[derive(Debug)]
pub(super) struct Lanes(Topology);

#[derive(Debug)]
enum Topology {
    Server(Box<Server>),
    Sentinel(Sentinel),
    Cluster(Cluster),
}

/// What a command was answered, its own failure included, and by whom.
#[derive(Debug)]
pub(super) struct Reply {
    pub(super) value: RedisResult<Value>,
    pub(super) incarnation: Incarnation,
}

/// A master as it stands now, for a connection of its own.
pub(super) struct Master {
    /// Its id in the Cluster, else where it is.
    pub(super) id: String,
    pub(super) client: Client,
}

impl Lanes {
    /// Connects when first asked.
    pub(super) fn new(place: Place, lives: Lives) -> RedisResult<Self> {
        Ok(Self(match place {
            Place::Server(info) => Topology::Server(Box::new(Server::new(info, lives)?)),
            Place::Sentinel { sentinels, master, servers } => {
                Topology::Sentinel(Sentinel::new(sentinels, master, servers, lives)?)
            }
            Place::Cluster { nodes } => Topology::Cluster(Cluster::new(nodes, lives)),
        }))
    }

    /// Sends the commands of a pipeline that ignores errors: one round trip, or one to each master at once.
    pub(super) async fn send(&self, commands: &Pipeline) -> RedisResult<Vec<Reply>> {
        if commands.is_empty() {
            return Ok(Vec::new());
        }
        match &self.0 {
            Topology::Server(server) => server.send(commands).await.map(Answers::replies),
            Topology::Sentinel(sentinel) => sentinel.send(commands).await.map(Answers::replies),
            Topology::Cluster(cluster) => cluster.send(commands).await,
        }
    }

    /// Which keys one command may name together: as many as a batch has, but in a Cluster one.
    ///
    /// Who: keys of one slot. When: the slot moves, key after key, and some are at its old master and some at the new one.
    /// Then both refuse a command that names two of them, for as long as it takes. What stops that from being an outage:
    /// each key is asked for by itself, in the same round trip.
    pub(super) fn groups<'k>(&self, keys: &[&'k str]) -> Vec<Vec<&'k str>> {
        let groups = self.places(keys);
        groups.into_iter().map(|places| places.into_iter().map(|at| keys[at]).collect()).collect()
    }

    /// The same, by their places among the keys.
    pub(super) fn places(&self, keys: &[&str]) -> Vec<Vec<usize>> {
        let together = if self.is_cluster() { 1 } else { MAX_BATCH };
        let places: Vec<usize> = (0..keys.len()).collect();
        places.chunks(together).map(Vec::from).collect()
    }

    pub(super) fn is_cluster(&self) -> bool {
        matches!(self.0, Topology::Cluster(_))
    }

    /// Whether every master answers, and not that it cannot.
    pub(super) async fn probe(&self, ping: &Pipeline) -> RedisResult<()> {
        match &self.0 {
            Topology::Cluster(cluster) => cluster.probe(ping).await,
            _ => carried_out(self.send(ping).await?),
        }
    }

    /// The masters whose changes are news: those that Sentinels, or the nodes of a Cluster, name now.
    pub(super) async fn masters(&self) -> RedisResult<Vec<Master>> {
        match &self.0 {
            Topology::Server(server) => Ok(vec![Master::of(server)]),
            Topology::Sentinel(sentinel) => Ok(vec![Master::of(&*sentinel.confirmed().await?)]),
            Topology::Cluster(cluster) => cluster.masters().await,
        }
    }
}

impl Master {
    fn of(server: &Server) -> Self {
        let client = server.client().clone();
        Self { id: client.get_connection_info().addr().to_string(), client }
    }
}

impl Answers {
    fn carried_out(self) -> RedisResult<()> {
        carried_out(self.replies())
    }

    fn replies(self) -> Vec<Reply> {
        self.values.into_iter().map(|value| Reply { value, incarnation: self.incarnation }).collect()
    }
}
