//! Who has which slot of a Cluster, as far as we know, and finding it out.
//!
//! Masters that are well are asked over the connections that there are: in an outage of one of them, all nodes ask again
//! and again, and must not open connections to the others each time. New ones are for those that fail and for the nodes
//! that the URL names, if no other answers.

use std::{
    collections::{HashMap, HashSet},
    io,
    sync::{Arc, PoisonError, RwLock},
    time::Duration,
};

use deadpool_redis::redis::{
    self, Client, ConnectionAddr, ConnectionInfo, Pipeline, RedisResult, Value, from_redis_value,
};
use futures_util::{FutureExt, future::select_ok};

use super::{
    Lives,
    inquiry::{Inquiry, Question},
    server::{CONNECTING, Server, within},
    slots::SLOTS,
    view::{Named, Range, masters_named},
};

/// So many masters are asked at a time.
const ASKED: usize = 3;

/// The longest that masters which are well are waited for.
const PATIENCE: Duration = Duration::from_millis(500);

/// So many nodes are kept that have no slot, as far as we know, though another node has named them.
const NAMED: usize = 64;

pub(super) type Address = (String, u16);

/// What is known, and those who can be asked.
#[derive(Debug)]
pub(super) struct Atlas {
    seeds: Vec<ConnectionInfo>,
    lives: Lives,
    map: RwLock<Arc<Map>>,
    asking: Inquiry,
}

/// A wrong one is corrected by the node that is asked.
#[derive(Clone, Debug, Default)]
pub(super) struct Map {
    /// By slot. None for one that nobody has.
    owners: Vec<Option<Arc<Node>>>,
    nodes: HashMap<Address, Arc<Node>>,
}

#[derive(Debug)]
pub(super) struct Node {
    pub(super) id: String,
    pub(super) address: Address,
    pub(super) server: Server,
}

impl Atlas {
    pub(super) fn new(seeds: Vec<ConnectionInfo>, lives: Lives) -> Self {
        Self { seeds, lives, map: RwLock::default(), asking: Inquiry::default() }
    }

    pub(super) fn map(&self) -> Arc<Map> {
        Arc::clone(&self.map.read().unwrap_or_else(PoisonError::into_inner))
    }

    fn change(&self, change: impl FnOnce(&mut Map)) {
        let mut map = self.map.write().unwrap_or_else(PoisonError::into_inner);
        change(Arc::make_mut(&mut map));
    }

    /// The map as it is told, unless that was asked for less than `ago` ago. What is known is the best guess if the answer
    /// does not come soon.
    pub(super) async fn learn(self: &Arc<Self>, ago: Duration) -> RedisResult<Arc<Map>> {
        let question = self.ask(ago);
        if self.map().is_empty() {
            question.answered().await?;
        } else {
            question.answered_soon().await;
        }
        Ok(self.map())
    }

    /// The map as it is told now.
    pub(super) async fn confirmed(self: &Arc<Self>) -> RedisResult<Arc<Map>> {
        self.ask(Duration::ZERO).answered().await?;
        Ok(self.map())
    }

    fn ask(self: &Arc<Self>, ago: Duration) -> Question {
        let atlas = Arc::clone(self);
        self.asking.ask(ago, || async move {
            let learned = atlas.map_of(atlas.ranges().await?)?;
            atlas.change(|map| *map = learned);
            Ok(())
        })
    }

    /// Asks several nodes and believes the first. One that is behind is corrected by those it names; so that it is not
    /// always the first one, chance says who is asked.
    async fn ranges(&self) -> RedisResult<Vec<Range>> {
        let mut masters = self.map().masters();
        fastrand::shuffle(&mut masters);
        let (suspect, well): (Vec<_>, Vec<_>) = masters.into_iter().partition(|node| node.server.is_suspect());
        // An exchange that is given up would count against its master, so it goes on if another one answers first.
        let asking = |node| {
            tokio::spawn(within(PATIENCE, Node::names_slots(node))).map(|told| told.map_err(io::Error::other)?)
        };
        let answers: Vec<_> = well.into_iter().take(ASKED).map(asking).collect();
        if !answers.is_empty()
            && let Ok((ranges, _)) = select_ok(answers).await
        {
            return Ok(ranges);
        }
        let suspect = suspect.iter().take(ASKED).map(|node| node.server.client().get_connection_info());
        let asking = suspect.chain(&self.seeds).map(|node| Box::pin(within(CONNECTING, slots_by(node))));
        Ok(select_ok(asking).await?.0)
    }

    /// A node that is known stays, with its connections.
    fn map_of(&self, ranges: Vec<Range>) -> RedisResult<Map> {
        let known = self.map();
        let mut map = Map { owners: vec![None; SLOTS.into()], nodes: HashMap::new() };
        for Range { first, last, id, address } in ranges {
            let node = match map.nodes.get(&address).or_else(|| known.nodes.get(&address).filter(|node| node.id == id))
            {
                Some(node) => Arc::clone(node),
                None => Arc::new(self.node(id, address.clone())?),
            };
            map.nodes.insert(address, Arc::clone(&node));
            let slots = map.owners.get_mut(usize::from(first)..=usize::from(last));
            slots.into_iter().flatten().for_each(|owner| *owner = Some(Arc::clone(&node)));
        }
        Ok(map)
    }

    pub(super) fn node(&self, id: String, address: Address) -> RedisResult<Node> {
        let seed = self.seeds.first().ok_or_else(|| io::Error::from(io::ErrorKind::NotFound))?;
        Ok(Node { id, server: Server::new(reached_at(seed, &address), self.lives)?, address })
    }

