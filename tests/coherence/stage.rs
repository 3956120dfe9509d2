//! A stage for scenarios: nodes that do what they are told, step by step, and servers and links that do so too.
//!
//! What a node does is read from its history, which it writes line by line; so every step waits for the one before.

use std::{
    cell::RefCell,
    path::PathBuf,
    thread::sleep,
    time::{Duration, Instant},
};

use cachet_core::Origin;
use tempfile::TempDir;

use super::{
    chaos::{Fault, History, Kind, Leeway, Records},
    history::{self, Event, Function, Item, Means, Order, Outcome, Time, now},
    node::{Life, Limits, Node, Orders},
    proxy::{Mode, Proxy},
    servers::{Servers, Standalone},
    source,
    support::{DEADLINE, eventually},
};

/// The nodes of a scenario.
pub(crate) const NODES: usize = 3;

/// Rows that scenarios leave alone, read at the beginning so that every connection is there.
const WARM_UP: std::ops::Range<u64> = 8..12;

pub(crate) struct Stage {
    pub(crate) servers: Box<dyn Servers>,
    pub(crate) actors: Vec<Actor>,
    limits: Limits,
    without: Option<String>,
    began: Time,
    faults: Vec<Fault>,
    _directory: TempDir,
}

/// A node that does what it is told.
pub(crate) struct Actor {
    number: usize,
    node: RefCell<Node>,
    log: PathBuf,
    killed: Option<Time>,
}

/// Where a row is cached in scenarios.
pub(crate) fn item(row: u64) -> Item {
    Item { row, function: Function::Lasting }
}

/// Waits until the server gives one of two nodes a value of the row. Each loads it, once it believes the server, unless the
/// other one has stored it or something older is still there.
pub(crate) fn until_one_is_given(nodes: [&Actor; 2], row: u64) {
    eventually("a node is given a value by the server", || {
        nodes.into_iter().any(|node| node.read(row) == Origin::Shared)
    });
}

/// Lets time go by that the promises speak of.
pub(crate) fn let_pass(time: Duration) {
    sleep(time);
}

impl Stage {
    /// Starts servers and nodes, and waits until all of them are ready.
    pub(crate) fn set(limits: Limits, without: Option<&str>) -> Self {
        let began = now();
        let directory = tempfile::tempdir().expect("a temporary directory");
        let database = directory.path().join("source.db");
        source::create(&database);
        let servers = Box::new(Standalone::start(NODES));
        let without = without.map(str::to_owned);
        let actors: Vec<Actor> = (0..NODES)
            .map(|number| {
                let log = directory.path().join(format!("{number}.history"));
                let orders = Orders {
                    redis: servers.url(number),
                    roots: None,
                    database: database.clone(),
                    log: log.clone(),
                    limits,
                    without: without.clone(),
                    life: Life::Told,
                };
                Actor { number, node: RefCell::new(Node::start(&orders)), log, killed: None }
            })
            .collect();
        for actor in &actors {
            actor.until("it starts", 0, |event| matches!(event, Event::Started { .. }).then_some(()));
            WARM_UP.for_each(|row| {
                actor.read(row);
            });
        }
        Self { servers, actors, limits, without, began, faults: Vec::new(), _directory: directory }
    }

    /// Three actors by name.
    pub(crate) fn cast(&self) -> [&Actor; NODES] {
        [&self.actors[0], &self.actors[1], &self.actors[2]]
    }

    /// The link of an actor with the server.
    pub(crate) fn link(&self, actor: &Actor) -> &Proxy {
        &self.servers.links(actor.number)[0]
    }

    /// Notes a fault that began then and is over now.
    pub(crate) fn note(&mut self, kind: Kind, node: Option<usize>, begun: Time) {
        self.faults.push(Fault { kind, node, begun, ended: now() });
    }

    /// Kills a node, whatever it is doing.
    pub(crate) fn kill(&mut self, actor: usize) {
        let actor = &mut self.actors[actor];
        actor.node.get_mut().kill();
        actor.killed = Some(now());
    }

