//! The masters of a Cluster: who has which slot, and commands on the way to them.

use std::{
    collections::HashMap,
    io,
    sync::{Arc, PoisonError, RwLock},
    time::{Duration, Instant},
};

use deadpool_redis::redis::{
    self, Client, Cmd, ConnectionAddr, ConnectionInfo, ErrorKind, Pipeline, RedisError, RedisResult, ServerErrorKind,
    Value, from_redis_value,
};
use futures_util::future::{join_all, select_ok, try_join_all};
use tokio::sync::Mutex;

use super::{
    Incarnation, Master, Reply,
    server::{Answers, Server},
    slots::{SLOTS, address_of, slot_of_command},
    view::{Named, Range, masters_named},
};

/// A command goes to so many places before its last answer is its answer.
const ROUNDS: usize = 5;

/// Who has which slot is asked no more often because of a master that fails.
const ASKED_EVERY: Duration = Duration::from_millis(100);

/// So many masters are asked at a time, beside the nodes that the URL names.
const ASKED: usize = 6;

pub(super) type Address = (String, u16);

#[derive(Debug)]
pub(super) struct Cluster {
    seeds: Vec<ConnectionInfo>,
    map: RwLock<Arc<Map>>,
    /// Who holds it asks; inside it stands when somebody last did.
    asking: Mutex<Option<Instant>>,
}

/// Who has which slot, as far as we know: a wrong one is corrected by the node that is asked.
#[derive(Clone, Debug, Default)]
struct Map {
    /// By slot. None for one that nobody has.
    owners: Vec<Option<Arc<Node>>>,
    nodes: HashMap<Address, Arc<Node>>,
}

#[derive(Debug)]
struct Node {
    id: String,
    address: Address,
    server: Server,
}

/// A command without its last answer.
struct Open<'a> {
    at: usize,
    command: &'a Cmd,
    slot: u16,
    /// The node that takes the command although the slot is not its own yet.
    ask: Option<Arc<Node>>,
}

/// Commands that go to one node in one round trip.
struct Parcel<'a> {
    node: Arc<Node>,
    commands: Pipeline,
    open: Vec<Open<'a>>,
}

/// What becomes of a command.
pub(super) enum Verdict {
    Answered,
    Moved(Address),
    Ask(Address),
}

impl Cluster {
    pub(super) fn new(seeds: Vec<ConnectionInfo>) -> Self {
        Self { seeds, map: RwLock::default(), asking: Mutex::default() }
    }

    /// Sends each command to the master of its slot, all at once. Redirections are followed, and what failed goes to the
    /// master that took the place of the one that failed, since everything may be repeated. Without one, the failure is
    /// the answer.
    pub(super) async fn send(&self, commands: &Pipeline) -> RedisResult<Vec<Reply>> {
        let mut replies: Vec<Option<Reply>> = commands.cmd_iter().map(|_| None).collect();
        let open = commands.cmd_iter().enumerate();
        let mut open: Vec<Open<'_>> =
            open.map(|(at, command)| Open { at, command, slot: slot_of_command(command), ask: None }).collect();
        for round in 1..=ROUNDS {
            let map = self.map_for(&open).await?;
            let parcels = parcels_of(&map, std::mem::take(&mut open))?;
            let sent = join_all(parcels.into_iter().map(Parcel::send)).await;
            for (parcel, outcome) in sent {
                match outcome {
                    Ok(answers) => self.sort(parcel, answers, &mut replies, &mut open)?,
                    Err(error) => match self.succeeded(&map, parcel).await {
                        Ok(elsewhere) => open.extend(elsewhere),
                        Err(parcel) => parcel.failed(&error, &mut replies),
                    },
                }
            }
            if open.is_empty() {
                break;
            }
            if round == ROUNDS {
                return Err(io::Error::other("the slots of the Cluster do not come to rest").into());
            }
        }
        let replies: Option<Vec<Reply>> = replies.into_iter().collect();
        replies.ok_or_else(|| io::Error::from(io::ErrorKind::InvalidData).into())
    }

    pub(super) async fn probe(&self, ping: &Pipeline) -> RedisResult<()> {
        let map = self.map_for(&[]).await?;
        let masters = map.masters();
        for answers in join_all(masters.iter().map(|master| master.server.send(ping))).await {
            answers?.carried_out()?;
        }
        if map.owners.iter().any(Option::is_none) {
            return Err(io::Error::new(io::ErrorKind::NotConnected, "a slot of the Cluster is nobody's").into());
        }
        Ok(())
    }