    /// The node at an address that another one named.
    pub(super) fn node_at(&self, address: Address) -> RedisResult<Arc<Node>> {
        if let Some(node) = self.map().nodes.get(&address) {
            return Ok(Arc::clone(node));
        }
        let node = Arc::new(self.node(String::new(), address.clone())?);
        self.change(|map| map.add(address, &node));
        Ok(node)
    }

    /// Notes whose a slot is now.
    pub(super) fn moved(&self, slot: u16, owner: Arc<Node>) {
        self.change(|map| {
            if let Some(known) = map.owners.get_mut(usize::from(slot)) {
                *known = Some(owner);
            }
        });
    }
}

impl Map {
    /// Whether nothing is known yet.
    pub(super) fn is_empty(&self) -> bool {
        self.owners.is_empty()
    }

    /// Whether every slot is somebody's.
    pub(super) fn is_whole(&self) -> bool {
        self.owners.iter().all(Option::is_some)
    }

    pub(super) fn owner(&self, slot: u16) -> Option<&Arc<Node>> {
        self.owners.get(usize::from(slot))?.as_ref()
    }

    /// Each node that has slots, once.
    pub(super) fn masters(&self) -> Vec<Arc<Node>> {
        let mut masters: Vec<Arc<Node>> = Vec::new();
        for owner in self.owners.iter().flatten() {
            // Slots come in long ranges.
            if !masters.iter().rev().any(|master| Arc::ptr_eq(master, owner)) {
                masters.push(Arc::clone(owner));
            }
        }
        masters
    }

    /// Whatever is answered may name a node. Those that have no slot make room when there are many.
    fn add(&mut self, address: Address, node: &Arc<Node>) {
        if self.nodes.len() >= NAMED {
            let owners: HashSet<_> = self.owners.iter().flatten().map(Arc::as_ptr).collect();
            self.nodes.retain(|_, node| owners.contains(&Arc::as_ptr(node)));
        }
        self.nodes.insert(address, Arc::clone(node));
    }
}

impl Node {
    pub(super) async fn names_masters(&self) -> RedisResult<Vec<Named>> {
        let nodes = from_redis_value::<String>(self.answer("NODES").await?)?;
        Ok(masters_named(&nodes, &self.address.0))
    }

    async fn names_slots(self: Arc<Self>) -> RedisResult<Vec<Range>> {
        ranges_in(&from_redis_value::<Vec<Value>>(self.answer("SLOTS").await?)?, &self.address.0)
    }

    async fn answer(&self, about: &str) -> RedisResult<Value> {
        let mut question = Pipeline::new();
        question.ignore_errors().cmd("CLUSTER").arg(about);
        self.server.send(&question).await?.values.into_iter().next().unwrap_or(Ok(Value::Nil))
    }
}

/// Asks over a connection of its own, so that one that hangs is nobody else's.
async fn slots_by(node: &ConnectionInfo) -> RedisResult<Vec<Range>> {
    let mut connection = Client::open(node.clone())?.get_multiplexed_async_connection().await?;
    let lines: Vec<Value> = redis::cmd("CLUSTER").arg("SLOTS").query_async(&mut connection).await?;
    ranges_in(&lines, host_of(node.addr()))
}

fn ranges_in(lines: &[Value], asked: &str) -> RedisResult<Vec<Range>> {
    let ranges: Option<Vec<Range>> = lines.iter().map(|line| Range::of(line, asked)).collect();
    match ranges {
        Some(ranges) if !ranges.is_empty() => Ok(ranges),
        _ => Err(io::Error::new(io::ErrorKind::NotConnected, "the server knows of no slots of a Cluster").into()),
    }
}

fn host_of(address: &ConnectionAddr) -> &str {
    match address {
        ConnectionAddr::Tcp(host, _) | ConnectionAddr::TcpTls { host, .. } => host,
        _ => "",
    }
}

/// Another server that is reached in the same way.
pub(super) fn reached_at(like: &ConnectionInfo, (host, port): &Address) -> ConnectionInfo {
    let (host, port) = (host.clone(), *port);
    let address = match like.addr() {
        ConnectionAddr::TcpTls { insecure, tls_params, .. } => {
            ConnectionAddr::TcpTls { host, port, insecure: *insecure, tls_params: tls_params.clone() }
        }
        _ => ConnectionAddr::Tcp(host, port),
    };
    like.clone().set_addr(address)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn however_many_nodes_are_named_few_are_kept_beside_those_that_have_slots() {
        let seed = redis::IntoConnectionInfo::into_connection_info("redis://host").expect("a good URL");
        let atlas = Atlas::new(vec![seed], Lives::Differ);
        let range = |slot| Range { first: slot, last: slot, id: slot.to_string(), address: ("owner".into(), slot) };
        let learned = atlas.map_of((0..100).map(range).collect()).expect("a pool can be made");
        atlas.change(|map| *map = learned);
        for port in 0..1000 {
            atlas.node_at(("named".into(), port)).expect("a pool can be made");
        }
        let map = atlas.map();
        assert!(map.nodes.len() <= 100 + NAMED, "{}", map.nodes.len());
        assert!((0..100).all(|port| map.nodes.contains_key(&("owner".into(), port))), "with their connections");
        let moved = atlas.node_at(("moved".into(), 1)).expect("a pool can be made");
        atlas.moved(1, Arc::clone(&moved));
        (0..1000).for_each(|port| drop(atlas.node_at(("named".into(), port))));
        assert!(Arc::ptr_eq(&moved, &atlas.node_at(("moved".into(), 1)).expect("it is known")));
    }
}
