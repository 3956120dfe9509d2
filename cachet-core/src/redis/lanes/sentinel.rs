//! The master that Sentinels name.
//!
//! They tell of what they do on channels, to which one connection is subscribed; and they are asked when the master fails,
//! refuses writes, or says that it is a replica, and with every heartbeat of the backplane. All of them are asked at once,
//! over connections that stay open, and the word of the latest configuration epoch counts: after a failover some of them
//! are behind for a while, and name a server that may go on answering as if it still were the master.

use std::{
    collections::HashMap,
    fmt, io,
    sync::{Arc, Mutex, PoisonError, Weak},
    time::Duration,
};

use deadpool_redis::redis::{
    Client, ConnectionInfo, Pipeline, RedisResult, Value, aio::MultiplexedConnection, from_redis_value,
};
use futures_util::{Stream, StreamExt, stream::FuturesUnordered};
use tokio::{
    task::JoinHandle,
    time::{Instant, sleep, timeout, timeout_at},
};

use super::{
    Lives,
    inquiry::{Inquiry, Question},
    map::{Address, reached_at},
    server::{Answers, Server, within},
};

/// Sentinels are asked no more often because of a master that fails.
const ASKED_EVERY: Duration = Duration::from_millis(100);

/// How long one step of asking or listening may take.
const STEP: Duration = Duration::from_secs(1);

/// How long after the first Sentinel's word another one's is waited for.
const SPARE: Duration = Duration::from_millis(20);

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
    sentinels: Vec<Arc<Watcher>>,
    name: String,
    servers: ConnectionInfo,
    lives: Lives,
    master: Mutex<Option<(Address, Arc<Server>)>>,
    asking: Inquiry,
}

/// One Sentinel, and the connection that it is asked over.
struct Watcher {
    client: Client,
    connection: tokio::sync::Mutex<Option<MultiplexedConnection>>,
}

/// What a Sentinel says: where the master is, and since which configuration.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Word {
    epoch: u64,
    address: Address,
}

impl Sentinel {
    pub(super) fn new(
        sentinels: Vec<ConnectionInfo>,
        name: String,
        servers: ConnectionInfo,
        lives: Lives,
    ) -> RedisResult<Self> {
        let sentinels =
            sentinels.into_iter().map(|info| Watcher::new(info).map(Arc::new)).collect::<RedisResult<_>>()?;
        let group = Group { sentinels, name, servers, lives, master: Mutex::default(), asking: Inquiry::default() };
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

    /// The master by the word of a Sentinel that is asked now.
    pub(super) async fn confirmed(&self) -> RedisResult<Arc<Server>> {
        self.listen();
        self.group.ask(Duration::ZERO).answered().await?;
        self.group.known()
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
                let server = Arc::new(Server::new(reached_at(&self.servers, &address), self.lives)?);
                *master = Some((address, Arc::clone(&server)));
                Ok(server)
            }
        }
    }

    /// The master that is known, if Sentinels do not soon name another one: they may all hang, and it may be well.
    async fn find(self: &Arc<Self>) -> RedisResult<Arc<Server>> {
        let question = self.ask(ASKED_EVERY);
        match self.master() {
            Some(_) => question.answered_soon().await,
            None => question.answered().await?,
        }
        self.known()
    }

    fn known(&self) -> RedisResult<Arc<Server>> {
        self.master().ok_or_else(|| io::Error::from(io::ErrorKind::NotFound).into())
    }

    fn ask(self: &Arc<Self>, ago: Duration) -> Question {
        let group = Arc::clone(self);
        self.asking.ask(ago, || async move { group.adopt(group.latest().await?.address).map(drop) })
    }

    /// The latest word of all Sentinels. One that is late is left alone, and goes on being connected to.
    async fn latest(&self) -> RedisResult<Word> {
        let ask = |sentinel: &Arc<Watcher>| tokio::spawn(Arc::clone(sentinel).ask(self.name.clone()));
        let answers: FuturesUnordered<_> = self.sentinels.iter().map(ask).collect();
        latest_of(answers.map(|answer| answer.unwrap_or_else(|error| Err(io::Error::other(error).into())))).await
    }
}

/// The word of the latest epoch among those that come soon after the first; of several, the first.
async fn latest_of(mut words: impl Stream<Item = RedisResult<Word>> + Unpin) -> RedisResult<Word> {
    let mut latest: RedisResult<Word> = Err(io::Error::from(io::ErrorKind::NotFound).into());
    let mut end = None;
    loop {
        let next = match end {
            None => words.next().await,
            Some(end) => timeout_at(end, words.next()).await.ok().flatten(),
        };
        let Some(word) = next else { return latest };
        let counts = match (&latest, &word) {
            (Ok(latest), Ok(word)) => word.epoch > latest.epoch,
            (latest, _) => latest.is_err(),
        };
        if word.is_ok() {
            end.get_or_insert_with(|| Instant::now() + SPARE);
        }
        if counts {
            latest = word;
        }
    }
}

