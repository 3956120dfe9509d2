//! A real Varnish in front of cached handlers.

use std::{
    fs,
    net::{SocketAddr, TcpStream},
    path,
    process::{Child, Command, Stdio},
    sync::{
        atomic::{AtomicU64, Ordering},
        mpsc,
    },
    thread,
};

use actix_web::{App, HttpResponse, HttpServer, Responder, get, rt::System, web::Path};
use cachet_actix::{Edge, EdgeTags, Purge, Varnish};
use cachet_core::cached;
use tempfile::TempDir;

use crate::support::{DEADLINE, Reply, Request, eventually, free_port};

static PRICE: AtomicU64 = AtomicU64::new(1);

#[get("/products/{id}")]
#[cached(ttl = "1h", tags = ["product:{id}"], http = "public, max-age=600")]
async fn product(id: Path<u64>) -> impl Responder {
    format!("{id} costs {}", price())
}

fn price() -> String {
    PRICE.load(Ordering::Acquire).to_string()
}

fn origin() -> SocketAddr {
    let (sender, receiver) = mpsc::channel();
    thread::spawn(move || {
        System::new().block_on(async move {
            let app = || App::new().wrap(EdgeTags::xkey()).service(product).service(many);
            let server = HttpServer::new(app).workers(1).disable_signals().bind("127.0.0.1:0").expect("a free port");
            sender.send(server.addrs()[0]).expect("the test waits for the address");
            server.run().await
        })
    });
    receiver.recv().expect("the server binds")
}

/// A `varnishd` with a directory of its own, and the shop's VCL. Dropping it ends the process.
pub(crate) struct Server {
    process: Child,
    pub(crate) address: SocketAddr,
    directory: TempDir,
}

impl Server {
    /// In front of servers that take turns.
    pub(crate) fn start(origins: &[SocketAddr]) -> Self {
        Self::start_at(free_port(), origins)
    }

    pub(crate) fn start_at(port: u16, origins: &[SocketAddr]) -> Self {
        let directory = tempfile::tempdir().expect("a temporary directory");
        fs::write(directory.path().join("edge.vcl"), vcl(origins)).expect("a directory of the test's own");
        let address = SocketAddr::from(([127, 0, 0, 1], port));
        let process = launch(directory.path(), address);
        Self { process, address, directory }
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// The answer's body, and whether Varnish had it.
    pub(crate) fn get(&self, target: &str) -> (String, bool) {
        let reply = self.ask(target);
        let had = reply.header("x-varnish").is_some_and(|ids| ids.contains(' '));
        (String::from_utf8(reply.body).expect("text"), had)
    }

    pub(crate) fn ask(&self, target: &str) -> Reply {
        Request::new(self.address, "GET", target).send()
    }

    pub(crate) fn kill(&mut self) {
        // The child of varnishd ends with it.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }

    pub(crate) fn restart(&mut self) {
        self.process = launch(self.directory.path(), self.address);
    }
}

/// The shop's, with other servers behind it.
fn vcl(origins: &[SocketAddr]) -> String {
    let shops = include_str!("../../examples/shop/edge.vcl");
    let (head, rest) = shops.split_once("backend default {").expect("it has a server behind it");
    let (_, rest) = rest.split_once("}\n").expect("which ends");
    let backends = origins.iter().enumerate().map(|(number, origin)| {
        let (host, port) = (origin.ip(), origin.port());
        format!("backend b{number} {{ .host = \"{host}\"; .port = \"{port}\"; }}\n")
    });
    let turns = (0..origins.len()).map(|number| format!("turns.add_backend(b{number}); "));
    let (backends, turns) = (backends.collect::<String>(), turns.collect::<String>());
    format!(
        "{head}import directors;\n{backends}sub vcl_init {{ new turns = directors.round_robin(); {turns}}}\n\
         sub vcl_recv {{ set req.backend_hint = turns.backend(); }}\n{rest}"
    )
}

fn launch(directory: &path::Path, address: SocketAddr) -> Child {
    let log = fs::File::create(directory.join("log")).expect("a directory of the test's own");
    let process = Command::new("varnishd")
        .args(["-F", "-j", "none", "-s", "default,16m", "-a", &address.to_string(), "-n"])
        .arg(directory.join("work"))
        .arg("-f")
        .arg(directory.join("edge.vcl"))
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(log)
        .spawn()
        .expect("varnishd is installed");
    eventually("varnishd listens", || TcpStream::connect(address).is_ok());
    process
}

impl Drop for Server {
    fn drop(&mut self) {
        self.kill();
        if thread::panicking() {
            eprintln!(
                "--- log of varnishd\n{}",
                fs::read_to_string(self.directory.path().join("log")).unwrap_or_default()
            );
        }
    }
}

#[tokio::test]
async fn a_change_is_seen_through_varnish_and_leaves_the_rest_cached() {
    let varnish = Server::start(&[origin()]);
    let purger = Varnish::new([varnish.url()]).expect("a purger");
    let edge = Edge::builder(purger).start().expect("a thread");
    for target in ["/products/1", "/products/2"] {
        assert!(!varnish.get(target).1);
        assert!(varnish.get(target).1, "Varnish keeps it");
    }
    PRICE.store(2, Ordering::Release);
    assert_eq!(varnish.get("/products/1"), ("1 costs 1".to_owned(), true));
    assert_eq!(edge.invalidate_tag("product:1").await, Purge::Done);
    assert_eq!(varnish.get("/products/1"), ("1 costs 2".to_owned(), false));
    assert_eq!(varnish.get("/products/2"), ("2 costs 1".to_owned(), true));
}

#[get("/many")]
async fn many() -> impl Responder {
    let mut response = HttpResponse::Ok().insert_header(("cache-control", "max-age=600")).body(price());
    EdgeTags::mark(&mut response, (0..1_000).map(|number| format!("tag:{number}")));
    response
}

#[tokio::test]
async fn an_answer_of_a_thousand_tags_is_purged_by_each() {
    let varnish = Server::start(&[origin()]);
    let edge = Edge::builder(Varnish::new([varnish.url()]).expect("a purger")).start().expect("a thread");
    for tag in ["tag:0", "tag:500", "tag:999"] {
        varnish.get("/many");
        assert!(varnish.get("/many").1, "Varnish keeps it");
        assert_eq!(edge.invalidate_tag(tag).await, Purge::Done);
        assert!(!varnish.get("/many").1, "{tag}");
        // The purge that comes once more.
        assert!(edge.drained(DEADLINE).await);
    }
}
