//! The backplane on Redis: what scripts publish, and a connection of its own that is subscribed to it.
//!
//! | a message | |
//! |---|---|
//! | kind | `C`: the key was invalidated or fenced; `F`: its load is over, and somebody waits for it |
//! | 32 characters | the node whose command it was |
//! | the rest | the key |
//!
//! They are published inside the scripts that change the key, to the channel `{namespace}:@changes`, or in a Cluster to
//! `{namespace}:@changes:{id}` of the master whose script it is. The connection speaks RESP3, so that its `PING` is answered behind all messages that came before it; and it is told of `FLUSHALL` and
//! `FLUSHDB`, by tracking a prefix that no key has.

use std::{collections::BTreeSet, future::Future, io, pin::Pin, sync::Arc};

use deadpool_redis::redis::{
    self, AsyncConnectionConfig, Client, Pipeline, ProtocolVersion, PushInfo, PushKind, RedisError, Value,
    aio::MultiplexedConnection,
};
use futures_util::future::try_join_all;
use tokio::sync::watch;

use super::{
    RedisTier, fault_of,
    lanes::{Lanes, Master, masters_named},
};
use crate::{
    tier::{Backplane, Inbox, News, Subscription, TierFuture},
    unique::unique,
};

/// How many characters name a node.
const NODE: usize = 32;

/// What this node says on the backplane.
#[derive(Debug)]
pub(super) struct Voice {
    channel: String,
    node: String,
    /// Whether one runtime alone uses this tier, to which its own changes are no news.
    is_alone: bool,
    /// What no key of the namespace begins with.
    no_key: String,
}

impl Voice {
    pub(super) fn new(namespace: &str, is_alone: bool) -> Self {
        Self {
            channel: format!("{namespace}:@changes"),
            node: format!("{:032x}", unique()),
            is_alone,
            no_key: format!("{namespace}:@nothing"),
        }
    }
}

impl RedisTier {
    /// Adds what a script needs to publish, after its other arguments.
    pub(super) fn tell_too(&self, call: &mut Pipeline) {
        call.arg(&self.voice.channel).arg(&self.voice.node);
    }

    /// Listens to every master: in a Cluster, what one publishes comes from itself, in order and once.
    async fn open(&self, inbox: &Inbox) -> Result<Listening, RedisError> {
        let masters = self.lanes.masters().await?;
        let (lost, is_lost) = watch::channel(false);
        let opening = masters.iter().map(|master| self.open_one(master, inbox.clone(), lost.clone()));
        let connections = try_join_all(opening).await?;
        Ok(Listening { connections, masters: ids_of(&masters), lanes: Arc::clone(&self.lanes), is_lost })
    }

    fn channel_of(&self, master: &Master) -> String {
        let channel = &self.voice.channel;
        if self.lanes.is_cluster() { format!("{channel}:{}", master.id) } else { channel.clone() }
    }

    async fn open_one(
        &self,
        master: &Master,
        inbox: Inbox,
        lost: watch::Sender<bool>,
    ) -> Result<MultiplexedConnection, RedisError> {
        let own = self.voice.is_alone.then(|| self.voice.node.clone());
        let take = move |push: PushInfo| {
            match push.kind {
                PushKind::Disconnection => drop(lost.send_replace(true)),
                PushKind::Message => read(&push, own.as_deref()).into_iter().for_each(|news| inbox.take(news)),
                // Of single keys, none is tracked.
                PushKind::Invalidate => inbox.take(News::AllChanged),
                _ => {}
            }
            Ok::<(), ()>(())
        };
        // The callers' deadlines are the only ones.
        let config =
            AsyncConnectionConfig::new().set_push_sender(take).set_response_timeout(None).set_connection_timeout(None);
        let mut connection =
            speaking_resp3(&master.client)?.get_multiplexed_async_connection_with_config(&config).await?;
        let mut tracking = redis::cmd("CLIENT");
        tracking.arg("TRACKING").arg("ON").arg("BCAST").arg("PREFIX").arg(&self.voice.no_key);
        // A server that forbids it empties itself unheard: entries stay that are right all the same.
        if let Err(error) = tracking.query_async::<()>(&mut connection).await
            && error.is_io_error()
        {
            return Err(error);
        }
        redis::cmd("SUBSCRIBE").arg(self.channel_of(master)).query_async::<()>(&mut connection).await?;
        Ok(connection)
    }
}

