//! A body that is stored while it is sent.

use std::{
    future::Future,
    mem,
    pin::Pin,
    task::{Context, Poll, ready},
};

use actix_web::body::{BodySize, BoxBody, MessageBody};
use bytes::{Bytes, BytesMut};

/// What is done with a whole body.
pub(super) type Sink = Box<dyn FnOnce(Bytes) -> Pin<Box<dyn Future<Output = ()>>>>;

/// Passes a body on and gathers it; a body that came whole is stored before its end is sent, so that who has it finds it
/// stored. One that breaks off, is longer or shorter than it said, or is larger than may be stored, is stored by nobody;
/// neither is one whose client goes away, because nobody asks for the rest.
pub(super) struct Recording {
    body: BoxBody,
    size: BodySize,
    gathered: BytesMut,
    most_bytes: usize,
    sink: Option<Sink>,
    state: State,
}

enum State {
    Passing,
    /// All that was announced is there; this chunk is sent once the end is certain.
    Complete(Bytes),
    Storing(Pin<Box<dyn Future<Output = ()>>>, Option<Bytes>),
    Over,
}

type Chunk = Option<Result<Bytes, <BoxBody as MessageBody>::Error>>;

impl Recording {
    pub(super) fn new(body: BoxBody, most_bytes: usize, sink: Sink) -> Self {
        let (size, gathered) = (body.size(), BytesMut::new());
        Self { body, size, gathered, most_bytes, sink: Some(sink), state: State::Passing }
    }

    fn discard(&mut self) {
        self.sink = None;
        self.gathered = BytesMut::new();
    }

    fn pass(&mut self, cx: &mut Context<'_>) -> Poll<Option<Chunk>> {
        Poll::Ready(match ready!(Pin::new(&mut self.body).poll_next(cx)) {
            Some(Ok(chunk)) => {
                if self.sink.is_some() {
                    self.gathered.extend_from_slice(&chunk);
                }
                if self.gathered.len() > self.most_bytes || self.is_too_long() {
                    self.discard();
                }
                if self.sink.is_some() && self.size == BodySize::Sized(self.gathered.len() as u64) {
                    self.state = State::Complete(chunk);
                    return Poll::Ready(None);
                }
                Some(Some(Ok(chunk)))
            }
            Some(Err(error)) => {
                self.discard();
                Some(Some(Err(error)))
            }
            None => {
                if self.is_too_short() {
                    self.discard();
                }
                self.store(None);
                None
            }
        })
    }

    fn is_too_long(&self) -> bool {
        matches!(self.size, BodySize::Sized(size) if self.gathered.len() as u64 > size)
    }

    fn is_too_short(&self) -> bool {
        matches!(self.size, BodySize::Sized(size) if (self.gathered.len() as u64) < size)
    }

    fn store(&mut self, last: Option<Bytes>) {
        let gathered = mem::take(&mut self.gathered).freeze();
        self.state = match self.sink.take() {
            Some(sink) => State::Storing(sink(gathered), last),
            None => State::Over,
        };
    }
}

impl MessageBody for Recording {
    type Error = <BoxBody as MessageBody>::Error;

    fn size(&self) -> BodySize {
        self.size
    }

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Chunk> {
        let this = self.get_mut();
        loop {
            match &mut this.state {
                State::Passing => {
                    if let Some(chunk) = ready!(this.pass(cx)) {
                        return Poll::Ready(chunk);
                    }
                }
                State::Complete(_) => {
                    let end = ready!(Pin::new(&mut this.body).poll_next(cx));
                    let State::Complete(last) = mem::replace(&mut this.state, State::Over) else { unreachable!() };
                    if end.is_some() {
                        // What follows is beyond the announced size, so that no client reads it.
                        this.discard();
                        return Poll::Ready(Some(Ok(last)));
                    }
                    this.store(Some(last));
                }
                State::Storing(storing, last) => {
                    ready!(storing.as_mut().poll(cx));
                    let last = last.take();
                    this.state = State::Over;
                    return Poll::Ready(last.map(Ok));
                }
                State::Over => return Poll::Ready(None),
            }
        }
    }
}
