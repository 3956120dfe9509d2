//! A body that is stored while it is sent.

use std::{
    future::{Future, poll_fn},
    pin::{Pin, pin},
    task::{Context, Poll, ready},
    time::Duration,
};

use actix_web::{
    body::{BodySize, BoxBody, MessageBody},
    http::{StatusCode, header::HeaderMap},
    rt,
};
use bytes::{Bytes, BytesMut};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

use super::{
    collapse::{Landing, Leading},
    kept::Kept,
    key::Key,
    policy::Terms,
    resources::{Opening, Resources},
};

/// An answer that is to be stored as soon as its body is there.
pub(super) struct Coming {
    pub(super) status: StatusCode,
    pub(super) headers: HeaderMap,
    pub(super) terms: Terms,
    /// When its fields came.
    pub(super) came: Duration,
    pub(super) key: Key,
    /// The request's fields.
    pub(super) request: HeaderMap,
    pub(super) opening: Opening,
    pub(super) replaced: Option<u128>,
    pub(super) lead: Option<Leading>,
}

impl Coming {
    /// Stores it, and says whether it is stored. It has grown old since its fields came (RFC 9111 §4.2.3).
    pub(super) async fn store(self, resources: &Resources, body: Bytes) -> bool {
        let Some(terms) = self.terms.after(resources.now().saturating_sub(self.came)) else { return false };
        let kept = Kept::new(self.status, &self.headers, body, terms);
        let is_stored = resources.keep(&self.key, self.opening, kept, &self.request, self.replaced).await;
        if let Some(lead) = self.lead.filter(|_| is_stored) {
            lead.land(Landing::Stored);
        }
        is_stored
    }
}

/// Passes a body on and gathers it; a body that came whole is stored before its end is sent, so that who has it finds it
/// stored. One that breaks off, is longer or shorter than it said, or is larger than may be stored, is stored by nobody;
/// neither is one whose client goes away before it is whole.
///
/// It is read as fast as it comes, however slowly its client reads: others may wait for it. One that is not going to be
/// stored is read by its client alone.
pub(super) struct Recording {
    size: BodySize,
    pieces: UnboundedReceiver<Piece>,
    rest: Option<BoxBody>,
}

type Error = <BoxBody as MessageBody>::Error;

type Chunk = Option<Result<Bytes, Error>>;

/// What is sent to the client.
enum Piece {
    Chunk(Result<Bytes, Error>),
    /// What follows is in nobody's way.
    Rest(BoxBody),
}

impl Recording {
    pub(super) fn start(body: BoxBody, most_bytes: usize, sink: impl AsyncFnOnce(Bytes) + 'static) -> Self {
        let (size, (sender, pieces)) = (body.size(), unbounded_channel());
        rt::spawn(Reading { body, size, gathered: BytesMut::new(), most_bytes, client: sender }.run(sink));
        Self { size, pieces, rest: None }
    }
}

impl MessageBody for Recording {
    type Error = Error;

    fn size(&self) -> BodySize {
        self.size
    }

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Chunk> {
        let this = self.get_mut();
        loop {
            if let Some(rest) = &mut this.rest {
                return Pin::new(rest).poll_next(cx);
            }
            match ready!(this.pieces.poll_recv(cx)) {
                Some(Piece::Chunk(chunk)) => return Poll::Ready(Some(chunk)),
                Some(Piece::Rest(rest)) => this.rest = Some(rest),
                None => return Poll::Ready(Some(Err("the body was not read to its end".into()))),
            }
        }
    }
}

struct Reading {
    body: BoxBody,
    size: BodySize,
    gathered: BytesMut,
    most_bytes: usize,
    client: UnboundedSender<Piece>,
}

impl Reading {
    async fn run(mut self, sink: impl AsyncFnOnce(Bytes)) {
        while let Some(chunk) = self.next().await {
            match chunk {
                Some(Ok(chunk)) => {
                    self.gathered.extend_from_slice(&chunk);
                    if self.is_too_long() {
                        drop(sink);
                        self.send(Piece::Chunk(Ok(chunk)));
                        return self.leave();
                    }
                    if self.size == BodySize::Sized(self.gathered.len() as u64) {
                        return self.complete(chunk, sink).await;
                    }
                    self.send(Piece::Chunk(Ok(chunk)));
                }
                Some(Err(error)) => return self.send(Piece::Chunk(Err(error))),
                None => {
                    if !self.is_too_short() {
                        sink(self.gathered.split().freeze()).await;
                    }
                    return self.leave();
                }
            }
        }
    }

    /// All that was announced is there; the last chunk is sent once the end is certain.
    async fn complete(mut self, last: Bytes, sink: impl AsyncFnOnce(Bytes)) {
        let Some(end) = self.next().await else { return };
        if end.is_none() {
            sink(self.gathered.split().freeze()).await;
        }
        self.send(Piece::Chunk(Ok(last)));
        // What follows is beyond the announced size, so that no client reads it.
        self.send(Piece::Rest(BoxBody::new(())));
    }

    /// The next chunk, or the end; nothing where the client is gone.
    async fn next(&mut self) -> Option<Chunk> {
        let Self { body, client, .. } = self;
        let mut gone = pin!(client.closed());
        poll_fn(|cx| match gone.as_mut().poll(cx) {
            Poll::Ready(()) => Poll::Ready(None),
            Poll::Pending => Pin::new(&mut *body).poll_next(cx).map(Some),
        })
        .await
    }

    fn is_too_long(&self) -> bool {
        let length = self.gathered.len();
        length > self.most_bytes || matches!(self.size, BodySize::Sized(size) if length as u64 > size)
    }

    fn is_too_short(&self) -> bool {
        matches!(self.size, BodySize::Sized(size) if (self.gathered.len() as u64) < size)
    }

    fn send(&self, piece: Piece) {
        // A client that is gone wants nothing more.
        let _ = self.client.send(piece);
    }

    /// Leaves the rest of the body to its client.
    fn leave(self) {
        let Self { body, client, .. } = self;
        let _ = client.send(Piece::Rest(body));
    }
}
