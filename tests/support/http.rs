//! A plain HTTP/1.1 client: one connection per request, read to its end, so that a test sees every byte that came.

use std::{
    io::{self, BufRead, BufReader, Read, Write},
    net::{SocketAddr, TcpStream},
    time::{Duration, Instant},
};

use serde_json::Value;

/// A request under construction; [`send`](Self::send) sends it.
pub(crate) struct Request {
    server: SocketAddr,
    head: String,
    body: String,
}

/// What came back.
#[derive(Debug)]
pub(crate) struct Reply {
    pub(crate) status: u16,
    pub(crate) headers: Vec<(String, String)>,
    /// Every byte after the head.
    pub(crate) body: Vec<u8>,
    /// From before the connection was made until the last byte.
    pub(crate) took: Duration,
}

impl Request {
    pub(crate) fn new(server: SocketAddr, method: &str, target: &str) -> Self {
        let head = format!("{method} {target} HTTP/1.1\r\nhost: {server}\r\nconnection: close\r\n");
        Self { server, head, body: String::new() }
    }

    /// Under another name of the server than its address.
    pub(crate) fn at(mut self, host: &str) -> Self {
        self.head = self.head.replacen(&format!("host: {}", self.server), &format!("host: {host}"), 1);
        self
    }

    pub(crate) fn header(mut self, name: &str, value: &str) -> Self {
        self.head.extend([name, ": ", value, "\r\n"]);
        self
    }

    /// A body, sent as JSON whether it is or not.
    pub(crate) fn json(mut self, body: impl Into<String>) -> Self {
        self.body = body.into();
        let length = self.body.len().to_string();
        self.header("content-type", "application/json").header("content-length", &length)
    }

    /// # Panics
    ///
    /// If the server does not answer within 30 seconds, or with something that is not HTTP.
    pub(crate) fn send(self) -> Reply {
        let start = Instant::now();
        let mut stream = self.connect();
        self.write(&mut stream);
        let mut bytes = Vec::new();
        stream.read_to_end(&mut bytes).expect("the server answers and closes");
        Reply::parse(&bytes, start.elapsed())
    }

    /// The same with a server that leaves the connection open whatever it is told: `Content-Length` says where it ends.
    pub(crate) fn send_and_leave(self) -> io::Result<Reply> {
        let start = Instant::now();
        let mut stream = TcpStream::connect(self.server)?;
        stream.set_read_timeout(Some(Duration::from_mins(1)))?;
        stream.write_all(format!("{}\r\n{}", self.head, self.body).as_bytes())?;
        let (mut lines, mut head, mut length) = (BufReader::new(stream), String::new(), 0);
        while !head.ends_with("\r\n\r\n") {
            let from = head.len();
            if lines.read_line(&mut head)? == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            let line = head[from..].to_ascii_lowercase();
            length = line.strip_prefix("content-length:").and_then(|text| text.trim().parse().ok()).unwrap_or(length);
        }
        let mut bytes = head.into_bytes();
        lines.take(length).read_to_end(&mut bytes)?;
        Ok(Reply::parse(&bytes, start.elapsed()))
    }

    /// Sends the request and resets the connection, as a client does that crashes.
    ///
    /// What makes the system reset it, and not end it in good order, is the answer to an earlier request on it that
    /// was received and never read.
    pub(crate) fn hang_up(self) {
        let mut stream = self.connect();
        let earlier = format!("GET /nothing HTTP/1.1\r\nhost: {}\r\n\r\n", self.server);
        stream.write_all(earlier.as_bytes()).expect("the server reads a request");
        stream.peek(&mut [0]).expect("the server answers it");
        self.write(&mut stream);
    }

    fn connect(&self) -> TcpStream {
        let stream = TcpStream::connect(self.server).expect("the server accepts connections");
        stream.set_read_timeout(Some(Duration::from_secs(30))).expect("a timeout above zero");
        stream
    }

    fn write(&self, stream: &mut TcpStream) {
        let request = format!("{}\r\n{}", self.head, self.body);
        stream.write_all(request.as_bytes()).expect("the server reads the request");
    }
}

impl Reply {
    fn parse(bytes: &[u8], took: Duration) -> Self {
        let end = bytes.windows(4).position(|window| window == b"\r\n\r\n").expect("an HTTP head");
        let head = std::str::from_utf8(&bytes[..end]).expect("a head of ASCII");
        let mut lines = head.split("\r\n");
        let status_line = lines.next().expect("split gives at least one part");
        let status = status_line.split(' ').nth(1).and_then(|code| code.parse().ok()).expect("a status code");
        let headers = lines
            .map(|line| line.split_once(':').expect("a header has a colon"))
            .map(|(name, value)| (name.to_ascii_lowercase(), value.trim().to_owned()))
            .collect();
        let reply = Self { status, headers, body: bytes[end + 4..].to_vec(), took };
        assert_eq!(reply.header("transfer-encoding"), None, "the shop's bodies have a length");
        reply
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    /// The body as JSON.
    ///
    /// # Panics
    ///
    /// If it is not.
    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|error| panic!("not JSON ({error}): {self:?}"))
    }
}
