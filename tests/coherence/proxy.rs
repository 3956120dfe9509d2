//! A proxy between one node and the server, which can delay, cut, hold and swallow what passes.

use std::{
    io::{Read, Write},
    net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream},
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    thread,
    time::Duration,
};

/// What becomes of bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mode {
    Pass,
    Delay(Duration),
    /// Connections are reset, and new ones too.
    Cut,
    /// Nothing passes, and nobody is told; what was held passes later.
    Hold,
    /// The same for the connection that brings the news alone.
    HoldNews,
    /// The same for what the server says, on every connection.
    HoldReplies,
    /// The same for what the server answers to commands, so that news overtake it.
    HoldAnswers,
    /// Requests pass, replies do not.
    SwallowReplies,
    /// Nothing passes, and nobody is told; what was held is lost.
    Hole,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Way {
    Request,
    Reply,
}

struct Shared {
    server: SocketAddr,
    mode: Mutex<Mode>,
    connections: Mutex<Vec<Arc<Connection>>>,
    /// How many answers to commands are held up.
    held_answers: AtomicUsize,
    awaited: Mutex<Awaited>,
}

/// A word that somebody waits for in the news, and whether the node was told it.
#[derive(Default)]
struct Awaited {
    word: Vec<u8>,
    is_told: bool,
}

struct Connection {
    client: TcpStream,
    server: TcpStream,
    brings_news: AtomicBool,
    /// Bytes are missing, so it can never be right again.
    has_lost: AtomicBool,
}

/// A proxy on a port of its own, as long as the process lives.
pub(crate) struct Proxy {
    shared: Arc<Shared>,
    address: SocketAddr,
}

impl Proxy {
    pub(crate) fn to(port: u16) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("loopback has a free port");
        let address = listener.local_addr().expect("a bound socket has an address");
        let server = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
        let shared = Arc::new(Shared {
            server,
            mode: Mutex::new(Mode::Pass),
            connections: Mutex::default(),
            held_answers: AtomicUsize::new(0),
            awaited: Mutex::default(),
        });
        let accepting = Arc::clone(&shared);
        thread::spawn(move || listener.incoming().flatten().for_each(|client| accepting.accept(client)));
        Self { shared, address }
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    pub(crate) fn set(&self, mode: Mode) {
        *self.shared.mode.lock().unwrap_or_else(PoisonError::into_inner) = mode;
        for connection in &*self.shared.connections() {
            if mode == Mode::Cut || connection.has_lost.load(Ordering::Relaxed) {
                connection.end();
            }
        }
    }

    /// Whether the answer to a command has come and is held up.
    pub(crate) fn holds_an_answer(&self) -> bool {
        self.shared.held_answers.load(Ordering::Relaxed) > 0
    }

    /// Looks out for a word in the news from now on.
    pub(crate) fn await_news(&self, word: &str) {
        *self.shared.awaited() = Awaited { word: word.into(), is_told: false };
    }

    /// Whether news with that word were handed on since.
    pub(crate) fn has_told(&self) -> bool {
        self.shared.awaited().is_told
    }
}

impl Shared {
    fn accept(self: &Arc<Self>, client: TcpStream) {
        if self.mode() == Mode::Cut {
            return;
        }
        let Ok(server) = TcpStream::connect(self.server) else { return };
        let nodelay = client.set_nodelay(true).and(server.set_nodelay(true));
        nodelay.expect("a connected socket takes the option");
        let connection = Connection { client, server, brings_news: false.into(), has_lost: false.into() };
        let connection = Arc::new(connection);
        self.connections().push(Arc::clone(&connection));
        for way in [Way::Request, Way::Reply] {
            let (shared, connection) = (Arc::clone(self), Arc::clone(&connection));
            thread::spawn(move || shared.pump(&connection, way));
        }
    }

    fn pump(&self, connection: &Arc<Connection>, way: Way) {
        let (mut from, mut to) = match way {
            Way::Request => (&connection.client, &connection.server),
            Way::Reply => (&connection.server, &connection.client),
        };
        let mut buffer = vec![0; 1 << 16];
        while let Ok(length @ 1..) = from.read(&mut buffer) {
            let bytes = &buffer[..length];
            if way == Way::Request && bytes.windows(9).any(|word| word == b"SUBSCRIBE") {
                connection.brings_news.store(true, Ordering::Relaxed);
            }
            if self.lets_pass(connection, way) {
                if to.write_all(bytes).is_err() {
                    break;
                }
                self.has_passed(connection, way, bytes);
            }
        }
        connection.end();
        self.connections().retain(|other| !Arc::ptr_eq(other, connection));
    }

    fn has_passed(&self, connection: &Connection, way: Way, bytes: &[u8]) {
        let mut awaited = self.awaited();
        let length = awaited.word.len().max(1);
        if way == Way::Reply
            && connection.brings_news.load(Ordering::Relaxed)
            && bytes.windows(length).any(|word| word == awaited.word)
        {
            awaited.is_told = true;
        }
    }

    /// Waits as long as the mode has it, and says whether the bytes are not lost.
    fn lets_pass(&self, connection: &Connection, way: Way) -> bool {
        if let Mode::Delay(time) = self.mode() {
            thread::sleep(time);
        }
        let mut held = None;
        loop {
            let news = connection.brings_news.load(Ordering::Relaxed);
            match self.mode() {
                Mode::Hold => {}
                Mode::HoldNews if news => {}
                Mode::HoldReplies if way == Way::Reply => {}
                Mode::HoldAnswers if way == Way::Reply && !news => {}
                Mode::SwallowReplies if way == Way::Request => return true,
                Mode::SwallowReplies | Mode::Hole => {
                    connection.has_lost.store(true, Ordering::Relaxed);
                    return false;
                }
                _ => return !connection.has_lost.load(Ordering::Relaxed),
            }
            if way == Way::Reply && !news {
                held.get_or_insert_with(|| HeldAnswer::count(&self.held_answers));
            }
            thread::sleep(Duration::from_millis(1));
        }
    }

    fn awaited(&self) -> MutexGuard<'_, Awaited> {
        self.awaited.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn mode(&self) -> Mode {
        *self.mode.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn connections(&self) -> MutexGuard<'_, Vec<Arc<Connection>>> {
        self.connections.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// One that is held up, until it is dropped.
struct HeldAnswer<'a>(&'a AtomicUsize);

impl<'a> HeldAnswer<'a> {
    fn count(held: &'a AtomicUsize) -> Self {
        held.fetch_add(1, Ordering::Relaxed);
        Self(held)
    }
}

impl Drop for HeldAnswer<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Connection {
    fn end(&self) {
        // It may be over already.
        let _ = self.client.shutdown(Shutdown::Both);
        let _ = self.server.shutdown(Shutdown::Both);
    }
}
