//! The backplane on Redis: what scripts publish, and a connection of its own that is subscribed to it.
//!
//! | a message | |
//! |---|---|
//! | kind | `C`: the key was invalidated or fenced; `F`: its load is over, and somebody waits for it |
//! | 32 characters | the node whose command it was |
//! | the rest | the key |
//!
//! They are published inside the scripts that change the key, to the channel `{namespace}:@changes`. The connection speaks
//! RESP3, so that its `PING` is answered behind all messages that came before it; and it is told of `FLUSHALL` and
//! `FLUSHDB`, by tracking a prefix that no key has.

use std::{future::Future, pin::Pin};

use deadpool_redis::redis::{
    self, AsyncConnectionConfig, Client, Pipeline, ProtocolVersion, PushInfo, PushKind, RedisError, ScriptInvocation,
    Value, aio::MultiplexedConnection,
};
use tokio::sync::watch;

use super::{RedisTier, fault_of};
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
    pub(super) fn tell<'a, 'b>(&self, call: &'a mut ScriptInvocation<'b>) -> &'a mut ScriptInvocation<'b> {
        call.arg(&self.voice.channel).arg(&self.voice.node)
    }

    /// The same for a call among others.
    pub(super) fn tell_too(&self, call: &mut Pipeline) {
        call.arg(&self.voice.channel).arg(&self.voice.node);
    }

    async fn open(&self, inbox: Inbox) -> Result<Listening, RedisError> {
        let (lost, is_lost) = watch::channel(false);
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
            speaking_resp3(self.lanes.client())?.get_multiplexed_async_connection_with_config(&config).await?;
        let mut tracking = redis::cmd("CLIENT");
        tracking.arg("TRACKING").arg("ON").arg("BCAST").arg("PREFIX").arg(&self.voice.no_key);
        // A server that forbids it empties itself unheard: entries stay that are right all the same.
        if let Err(error) = tracking.query_async::<()>(&mut connection).await
            && error.is_io_error()
        {
            return Err(error);
        }
        redis::cmd("SUBSCRIBE").arg(&self.voice.channel).query_async::<()>(&mut connection).await?;
        Ok(Listening { connection, is_lost })
    }
}

impl Backplane for RedisTier {
    fn subscribe(&self, inbox: Inbox) -> TierFuture<'_, Box<dyn Subscription>> {
        Box::pin(async move {
            let listening = self.open(inbox).await.map_err(|error| fault_of("subscribe", error))?;
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

/// Reads bytes as a message.
#[cfg(feature = "testing")]
pub(super) fn read_untrusted(bytes: &[u8]) {
    let data = vec![Value::Nil, Value::BulkString(bytes.to_vec())];
    let _ = read(&PushInfo { kind: PushKind::Message, data }, None);
}

/// One subscribed connection.
struct Listening {
    connection: MultiplexedConnection,
    is_lost: watch::Receiver<bool>,
}

impl Subscription for Listening {
    fn heartbeat(&self) -> TierFuture<'_, ()> {
        let mut connection = self.connection.clone();
        Box::pin(async move {
            redis::cmd("PING").query_async(&mut connection).await.map_err(|error| fault_of("heartbeat", error))
        })
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
