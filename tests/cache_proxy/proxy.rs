//! The example as a process.

use std::{
    io::{BufRead, BufReader, Read, Write},
    net::{SocketAddr, TcpStream},
    process::{Child, ChildStdout, Command, Stdio},
    time::Duration,
};

use crate::{origin::Origin, support::example};

/// A running proxy. Dropping it ends the process.
pub(crate) struct Proxy {
    process: Child,
    address: SocketAddr,
    // Held open: a process that prints into a closed pipe ends.
    _stdout: BufReader<ChildStdout>,
}

impl Proxy {
    /// # Panics
    ///
    /// If the example is not built, or does not listen.
    pub(crate) fn start(origin: &Origin, flags: &[&str]) -> Self {
        let mut process = Command::new(example("cache_proxy"))
            .args(["--listen", "127.0.0.1:0", "--workers", "2", "--upstream", &format!("http://{}", origin.address)])
            .args(flags)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .expect("the proxy starts");
        let mut stdout = BufReader::new(process.stdout.take().expect("stdout is piped"));
        let mut line = String::new();
        stdout.read_line(&mut line).expect("the proxy prints text");
        let address = line.trim().strip_prefix("listening on http://").and_then(|address| address.parse().ok());
        Self { process, address: address.expect("it says where it listens"), _stdout: stdout }
    }

    pub(crate) fn get(&self, target: &str) -> String {
        self.exchange(&format!("GET {target} HTTP/1.1\r\nHost: shop.test\r\nConnection: close\r\n\r\n"))
    }

    /// Sends bytes as they are, and reads all that comes until the proxy closes.
    pub(crate) fn exchange(&self, request: &str) -> String {
        let mut stream = TcpStream::connect(self.address).expect("the proxy accepts connections");
        stream.set_read_timeout(Some(Duration::from_secs(30))).expect("a timeout above zero");
        stream.write_all(request.as_bytes()).expect("the proxy reads the request");
        let mut bytes = Vec::new();
        stream.read_to_end(&mut bytes).expect("the proxy answers and closes");
        String::from_utf8_lossy(&bytes).into_owned()
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