    /// Those that have slots, and those that slots are on their way to, which only their old masters know.
    pub(super) async fn masters(&self) -> RedisResult<Vec<Master>> {
        let map = self.learn(Duration::ZERO).await?;
        let mut masters: HashMap<String, Arc<Node>> =
            map.masters().into_iter().map(|node| (node.id.clone(), node)).collect();
        for named in try_join_all(map.masters().iter().map(|node| node.names_masters())).await? {
            for Named { id, address } in named {
                if !masters.contains_key(&id) {
                    masters.insert(id.clone(), Arc::new(self.node(id, address)?));
                }
            }
        }
        let master = |(id, node): (String, Arc<Node>)| Master { id, client: node.server.client().clone() };
        Ok(masters.into_iter().map(master).collect())
    }

    /// The map, asked for again if a master on the way of these commands, or any if there are none, is not to be relied on.
    async fn map_for(&self, open: &[Open<'_>]) -> RedisResult<Arc<Map>> {
        let map = self.map();
        let is_good = |slot: u16| map.owner(slot).is_some_and(|node| !node.server.is_suspect());
        let good = match open {
            [] => !map.owners.is_empty() && map.masters().iter().all(|master| !master.server.is_suspect()),
            open => open.iter().all(|open| open.ask.is_some() || is_good(open.slot)),
        };
        if good { Ok(map) } else { self.learn(ASKED_EVERY).await }
    }

    fn map(&self) -> Arc<Map> {
        Arc::clone(&self.map.read().unwrap_or_else(PoisonError::into_inner))
    }

    fn change(&self, change: impl FnOnce(&mut Map)) {
        let mut map = self.map.write().unwrap_or_else(PoisonError::into_inner);
        change(Arc::make_mut(&mut map));
    }

    /// Asks several nodes and believes the first, unless somebody did a short while ago. One that is behind is corrected by
    /// those it names.
    async fn learn(&self, ago: Duration) -> RedisResult<Arc<Map>> {
        let mut asked = self.asking.lock().await;
        let map = self.map();
        if !map.owners.is_empty() && asked.is_some_and(|asked| asked.elapsed() < ago) {
            return Ok(map);
        }
        *asked = Some(Instant::now());
        let mut known = map.masters();
        known.sort_by_key(|node| node.server.is_suspect());
        let masters = known.iter().take(ASKED).map(|node| node.server.client().get_connection_info());
        let asking = masters.chain(&self.seeds).map(|node| Box::pin(slots_by(node)));
        match select_ok(asking).await {
            Ok((ranges, _)) => {
                let learned = self.map_of(ranges)?;
                self.change(|map| *map = learned);
                Ok(self.map())
            }
            // What was known is the best guess.
            Err(_) if !map.owners.is_empty() => Ok(map),
            Err(error) => Err(error),
        }
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

    fn node(&self, id: String, address: Address) -> RedisResult<Node> {
        let seed = self.seeds.first().ok_or_else(|| io::Error::from(io::ErrorKind::NotFound))?;
        Ok(Node { id, server: Server::new(reached_at(seed, &address))?, address })
    }

    /// The node at an address that another one named.
    fn node_at(&self, address: Address) -> RedisResult<Arc<Node>> {
        if let Some(node) = self.map().nodes.get(&address) {
            return Ok(Arc::clone(node));
        }
        let node = Arc::new(self.node(String::new(), address.clone())?);
        self.change(|map| drop(map.nodes.insert(address, Arc::clone(&node))));
        Ok(node)
    }

    /// Puts answers in their place, and gives commands that have to go elsewhere back.
    fn sort<'a>(
        &self,
        parcel: Parcel<'a>,
        answers: Answers,
        replies: &mut [Option<Reply>],
        again: &mut Vec<Open<'a>>,
    ) -> RedisResult<()> {
        let incarnation = answers.incarnation;
        for (mut open, value) in parcel.open.into_iter().zip(answers.values) {
            match Verdict::of(&value, &parcel.node.address.0) {
                Verdict::Answered => {
                    replies[open.at] = Some(Reply { value, incarnation });
                    continue;
                }
                Verdict::Moved(address) => {
                    let owner = self.node_at(address)?;
                    open.ask = None;
                    self.change(|map| map.owners[usize::from(open.slot)] = Some(owner));
                }
                Verdict::Ask(address) => open.ask = Some(self.node_at(address)?),
            }
            again.push(open);
        }
        Ok(())
    }

    /// The commands of a node that failed, if others have its slots now.
    async fn succeeded<'a>(&self, before: &Map, parcel: Parcel<'a>) -> Result<Vec<Open<'a>>, Parcel<'a>> {
        let Ok(now) = self.learn(ASKED_EVERY).await else { return Err(parcel) };
        let has_moved = |open: &Open<'_>| {
            open.ask.is_none()
                && now.owner(open.slot).map(|node| &node.address) != before.owner(open.slot).map(|node| &node.address)
        };
        if parcel.open.iter().all(has_moved) { Ok(parcel.open) } else { Err(parcel) }
    }
}

