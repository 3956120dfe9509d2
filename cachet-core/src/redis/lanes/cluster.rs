//! The masters of a Cluster: commands on the way to them.

use std::{collections::HashMap, io, sync::Arc, time::Duration};

use deadpool_redis::redis::{
    Cmd, ConnectionInfo, ErrorKind, Pipeline, RedisError, RedisResult, ServerErrorKind, Value,
};
use futures_util::future::{join_all, try_join_all};

use super::{
    Incarnation, Lives, Master, Reply,
    map::{Address, Atlas, Map, Node},
    server::Answers,
    slots::{address_of, slot_of_command},
    view::Named,
};

/// A command goes to so many places before its last answer is its answer.
const ROUNDS: usize = 5;

/// Who has which slot is asked no more often because of a master that fails.
const ASKED_EVERY: Duration = Duration::from_millis(100);

#[derive(Debug)]
pub(super) struct Cluster(Arc<Atlas>);

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
    pub(super) fn new(seeds: Vec<ConnectionInfo>, lives: Lives) -> Self {
        Self(Arc::new(Atlas::new(seeds, lives)))
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
        if !map.is_whole() {
            return Err(io::Error::new(io::ErrorKind::NotConnected, "a slot of the Cluster is nobody's").into());
        }
        Ok(())
    }

    /// Those that have slots, and those that slots are on their way to, which only their old masters know.
    pub(super) async fn masters(&self) -> RedisResult<Vec<Master>> {
        let map = self.0.confirmed().await?;
        let mut masters: HashMap<String, Arc<Node>> =
            map.masters().into_iter().map(|node| (node.id.clone(), node)).collect();
        for named in try_join_all(map.masters().iter().map(|node| node.names_masters())).await? {
            for Named { id, address } in named {
                if !masters.contains_key(&id) {
                    masters.insert(id.clone(), Arc::new(self.0.node(id, address)?));
                }
            }
        }
        let master = |(id, node): (String, Arc<Node>)| Master { id, client: node.server.client().clone() };
        Ok(masters.into_iter().map(master).collect())
    }

    /// The map, asked for again if a master on the way of these commands, or any if there are none, is not to be relied on.
    async fn map_for(&self, open: &[Open<'_>]) -> RedisResult<Arc<Map>> {
        let map = self.0.map();
        let is_good = |slot: u16| map.owner(slot).is_some_and(|node| !node.server.is_suspect());
        let good = match open {
            [] => !map.is_empty() && map.masters().iter().all(|master| !master.server.is_suspect()),
            open => open.iter().all(|open| open.ask.is_some() || is_good(open.slot)),
        };
        if good { Ok(map) } else { self.0.learn(ASKED_EVERY).await }
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
                    open.ask = None;
                    self.0.moved(open.slot, self.0.node_at(address)?);
                }
                Verdict::Ask(address) => open.ask = Some(self.0.node_at(address)?),
            }
            again.push(open);
        }
        Ok(())
    }

    /// The commands of a node that failed, if others have its slots now.
    async fn succeeded<'a>(&self, before: &Map, parcel: Parcel<'a>) -> Result<Vec<Open<'a>>, Parcel<'a>> {
        let Ok(now) = self.0.learn(ASKED_EVERY).await else { return Err(parcel) };
        let has_moved = |open: &Open<'_>| {
            open.ask.is_none()
                && now.owner(open.slot).map(|node| &node.address) != before.owner(open.slot).map(|node| &node.address)
        };
        if parcel.open.iter().all(has_moved) { Ok(parcel.open) } else { Err(parcel) }
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
