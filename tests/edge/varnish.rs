//! A real Varnish in front of cached handlers.

use std::{
    fs,
    net::SocketAddr,
    process::{Child, Command, Stdio},
    sync::{
        atomic::{AtomicU64, Ordering},
        mpsc,
    },
    thread,
};

use actix_web::{App, HttpServer, Responder, get, rt::System, web::Path};
use cachet_actix::{Edge, EdgeTags, Purge, Varnish};
use cachet_core::cached;
use tempfile::TempDir;

use crate::support::{Request, eventually, free_port};

static PRICE: AtomicU64 = AtomicU64::new(1);

#[get("/products/{id}")]
#[cached(ttl = "1h", tags = ["product:{id}"], http = "public, max-age=600")]
async fn product(id: Path<u64>) -> impl Responder {
    format!("{id} costs {}", PRICE.load(Ordering::Acquire))
}

fn origin() -> SocketAddr {
    let (sender, receiver) = mpsc::channel();
    thread::spawn(move || {
        System::new().block_on(async move {
            let app = || App::new().wrap(EdgeTags::xkey()).service(product);
            let server = HttpServer::new(app).workers(1).disable_signals().bind("127.0.0.1:0").expect("a free port");
            sender.send(server.addrs()[0]).expect("the test waits for the address");
            server.run().await
        })
    });
    receiver.recv().expect("the server binds")
}

/// A `varnishd` with a directory of its own. Dropping it ends the process.
struct Server {
    process: Child,
    address: SocketAddr,
    _directory: TempDir,
}

impl Server {
    fn start(origin: SocketAddr) -> Self {
        let directory = tempfile::tempdir().expect("a temporary directory");
        let vcl = directory.path().join("edge.vcl");
        let (host, port) = (origin.ip(), origin.port());
        let text = format!(
            "vcl 4.1;\nimport xkey;\nbackend default {{ .host = \"{host}\"; .port = \"{port}\"; }}\nsub vcl_recv {{\n\
             if (req.method == \"PURGE\") {{ set req.http.n = xkey.purge(req.http.xkey-purge); return (synth(200)); }}\n}}\n"
        );
        fs::write(&vcl, text).expect("a directory of the test's own");
        let address = SocketAddr::from(([127, 0, 0, 1], free_port()));
        let process = Command::new("varnishd")
            .args(["-F", "-j", "none", "-s", "default,16m", "-a", &address.to_string(), "-n"])
            .arg(directory.path().join("work"))
            .arg("-f")
            .arg(&vcl)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("varnishd is installed");
        let server = Self { process, address, _directory: directory };
        eventually("varnishd listens", || std::net::TcpStream::connect(address).is_ok());
        server
    }

    /// The body, and whether Varnish had it.
    fn get(&self, target: &str) -> (String, bool) {
        let reply = Request::new(self.address, "GET", target).send();
        let had = reply.header("x-varnish").is_some_and(|ids| ids.contains(' '));
        (String::from_utf8(reply.body).expect("text"), had)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // The child of varnishd ends with it.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

#[tokio::test]
async fn a_change_is_seen_through_varnish_and_leaves_the_rest_cached() {
    let varnish = Server::start(origin());
    let purger = Varnish::new([format!("http://{}", varnish.address)]).expect("a purger");
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
