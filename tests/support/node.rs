//! Nodes of `examples/shop`: processes over one database.

use std::{
    io::{BufRead, BufReader, Lines},
    net::SocketAddr,
    path::PathBuf,
    process::{Child, ChildStdout, Command, Stdio},
};

use serde_json::Value;
use tempfile::TempDir;

use super::{Redis, Reply, Request};

/// A database of the test's own, for one node or several.
pub(crate) struct Shop {
    directory: TempDir,
}

/// One running process of the shop. Dropping it ends the process.
pub(crate) struct Node {
    process: Child,
    address: SocketAddr,
    log: PathBuf,
    greeting: Vec<String>,
    // Held open: a process that prints into a closed pipe ends.
    _stdout: Lines<BufReader<ChildStdout>>,
}

impl Shop {
    pub(crate) fn new() -> Self {
        Self { directory: tempfile::tempdir().expect("a temporary directory") }
    }

    /// The file that the nodes keep their rows in.
    pub(crate) fn database(&self) -> PathBuf {
        self.directory.path().join("shop.db")
    }

    /// The program with this shop's database and without any of the environment's settings.
    ///
    /// # Panics
    ///
    /// If the example is not built.
    pub(crate) fn command(&self) -> Command {
        let mut command = Command::new(example("shop"));
        command
            .env("SHOP_ADDR", "127.0.0.1:0")
            .env("SHOP_DB", self.database())
            .env_remove("CACHET_REDIS_URL")
            .env_remove("CACHET_NAMESPACE")
            .env_remove("SHOP_MAX_AGE")
            .env_remove("SHOP_EDGE")
            .env_remove("RUST_LOG")
            .stdin(Stdio::null());
        command
    }

    /// Starts a node with the memory tier only.
    pub(crate) fn node(&self) -> Node {
        self.launch(self.command())
    }

    /// Starts a node that shares `redis` with others.
    pub(crate) fn node_with(&self, redis: &Redis) -> Node {
        let mut command = self.command();
        command.env("CACHET_REDIS_URL", redis.url());
        self.launch(command)
    }

    /// Starts a node by a [`command`](Self::command) with changes.
    pub(crate) fn launch(&self, mut command: Command) -> Node {
        let (log, path) = tempfile::NamedTempFile::new_in(&self.directory)
            .and_then(|file| Ok(file.keep()?))
            .expect("a file for the log");
        Node::launch(command.stderr(log), path)
    }
}

impl Node {
    fn launch(command: &mut Command, log: PathBuf) -> Self {
        let mut process = command.stdout(Stdio::piped()).spawn().expect("the shop starts");
        let stdout = process.stdout.take().expect("stdout is piped");
        let mut lines = BufReader::new(stdout).lines();
        let mut greeting = Vec::new();
        for line in lines.by_ref() {
            let line = line.expect("the shop prints text");
            let address = line.strip_prefix("listening on http://").map(str::parse);
            greeting.push(line);
            if let Some(address) = address {
                let address = address.expect("an address with a port");
                return Self { process, address, log, greeting, _stdout: lines };
            }
        }
        let status = process.wait().expect("the shop is our child");
        let log = std::fs::read_to_string(log).unwrap_or_default();
        panic!("the shop ended before it listened ({status}): {greeting:?}\n{log}");
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    pub(crate) fn request(&self, method: &str, target: &str) -> Request {
        Request::new(self.address, method, target)
    }

    pub(crate) fn get(&self, target: &str) -> Reply {
        self.request("GET", target).send()
    }

    pub(crate) fn head(&self, target: &str) -> Reply {
        self.request("HEAD", target).send()
    }

    pub(crate) fn post(&self, target: &str) -> Reply {
        self.request("POST", target).send()
    }

    /// Sends a `PUT` with a body of JSON.
    pub(crate) fn put(&self, target: &str, body: &str) -> Reply {
        self.request("PUT", target).json(body).send()
    }

    /// How often the loader of that name ran on this node.
    pub(crate) fn loads(&self, name: &str) -> u64 {
        self.get("/loads").json()[name].as_u64().unwrap_or(0)
    }

    /// All counts of this node's loaders.
    pub(crate) fn all_loads(&self) -> Value {
        self.get("/loads").json()
    }

    /// What the node said on standard output until it listened.
    pub(crate) fn greeting(&self) -> &[String] {
        &self.greeting
    }

    /// What the node has said on standard error.
    pub(crate) fn log(&self) -> String {
        std::fs::read_to_string(&self.log).expect("the log is a file of the test's own")
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        // Either call fails only when the process is gone, which is what is wanted.
        let _ = self.process.kill();
        let _ = self.process.wait();
        if std::thread::panicking() {
            eprintln!("--- log of {}\n{}", self.address, self.log());
        }
    }
}

/// The example beside this test's executable: `target/<profile>/deps/shop-…` and `target/<profile>/examples/shop`.
pub(crate) fn example(name: &str) -> PathBuf {
    let test = std::env::current_exe().expect("a running program has a path");
    let profile = test.ancestors().nth(2).expect("a test lies in target/<profile>/deps");
    let program = profile.join("examples").join(format!("{name}{}", std::env::consts::EXE_SUFFIX));
    assert!(
        program.exists(),
        "{} is not built: `cargo test` builds it; before `cargo test --test …` run `cargo build --examples`",
        program.display(),
    );
    program
}