impl Backplane for RedisTier {
    fn subscribe(&self, inbox: Inbox) -> TierFuture<'_, Box<dyn Subscription>> {
        Box::pin(async move {
            let listening = self.open(&inbox).await.map_err(|error| fault_of("subscribe", error))?;
            Ok(Box::new(listening) as Box<dyn Subscription>)
        })
    }
}

fn speaking_resp3(client: &Client) -> Result<Client, RedisError> {
    let info = client.get_connection_info().clone();
    let settings = info.redis_settings().clone().set_protocol(ProtocolVersion::RESP3);
    Client::open(info.set_redis_settings(settings))
}

/// What a message says, unless it is this node's own.
fn read<'a>(push: &'a PushInfo, own: Option<&str>) -> Option<News<'a>> {
    let [_, Value::BulkString(message)] = &push.data[..] else { return None };
    let (kind, rest) = std::str::from_utf8(message).ok()?.split_at_checked(1)?;
    let (node, key) = rest.split_at_checked(NODE)?;
    match kind {
        _ if own == Some(node) => None,
        "C" => Some(News::Changed(key)),
        "F" => Some(News::Filled(key)),
        _ => None,
    }
}

/// Reads bytes as a message, and says whether they are one.
#[cfg(feature = "testing")]
pub(super) fn read_untrusted(bytes: &[u8]) -> bool {
    let data = vec![Value::Nil, Value::BulkString(bytes.to_vec())];
    read(&PushInfo { kind: PushKind::Message, data }, None).is_some()
}

/// A subscribed connection to each master.
struct Listening {
    connections: Vec<MultiplexedConnection>,
    /// Their ids when the connections were opened.
    masters: BTreeSet<String>,
    lanes: Arc<Lanes>,
    is_lost: watch::Receiver<bool>,
}

impl Listening {
    /// Who: a master that was none when the subscription began. When: it takes over slots, or the keys of one that is on
    /// its way to it, and publishes what becomes of them, and nobody listens to it. What stops it: each master is asked
    /// who the masters are and where its slots go, and one that is new, or a Sentinel's word of another, ends the
    /// subscription.
    async fn check(&self) -> Result<(), RedisError> {
        let asking = self.connections.iter().cloned().map(|mut connection| async move {
            if !self.lanes.is_cluster() {
                return redis::cmd("PING").query_async::<()>(&mut connection).await.map(|()| true);
            }
            let mut question = redis::pipe();
            question.cmd("PING").ignore().cmd("CLUSTER").arg("NODES");
            let (nodes,): (String,) = question.query_async(&mut connection).await?;
            Ok(masters_named(&nodes, "").iter().all(|named| self.masters.contains(&named.id)))
        });
        let all_known = try_join_all(asking).await?.into_iter().all(|known| known);
        if all_known && (self.lanes.is_cluster() || ids_of(&self.lanes.masters().await?) == self.masters) {
            return Ok(());
        }
        Err(io::Error::new(io::ErrorKind::NotConnected, "the masters have changed").into())
    }
}

fn ids_of(masters: &[Master]) -> BTreeSet<String> {
    masters.iter().map(|master| master.id.clone()).collect()
}

impl Subscription for Listening {
    fn heartbeat(&self) -> TierFuture<'_, ()> {
        Box::pin(async move { self.check().await.map_err(|error| fault_of("heartbeat", error)) })
    }

    fn lost(&self) -> Pin<Box<dyn Future<Output = ()> + Send + '_>> {
        let mut is_lost = self.is_lost.clone();
        // The sender goes with the connection, which is a loss too.
        Box::pin(async move { drop(is_lost.wait_for(|is_lost| *is_lost).await) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(text: &str) -> PushInfo {
        let data = vec![Value::BulkString(b"shop:@changes".to_vec()), Value::BulkString(text.into())];
        PushInfo { kind: PushKind::Message, data }
    }

    #[test]
    fn a_message_is_read_unless_it_is_this_nodes_own_or_no_message() {
        let (own, other) = ("0".repeat(NODE), "1".repeat(NODE));
        let read = |text: &str| read(&message(text), Some(&own)).map(|news| format!("{news:?}"));
        assert_eq!(read(&format!("C{other}shop:k")), Some(r#"Changed("shop:k")"#.to_owned()));
        assert_eq!(read(&format!("F{other}shop:k")), Some(r#"Filled("shop:k")"#.to_owned()));
        for none in
            [&format!("C{own}shop:k"), "", "C", "Cshort", &format!("X{other}k"), &format!("C{}é", "1".repeat(31))]
        {
            assert_eq!(read(none), None, "{none}");
        }
    }
}
