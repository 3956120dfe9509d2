//! A proxy between the browser and a node that keeps what they said.

use std::{
    io::{BufRead, BufReader, Read, Write},
    net::{SocketAddr, TcpListener, TcpStream},
    sync::{Arc, Mutex},
    thread,
};

use crate::support::{Reply, Request};

/// What [`Request`] says itself.
const ADDED: [&str; 4] = ["host", "connection", "content-type", "content-length"];

/// One request, and what became of it.
#[derive(Clone, Debug)]
pub(crate) struct Exchange {
    method: String,
    target: String,
    pub(crate) if_none_match: Option<String>,
    pub(crate) status: u16,
    pub(crate) etag: Option<String>,
    pub(crate) coding: Option<String>,
}

/// What the browser sent; the fields' names are in lower case.
struct Sent {
    method: String,
    target: String,
    fields: Vec<(String, String)>,
    body: String,
}

/// The proxy; its threads live as long as the test's process.
pub(crate) struct Recorder {
    address: SocketAddr,
    exchanges: Arc<Mutex<Vec<Exchange>>>,
}

impl Recorder {
    pub(crate) fn start(node: SocketAddr) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let address = listener.local_addr().expect("a bound socket");
        let exchanges = Arc::<Mutex<Vec<Exchange>>>::default();
        let kept = Arc::clone(&exchanges);
        thread::spawn(move || {
            // A browser opens connections that it may never use, hence a thread for each.
            for stream in listener.incoming() {
                let (stream, kept) = (stream.expect("a browser"), Arc::clone(&kept));
                thread::spawn(move || pass(stream, node, &kept));
            }
        });
        Self { address, exchanges }
    }

    pub(crate) fn url(&self, target: &str) -> String {
        format!("http://{}{target}", self.address)
    }

    /// The GETs of a target so far.
    pub(crate) fn gets(&self, target: &str) -> Vec<Exchange> {
        let exchanges = self.exchanges.lock().expect("no thread of the proxy panics while it holds this");
        let asked = |exchange: &&Exchange| exchange.method == "GET" && exchange.target == target;
        exchanges.iter().filter(asked).cloned().collect()
    }
}

/// Passes one request on, and keeps the exchange before the browser hears of it. A connection without one, or whose
/// browser is gone, ends.
fn pass(mut stream: TcpStream, node: SocketAddr, kept: &Mutex<Vec<Exchange>>) {
    let Some(Sent { method, target, fields, body }) = read(&stream) else { return };
    let mut request = Request::new(node, &method, &target);
    for (name, value) in fields.iter().filter(|(name, _)| !ADDED.contains(&name.as_str())) {
        request = request.header(name, value);
    }
    let reply = if body.is_empty() { request.send() } else { request.json(body).send() };
    let if_none_match = fields.into_iter().find(|(name, _)| name == "if-none-match").map(|(_, value)| value);
    let field = |name| reply.header(name).map(str::to_owned);
    let (etag, coding) = (field("etag"), field("content-encoding"));
    let exchange = Exchange { method, target, if_none_match, status: reply.status, etag, coding };
    kept.lock().expect("no thread of the proxy panics while it holds this").push(exchange);
    let _ = write(&mut stream, &reply);
}

fn read(stream: &TcpStream) -> Option<Sent> {
    let mut lines = BufReader::new(stream);
    let line = read_line(&mut lines)?;
    let mut words = line.split(' ').map(str::to_owned);
    let (method, target) = (words.next()?, words.next()?);
    let mut fields = Vec::new();
    loop {
        let line = read_line(&mut lines)?;
        let Some((name, value)) = line.split_once(':') else { break };
        fields.push((name.to_ascii_lowercase(), value.trim().to_owned()));
    }
    let length = fields.iter().find(|(name, _)| name == "content-length").and_then(|(_, length)| length.parse().ok());
    let mut body = vec![0; length.unwrap_or(0)];
    lines.read_exact(&mut body).ok()?;
    Some(Sent { method, target, fields, body: String::from_utf8(body).ok()? })
}

fn read_line(lines: &mut impl BufRead) -> Option<String> {
    let mut line = String::new();
    let length = lines.read_line(&mut line).ok()?;
    (length > 0).then(|| line.trim_end().to_owned())
}

fn write(stream: &mut TcpStream, reply: &Reply) -> std::io::Result<()> {
    let fields = reply.headers.iter().map(|(name, value)| format!("{name}: {value}\r\n"));
    let head = format!("HTTP/1.1 {} x\r\n{}\r\n", reply.status, fields.collect::<String>());
    stream.write_all(head.as_bytes())?;
    stream.write_all(&reply.body)
}
