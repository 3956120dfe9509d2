//! A `redis-server` process of the test's own.

use std::{
    collections::BTreeSet,
    fmt::Write as _,
    io::{self, BufRead, BufReader, Read, Write},
    net::{Ipv4Addr, TcpListener, TcpStream},
    path::Path,
    process::{Child, Command, Stdio},
    sync::Mutex,
    time::{Duration, Instant},
};

use tempfile::TempDir;

use super::DEADLINE;

/// A `redis-server` without persistence, on a port that the system picked. Dropping it ends the process.
pub(crate) struct Redis {
    server: Child,
    port: u16,
    directory: TempDir,
    options: Vec<String>,
}

impl Redis {
    /// Starts a server and waits until it answers.
    ///
    /// # Panics
    ///
    /// If `redis-server` is not installed or does not answer within [`DEADLINE`].
    pub(crate) fn start() -> Self {
        Self::start_with(|_| Vec::new())
    }

    /// The same with options for the command line, which may name files in the server's directory and free ports.
    pub(crate) fn start_with(options: impl Fn(&Path) -> Vec<String>) -> Self {
        let directory = tempfile::tempdir().expect("a temporary directory");
        let start = Instant::now();
        loop {
            assert!(start.elapsed() < DEADLINE, "redis-server does not start");
            // Somebody else may take a port before the server does; then others are tried.
            let (port, options) = (free_port(), options(directory.path()));
            if let Some(server) = spawn(port, &directory, &options) {
                return Self { server, port, directory, options };
            }
        }
    }

    pub(crate) fn port(&self) -> u16 {
        self.port
    }

    /// The port that other servers and clients are told: the one for TLS, if there is one.
    pub(crate) fn port_for_others(&self) -> u16 {
        let named = self.options.windows(2).find(|pair| pair[0] == "--tls-port");
        named.map_or(self.port, |pair| pair[1].parse().expect("it was a port"))
    }

    pub(crate) fn speaks_tls(&self) -> bool {
        self.port_for_others() != self.port
    }

    pub(crate) fn directory(&self) -> &Path {
        self.directory.path()
    }

    pub(crate) fn url(&self) -> String {
        format!("redis://127.0.0.1:{}", self.port)
    }

    /// Freezes the server: connections stay open, nothing is answered.
    pub(crate) fn pause(&self) {
        self.signal("STOP");
    }

    /// Lets a frozen server go on.
    pub(crate) fn resume(&self) {
        self.signal("CONT");
    }

    /// Ends the server as `kill -9` does, frozen or not.
    pub(crate) fn kill(&mut self) {
        // Either call fails only when the process is gone, which is what is wanted.
        let _ = self.server.kill();
        let _ = self.server.wait();
    }

    /// Starts an empty server on the same port, ending the one that may run there.
    ///
    /// # Panics
    ///
    /// If it does not answer within [`DEADLINE`].
    pub(crate) fn restart(&mut self) {
        self.kill();
        // There is one only after a `save`.
        let _ = std::fs::remove_file(self.directory.path().join("dump.rdb"));
        self.start_again();
    }

    fn start_again(&mut self) {
        let start = Instant::now();
        loop {
            assert!(start.elapsed() < DEADLINE, "redis-server does not come back on port {}", self.port);
            if let Some(server) = spawn(self.port, &self.directory, &self.options) {
                self.server = server;
                return;
            }
        }
    }

    /// Writes the server's data to disk, for [`restart_from_snapshot`](Self::restart_from_snapshot).
    pub(crate) fn save(&self) {
        self.command(&["SAVE"]);
    }

    /// Starts a server with the data of the last [`save`](Self::save), ending the one that may run.
    ///
    /// # Panics
    ///
    /// If it does not answer within [`DEADLINE`].
    pub(crate) fn restart_from_snapshot(&mut self) {
        self.kill();
        self.start_again();
    }

    /// Sends one command and gives its reply as `redis-cli` prints it: one line per element, `(nil)` for nothing.
    ///
    /// # Panics
    ///
    /// If the server does not answer, or answers with an error.
    pub(crate) fn command<A: AsRef<[u8]>>(&self, arguments: &[A]) -> String {
        let reply = self.answer(arguments).expect("redis answers");
        assert!(!reply.starts_with("(error)"), "{reply}");
        reply
    }

    /// The same for a server that may be gone, or refuse.
    pub(crate) fn answer<A: AsRef<[u8]>>(&self, arguments: &[A]) -> io::Result<String> {
        send(self.port, arguments)
    }

    /// The value of a key as a replica in a Cluster has it.
    pub(crate) fn get_of_replica(&self, key: &str) -> String {
        let replies = exchange(self.port, &[&["READONLY"][..], &["GET", key]]).expect("redis answers");
        replies.into_iter().next_back().expect("the second of two")
    }

