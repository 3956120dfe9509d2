//! A server in the place of an edge.

use std::{
    io::{BufRead, BufReader, Read, Write},
    net::{TcpListener, TcpStream},
    sync::{Arc, Mutex},
    thread,
};

use cachet_actix::{Edge, Varnish};
use cachet_core::Cachet;

/// Keeps what it is sent, and answers with its statuses in turn, then with 200.
#[derive(Clone)]
pub(crate) struct Recorder {
    pub(crate) url: String,
    requests: Arc<Mutex<Vec<String>>>,
}

impl Recorder {
    pub(crate) fn start(statuses: &[u16]) -> Self {
        Self::answering(statuses, "{\"success\":true}")
    }

    /// The same with a body of the test's.
    pub(crate) fn answering(statuses: &[u16], body: &'static str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let recorder = Self::at(format!("http://{}", listener.local_addr().expect("a bound socket")));
        let (kept, statuses) = (recorder.clone(), statuses.to_vec());
        thread::spawn(move || {
            let mut statuses = statuses.into_iter();
            for stream in listener.incoming() {
                kept.serve(stream.expect("a client"), statuses.next().unwrap_or(200), body);
            }
        });
        recorder
    }

    /// One that is given its connections by [`serve`](Self::serve).
    pub(crate) fn at(url: String) -> Self {
        Self { url, requests: Arc::default() }
    }

    pub(crate) fn serve(&self, mut stream: impl Read + Write, status: u16, body: &str) {
        let request = read(&mut stream);
        self.requests.lock().expect("no test panicked").push(request);
        let length = body.len();
        let answer = format!("HTTP/1.1 {status} x\r\nconnection: close\r\ncontent-length: {length}\r\n\r\n{body}");
        stream.write_all(answer.as_bytes()).expect("the client reads");
    }

    pub(crate) fn requests(&self) -> Vec<String> {
        self.requests.lock().expect("no test panicked").clone()
    }

    /// What it was sent since the last time, tag by tag.
    pub(crate) fn purged(&self) -> Vec<String> {
        let requests = std::mem::take(&mut *self.requests.lock().expect("no test panicked"));
        let lines = requests.iter().filter_map(|request| line(request, "xkey-purge: "));
        let mut tags: Vec<_> = lines.flat_map(|tags| tags.split(' ')).map(str::to_owned).collect();
        tags.sort();
        tags
    }
}

/// An edge that follows a runtime, purges once, and is recorded.
pub(crate) fn followed(runtime: &Cachet) -> (Edge, Recorder) {
    let recorder = Recorder::start(&[]);
    let varnish = Varnish::new([&recorder.url]).expect("a purger");
    let edge = Edge::builder(varnish).again(std::time::Duration::ZERO).start().expect("a thread");
    edge.follow(runtime);
    (edge, recorder)
}

fn line<'a>(request: &'a str, name: &str) -> Option<&'a str> {
    request.split("\r\n").find_map(|line| line.strip_prefix(name))
}

/// A request's bytes.
fn read(stream: &mut impl Read) -> String {
    let (mut reader, mut text) = (BufReader::new(stream), String::new());
    while !text.ends_with("\r\n\r\n") {
        reader.read_line(&mut text).expect("a head of ASCII");
    }
    let length = line(&text, "content-length: ").map_or(0, |length| length.parse().expect("a number"));
    let mut body = vec![0; length];
    reader.read_exact(&mut body).expect("a whole body");
    text + std::str::from_utf8(&body).expect("a body of text")
}

/// What goes between two servers, as long as the test lives: a server that listens on `port` and stands for another one.
pub(crate) fn relay(port: u16, server: std::net::SocketAddr) {
    let listener = TcpListener::bind(("127.0.0.1", port)).expect("nobody took the port meanwhile");
    thread::spawn(move || {
        for client in listener.incoming() {
            let client = client.expect("a client");
            let server = TcpStream::connect(server).expect("the server accepts connections");
            let copy = |from: &TcpStream, to: &TcpStream| {
                let (mut from, mut to) = (from.try_clone().expect("a socket"), to.try_clone().expect("a socket"));
                thread::spawn(move || std::io::copy(&mut from, &mut to))
            };
            copy(&client, &server);
            copy(&server, &client);
        }
    });
}