    /// Everything that happened.
    pub(crate) fn end(self) -> Records {
        for node in 0..NODES {
            self.servers.links(node).iter().for_each(|link| link.set(Mode::Pass));
        }
        let histories = self.actors.iter().map(|actor| {
            if actor.killed.is_none() {
                actor.go_on();
                actor.node.borrow_mut().stop();
            }
            History { node: actor.number, killed: actor.killed, events: actor.history() }
        });
        let histories = histories.collect();
        let Self { limits, without, began, faults, .. } = self;
        Records { limits, without, leeway: Leeway::NONE, began, ended: now(), histories, faults }
    }
}

impl Actor {
    /// Reads a row, and gives where the answer came from.
    pub(crate) fn read(&self, row: u64) -> Origin {
        self.tell(Order::Read(item(row)), "a call is answered", |event| match event {
            Event::Read { origin, .. } => Some(origin),
            _ => None,
        })
    }

    /// Begins a call, and waits until it has begun or joined a load, if it is not answered at once.
    pub(crate) fn call(&self, row: u64) {
        self.tell(Order::Read(item(row)), "a call waits", |event| {
            matches!(event, Event::Waiting { .. } | Event::Read { .. }).then_some(())
        });
    }

    /// Begins a call that loads, and waits until it has read the row. It is held up then.
    pub(crate) fn begin_load(&self, row: u64) {
        self.hold();
        self.tell(Order::Read(item(row)), "a load begins", |event| {
            matches!(event, Event::Loading { .. }).then_some(())
        });
    }

    /// Waits until as many calls were answered altogether.
    pub(crate) fn until_answered(&self, calls: usize) {
        eventually("calls are answered", || self.answered() >= calls);
    }

    /// How many calls were answered.
    pub(crate) fn answered(&self) -> usize {
        self.history().iter().filter(|event| matches!(event, Event::Read { .. })).count()
    }

    /// Writes a row, and gives what the writer was told.
    pub(crate) fn write(&self, row: u64, means: Means) -> Outcome {
        self.tell(Order::Write(row, means), "a writer returns", |event| match event {
            Event::Returned { outcome, .. } => Some(outcome),
            _ => None,
        })
    }

    /// Writes a row, and waits until every node can know of it.
    pub(crate) fn write_for_all(&self, row: u64, means: Means) {
        let own = self.tell(Order::Write(row, means), "a writer returns", |event| match event {
            Event::Returned { number, .. } => Some(number),
            _ => None,
        });
        self.until("it is sent", 0, |event| matches!(event, Event::Sent { number, .. } if number == own).then_some(()));
    }

    /// Begins to write a row, and waits until it is committed. The writer is held up then.
    pub(crate) fn begin_write(&self, row: u64, means: Means) {
        self.hold();
        self.tell(Order::Write(row, means), "a write is committed", |event| {
            matches!(event, Event::Committed { .. }).then_some(())
        });
    }

    /// Waits until it is noted of every write that returned that nothing of it is left to be sent.
    pub(crate) fn until_sent(&self) {
        eventually("everything is sent", || {
            let history = self.history();
            let count = |is: fn(&Event) -> bool| history.iter().filter(|event| is(event)).count();
            count(|event| matches!(event, Event::Returned { .. })) == count(|event| matches!(event, Event::Sent { .. }))
        });
    }

    fn hold(&self) {
        self.node.borrow().tell(Order::Hold);
    }

    /// Lets go on what is held up.
    pub(crate) fn go_on(&self) {
        self.node.borrow().tell(Order::GoOn);
    }

    fn tell<T>(&self, order: Order, what: &str, seen: impl Fn(Event) -> Option<T>) -> T {
        let before = self.history().len();
        self.node.borrow().tell(order);
        self.until(what, before, seen)
    }

    /// Waits for something in the history, of which so many events are passed over.
    fn until<T>(&self, what: &str, before: usize, seen: impl Fn(Event) -> Option<T>) -> T {
        let start = Instant::now();
        loop {
            if let Some(found) = self.history().into_iter().skip(before).find_map(&seen) {
                return found;
            }
            assert!(start.elapsed() < DEADLINE, "gave up waiting on node {}: {what}", self.number);
            sleep(Duration::from_millis(1));
        }
    }

    fn history(&self) -> Vec<Event> {
        history::read(&self.log)
    }
}
