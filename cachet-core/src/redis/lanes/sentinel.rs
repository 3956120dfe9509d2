//! The master that Sentinels name.
//!
//! They tell of what they do on channels, to which one connection is subscribed; and they are asked when the master fails,
//! refuses writes, or says that it is a replica.

use std::{
    fmt, io,
    sync::{Arc, Mutex, PoisonError, Weak},
    time::{Duration, Instant},
};

use deadpool_redis::redis::{self, Client, ConnectionInfo, Pipeline, RedisResult};
use futures_util::{StreamExt, future::select_ok};
use tokio::{
    task::JoinHandle,
    time::{sleep, timeout},
};

use super::{
    cluster::{Address, reached_at},
    server::{Answers, Server},
};

/// Sentinels are asked no more often because of a master that fails.
const ASKED_EVERY: Duration = Duration::from_millis(100);

/// How long one step of listening may take, before the next Sentinel is listened to.
const STEP: Duration = Duration::from_secs(1);

/// Without a word in that time, the Sentinel that is listened to is asked: the connection may be half open.
const SILENCE: Duration = Duration::from_secs(5);

/// What is said when another master is named: by the Sentinel that brings it about, which finishes with the other replicas
/// before it says so on the second one, and by those that hear of it.
const CHANNELS: [&str; 2] = ["+failover-state-reconf-slaves", "+switch-master"];

pub(super) struct Sentinel {
    group: Arc<Group>,
    listener: Mutex<Option<JoinHandle<()>>>,
}

struct Group {
    sentinels: Vec<Client>,
    name: String,
    servers: ConnectionInfo,
    master: Mutex<Option<(Address, Arc<Server>)>>,
    /// Who holds it asks; inside it stands when somebody last did.
    asking: tokio::sync::Mutex<Option<Instant>>,
}

impl Sentinel {
    pub(super) fn new(sentinels: Vec<ConnectionInfo>, name: String, servers: ConnectionInfo) -> RedisResult<Self> {
        let sentinels = sentinels.into_iter().map(Client::open).collect::<RedisResult<_>>()?;
        let group = Group { sentinels, name, servers, master: Mutex::default(), asking: tokio::sync::Mutex::default() };
        Ok(Self { group: Arc::new(group), listener: Mutex::default() })
    }

    /// Sends to the master; once more if another one has become it meanwhile, since everything may be repeated.
    pub(super) async fn send(&self, commands: &Pipeline) -> RedisResult<Answers> {
        let master = self.master().await?;
        match master.send(commands).await {
            Ok(answers) => Ok(answers),
            Err(error) => {
                let now = self.master().await?;
                if Arc::ptr_eq(&master, &now) { Err(error) } else { now.send(commands).await }
            }
        }
    }

    pub(super) async fn master(&self) -> RedisResult<Arc<Server>> {
        self.listen();
        match self.group.master() {
            Some(master) if !master.is_suspect() => Ok(master),
            _ => self.group.find().await,
        }
    }

    /// Keeps a task listening, on the runtime that the first caller is on.
    fn listen(&self) {
        let mut listener = self.listener.lock().unwrap_or_else(PoisonError::into_inner);
        if listener.as_ref().is_none_or(JoinHandle::is_finished) {
            *listener = Some(tokio::spawn(listen(Arc::downgrade(&self.group))));
        }
    }
}

impl Drop for Sentinel {
    fn drop(&mut self) {
        if let Some(listener) = self.listener.lock().unwrap_or_else(PoisonError::into_inner).take() {
            listener.abort();
        }
    }
}

impl Group {
    fn master(&self) -> Option<Arc<Server>> {
        let master = self.master.lock().unwrap_or_else(PoisonError::into_inner);
        master.as_ref().map(|(_, server)| Arc::clone(server))
    }

    /// Connections to another master are dropped with it, once their commands are answered.
    fn adopt(&self, address: Address) -> RedisResult<Arc<Server>> {
        let mut master = self.master.lock().unwrap_or_else(PoisonError::into_inner);
        match &*master {
            Some((known, server)) if *known == address => Ok(Arc::clone(server)),
            _ => {
                let server = Arc::new(Server::new(reached_at(&self.servers, &address))?);
                *master = Some((address, Arc::clone(&server)));
                Ok(server)
            }
        }
    }

    /// Asks all Sentinels and believes the first. One that is behind names a server that turns out to be none.
    async fn find(&self) -> RedisResult<Arc<Server>> {
        let mut asked = self.asking.lock().await;
        let known = self.master();
        match known {
            Some(known) if !known.is_suspect() || asked.is_some_and(|asked| asked.elapsed() < ASKED_EVERY) => Ok(known),
            known => {
                *asked = Some(Instant::now());
                let asking = self.sentinels.iter().map(|sentinel| Box::pin(self.ask(sentinel)));
                match (select_ok(asking).await, known) {
                    (Ok((address, _)), _) => self.adopt(address),
                    // Without Sentinels, the master that was is the best guess.
                    (Err(_), Some(known)) => Ok(known),
                    (Err(error), None) => Err(error),
                }
            }
        }
    }

    async fn ask(&self, sentinel: &Client) -> RedisResult<Address> {
        let mut connection = sentinel.get_multiplexed_async_connection().await?;
        let mut question = redis::cmd("SENTINEL");
        question.arg("GET-MASTER-ADDR-BY-NAME").arg(&self.name);
        let address: Option<Address> = question.query_async(&mut connection).await?;
        address.ok_or_else(|| {
            io::Error::new(io::ErrorKind::NotFound, "the Sentinels know no master of the name in the URL").into()
        })
    }
}

/// Listens to one Sentinel after the other, as long as there is somebody to listen for.
async fn listen(group: Weak<Group>) {
    for turn in 0_usize.. {
        let Some(sentinel) = group.upgrade().map(|group| group.sentinels[turn % group.sentinels.len()].clone()) else {
            return;
        };
        let _ = listen_to(&group, &sentinel).await;
        sleep(ASKED_EVERY).await;
    }
}

/// Ends when the Sentinel cannot be listened to, or is not heard of.
async fn listen_to(group: &Weak<Group>, sentinel: &Client) -> Option<()> {
    let mut subscription = timeout(STEP, sentinel.get_async_pubsub()).await.ok()?.ok()?;
    timeout(STEP, subscription.subscribe(&CHANNELS[..])).await.ok()?.ok()?;
    let mut messages = subscription.into_on_message();
    loop {
        let strong = group.upgrade()?;
        let address = timeout(STEP, strong.ask(sentinel)).await.ok()?.ok()?;
        strong.adopt(address).ok()?;
        drop(strong);
        if let Ok(message) = timeout(SILENCE, messages.next()).await {
            message?;
        }
    }
}

impl fmt::Debug for Sentinel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sentinel")
            .field("name", &self.group.name)
            .field("master", &self.group.master())
            .finish_non_exhaustive()
    }
}