impl Watcher {
    fn new(info: ConnectionInfo) -> RedisResult<Self> {
        Ok(Self { client: Client::open(info)?, connection: tokio::sync::Mutex::default() })
    }

    async fn ask(self: Arc<Self>, name: String) -> RedisResult<Word> {
        let outcome = within(STEP, self.asked(&name)).await;
        if outcome.is_err() {
            // It may hang, or lead nowhere.
            self.connection.lock().await.take();
        }
        outcome
    }

    async fn asked(&self, name: &str) -> RedisResult<Word> {
        let mut question = Pipeline::new();
        // In this order: a failover between the two makes its word count for less, and not the old master's for more.
        question.ignore_errors().cmd("SENTINEL").arg("MASTER").arg(name);
        question.cmd("SENTINEL").arg("GET-MASTER-ADDR-BY-NAME").arg(name);
        let (state, address): (RedisResult<Value>, RedisResult<Value>) =
            question.query_async(&mut self.connected().await?).await?;
        let address: Option<Address> = from_redis_value(address?)?;
        let unknown = || io::Error::new(io::ErrorKind::NotFound, "the Sentinels know no master of the name in the URL");
        Ok(Word { epoch: state.map(epoch_in).unwrap_or_default(), address: address.ok_or_else(unknown)? })
    }

    async fn connected(&self) -> RedisResult<MultiplexedConnection> {
        let mut connection = self.connection.lock().await;
        match &*connection {
            Some(connection) => Ok(connection.clone()),
            None => Ok(connection.insert(self.client.get_multiplexed_async_connection().await?).clone()),
        }
    }
}

/// The configuration epoch in the answer of `SENTINEL MASTER`, which a user may not be permitted to ask for.
fn epoch_in(state: Value) -> u64 {
    let state: HashMap<String, String> = from_redis_value(state).unwrap_or_default();
    state.get("config-epoch").and_then(|epoch| epoch.parse().ok()).unwrap_or_default()
}

/// Listens to one Sentinel after the other, as long as there is somebody to listen for.
async fn listen(group: Weak<Group>) {
    for turn in 0_usize.. {
        let Some(sentinel) = group.upgrade().map(|group| Arc::clone(&group.sentinels[turn % group.sentinels.len()]))
        else {
            return;
        };
        let _ = listen_to(&group, &sentinel).await;
        sleep(ASKED_EVERY).await;
    }
}

/// Ends when the Sentinel cannot be listened to, or is not heard of.
async fn listen_to(group: &Weak<Group>, sentinel: &Arc<Watcher>) -> Option<()> {
    let mut subscription = timeout(STEP, sentinel.client.get_async_pubsub()).await.ok()?.ok()?;
    timeout(STEP, subscription.subscribe(&CHANNELS[..])).await.ok()?.ok()?;
    let mut messages = subscription.into_on_message();
    loop {
        let strong = group.upgrade()?;
        Arc::clone(sentinel).ask(strong.name.clone()).await.ok()?;
        strong.ask(Duration::ZERO).answered().await.ok()?;
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

#[cfg(test)]
mod tests {
    use futures_util::stream::{iter, pending};

    use super::*;

    fn word(epoch: u64, port: u16) -> Word {
        Word { epoch, address: ("host".to_owned(), port) }
    }

    /// What comes from Sentinels, of which one may be silent.
    fn heard(word: Option<Word>) -> RedisResult<Word> {
        word.ok_or_else(|| io::Error::from(io::ErrorKind::TimedOut).into())
    }

    #[tokio::test(start_paused = true)]
    async fn the_latest_word_counts_whoever_comes_first_and_whoever_is_silent() {
        for words in [
            [Some(word(1, 2)), Some(word(0, 1)), Some(word(0, 1))],
            [Some(word(0, 1)), None, Some(word(1, 2))],
            [None, Some(word(1, 2)), Some(word(1, 3))],
        ] {
            let words = || iter(words.clone()).map(heard);
            assert_eq!(latest_of(words()).await.ok(), Some(word(1, 2)));
            assert_eq!(latest_of(words().chain(pending())).await.ok(), Some(word(1, 2)), "one does not answer");
        }
        assert!(latest_of(iter([None, None]).map(heard)).await.is_err());
    }

    #[test]
    fn the_epoch_is_read_in_either_form_and_may_be_missing() {
        let text = |text: &str| Value::BulkString(text.into());
        let flat = ["name", "main", "config-epoch", "7"].map(text);
        assert_eq!(epoch_in(Value::Array(flat.to_vec())), 7);
        assert_eq!(epoch_in(Value::Map(vec![(text("config-epoch"), text("8"))])), 8);
        assert_eq!(epoch_in(Value::Array(Vec::new())), 0);
        assert_eq!(epoch_in(Value::Int(7)), 0);
    }
}