    /// A number or word that `INFO`, or another command with such lines, tells under a name.
    pub(crate) fn told(&self, command: &[&str], name: &str) -> Option<String> {
        let told = self.answer(command).ok()?;
        told.lines().find_map(|line| Some(line.strip_prefix(name)?.strip_prefix(':')?.trim().to_owned()))
    }

    fn signal(&self, name: &str) {
        signal(self.server.id(), name);
    }
}

/// Sends a signal to a process of the test's own.
pub(crate) fn signal(process: u32, name: &str) {
    let status = Command::new("sh").args(["-c", "kill -s \"$0\" \"$1\"", name, &process.to_string()]).status();
    assert!(status.expect("a shell is installed").success(), "kill -s {name} failed");
}

impl Drop for Redis {
    fn drop(&mut self) {
        self.kill();
    }
}

/// A port that nobody listens on, and that no other test of this process was told.
pub(crate) fn free_port() -> u16 {
    static TOLD: Mutex<BTreeSet<u16>> = Mutex::new(BTreeSet::new());
    loop {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("loopback has a free port");
        let port = listener.local_addr().expect("a bound socket has an address").port();
        if TOLD.lock().expect("nobody panics with it").insert(port) {
            return port;
        }
    }
}

/// A server that answers on `port`, or nothing if it ended by itself because the port is taken.
fn spawn(port: u16, directory: &TempDir, options: &[String]) -> Option<Child> {
    // A configuration file comes first.
    let (file, options) = options.split_at(options.iter().take_while(|option| !option.starts_with("--")).count());
    let mut server = Command::new("redis-server")
        .args(file)
        .args(["--port", &port.to_string(), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no"])
        .arg("--dir")
        .arg(directory.path())
        // A replica need not wait for others that might come.
        .args(["--repl-diskless-sync-delay", "0"])
        .args(options)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .spawn()
        .expect("redis-server is installed (scripts/test installs it)");
    let start = Instant::now();
    while start.elapsed() < DEADLINE {
        let ours = format!("process_id:{}\r\n", server.id());
        if send(port, &["INFO", "server"]).is_ok_and(|info| info.contains(&ours)) {
            return Some(server);
        }
        if server.try_wait().expect("the server is our child").is_some() {
            return None;
        }
        std::thread::sleep(Duration::from_millis(2));
    }
    // Ended here, because nobody owns it yet who would.
    let _ = server.kill();
    let _ = server.wait();
    panic!("redis-server does not answer on port {port}");
}

/// Sends one command over a connection of its own.
fn send<A: AsRef<[u8]>>(port: u16, arguments: &[A]) -> io::Result<String> {
    exchange(port, &[arguments]).map(|replies| replies.concat())
}

/// Sends commands one after the other over a connection of their own.
fn exchange<A: AsRef<[u8]>>(port: u16, commands: &[&[A]]) -> io::Result<Vec<String>> {
    let stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port))?;
    stream.set_read_timeout(Some(Duration::from_secs(5)))?;
    let mut replies = BufReader::new(stream);
    let mut ask = |arguments: &&[A]| {
        let mut request = format!("*{}\r\n", arguments.len()).into_bytes();
        for argument in *arguments {
            let argument = argument.as_ref();
            request.extend_from_slice(format!("${}\r\n", argument.len()).as_bytes());
            request.extend_from_slice(argument);
            request.extend_from_slice(b"\r\n");
        }
        replies.get_mut().write_all(&request)?;
        let mut reply = String::new();
        read_reply(&mut replies, &mut reply)?;
        Ok(reply)
    };
    commands.iter().map(&mut ask).collect()
}

/// Reads one RESP2 reply and appends it as text.
fn read_reply(from: &mut impl BufRead, text: &mut String) -> io::Result<()> {
    let mut line = String::new();
    from.read_line(&mut line)?;
    let line = line.strip_suffix("\r\n").ok_or(io::ErrorKind::UnexpectedEof)?;
    let (kind, rest) = line.split_at_checked(1).ok_or(io::ErrorKind::InvalidData)?;
    let length = rest.parse::<usize>();
    match (kind, length) {
        ("+", _) => text.push_str(rest),
        ("-", _) => _ = write!(text, "(error) {rest}"),
        (":", _) => _ = write!(text, "{rest}"),
        ("$", Ok(length)) => {
            let mut bytes = vec![0; length + 2];
            from.read_exact(&mut bytes)?;
            text.push_str(&String::from_utf8_lossy(&bytes[..length]));
        }
        ("*", Ok(length)) => {
            for index in 0..length {
                if index > 0 {
                    text.push('\n');
                }
                read_reply(from, text)?;
            }
        }
        ("$" | "*", Err(_)) => text.push_str("(nil)"),
        _ => return Err(io::ErrorKind::InvalidData.into()),
    }
    Ok(())
}