impl Node {
    async fn names_masters(&self) -> RedisResult<Vec<Named>> {
        let mut question = Pipeline::new();
        question.ignore_errors().cmd("CLUSTER").arg("NODES");
        let answer = self.server.send(&question).await?.values.into_iter().next();
        Ok(masters_named(&from_redis_value::<String>(answer.unwrap_or(Ok(Value::Nil))?)?, &self.address.0))
    }
}

impl Map {
    fn owner(&self, slot: u16) -> Option<&Arc<Node>> {
        self.owners.get(usize::from(slot))?.as_ref()
    }

    /// Each node that has slots, once.
    fn masters(&self) -> Vec<Arc<Node>> {
        let mut masters: Vec<Arc<Node>> = Vec::new();
        for owner in self.owners.iter().flatten() {
            // Slots come in long ranges.
            if !masters.iter().rev().any(|master| Arc::ptr_eq(master, owner)) {
                masters.push(Arc::clone(owner));
            }
        }
        masters
    }
}

fn parcels_of<'a>(map: &Map, open: Vec<Open<'a>>) -> RedisResult<Vec<Parcel<'a>>> {
    let nobodys = || io::Error::new(io::ErrorKind::NotConnected, "a slot of the Cluster is nobody's");
    let mut parcels: Vec<Parcel<'a>> = Vec::new();
    for open in open {
        let node = open.ask.as_ref().or_else(|| map.owner(open.slot)).ok_or_else(nobodys)?;
        // `ASKING` is for the one command behind it.
        let joins = |parcel: &&mut Parcel<'_>| open.ask.is_none() && Arc::ptr_eq(&parcel.node, node);
        match parcels.iter_mut().find(joins) {
            Some(parcel) => parcel.add(open),
            None => parcels.push(Parcel::of(Arc::clone(node), open)),
        }
    }
    Ok(parcels)
}

impl<'a> Parcel<'a> {
    fn of(node: Arc<Node>, open: Open<'a>) -> Self {
        let mut commands = Pipeline::new();
        commands.ignore_errors();
        if open.ask.is_some() {
            commands.cmd("ASKING");
        }
        let mut parcel = Self { node, commands, open: Vec::new() };
        parcel.add(open);
        parcel
    }

    fn add(&mut self, open: Open<'a>) {
        self.commands.add_command(open.command.clone());
        self.open.push(open);
    }

    async fn send(self) -> (Self, RedisResult<Answers>) {
        let mut outcome = self.node.server.send(&self.commands).await;
        if let Ok(answers) = &mut outcome {
            let asking = self.commands.len() - self.open.len();
            answers.values.drain(..asking.min(answers.values.len()));
        }
        (self, outcome)
    }

    /// The node's failure is every command's; the others have their answers.
    fn failed(self, error: &RedisError, replies: &mut [Option<Reply>]) {
        for open in self.open {
            replies[open.at] = Some(Reply { value: Err(error.clone()), incarnation: Incarnation::default() });
        }
    }
}

impl Verdict {
    pub(super) fn of(value: &RedisResult<Value>, asked: &str) -> Self {
        let Err(error) = value else { return Self::Answered };
        let address = || error.redirect_node().and_then(|(address, _)| address_of(address, asked));
        match (error.kind(), address()) {
            (ErrorKind::Server(ServerErrorKind::Moved), Some(address)) => Self::Moved(address),
            (ErrorKind::Server(ServerErrorKind::Ask), Some(address)) => Self::Ask(address),
            _ => Self::Answered,
        }
    }
}

/// Asks over a connection of its own, so that one that hangs is nobody else's.
async fn slots_by(node: &ConnectionInfo) -> RedisResult<Vec<Range>> {
    let mut connection = Client::open(node.clone())?.get_multiplexed_async_connection().await?;
    let lines: Vec<Value> = redis::cmd("CLUSTER").arg("SLOTS").query_async(&mut connection).await?;
    let asked = host_of(node.addr());
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
