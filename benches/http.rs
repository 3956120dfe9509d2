//! What an answer costs: an annotated handler, and a response cache in front of one that is not, beside answers that
//! actix-web sends without a cache, in CPU time of the server a request.
//!
//! `cargo bench --bench http` prints the table and writes `target/bench/http.json`. Each server is a process of its own
//! with one worker. With `FASTAPI_PYTHON` naming a Python that has `fastapi` and `uvicorn`, the handler of the guide that this
//! began with is measured as well.

use std::{
    env, fs,
    io::{BufRead, BufReader, Read, Write},
    net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream},
    process::{Child, Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use actix_web::{
    App, HttpResponse, HttpServer, Responder, get,
    http::header::{CACHE_CONTROL, ETAG},
    web::{Bytes, Json, Path, scope},
};
use cachet_actix::ResponseCache;
use cachet_benches::{
    result::{Row, publish},
    subject::precise,
};
use cachet_core::{Cachet, cached};
use serde::Serialize;

/// How long each figure is measured, after as long again to warm up a quarter.
const SPAN: Duration = Duration::from_secs(2);

const CONNECTIONS: usize = 64;

const SUBJECT: &str = "CACHET_BENCH_SUBJECT";

#[derive(Clone, Serialize)]
struct Product {
    id: u64,
    name: String,
    description: String,
    tags: Vec<String>,
    price_cents: u64,
    in_stock: bool,
}

/// About 1.2 KB as JSON.
fn product(id: u64) -> Product {
    Product {
        id,
        name: format!("Product {id}"),
        description: "A thing that is good for this and that, and comes in three colours. ".repeat(14),
        tags: ["garden", "kitchen", "workshop", "new", "sale"].map(str::to_owned).into(),
        price_cents: 9_999,
        in_stock: true,
    }
}

#[get("/{id}")]
async fn fixed(id: Path<u64>) -> impl Responder {
    static BODY: std::sync::OnceLock<Bytes> = std::sync::OnceLock::new();
    let body = BODY.get_or_init(|| serde_json::to_vec(&product(*id)).expect("a product has a JSON form").into());
    HttpResponse::Ok()
        .insert_header((CACHE_CONTROL, "public, max-age=60"))
        .insert_header((ETAG, "\"0123456789abcdef012345\""))
        .content_type("application/json")
        .body(body.clone())
}

#[get("/{id}")]
async fn not_modified(_id: Path<u64>) -> impl Responder {
    HttpResponse::NotModified()
        .insert_header((CACHE_CONTROL, "public, max-age=60"))
        .insert_header((ETAG, "\"0123456789abcdef012345\""))
        .finish()
}

#[get("/{id}")]
async fn serialised(id: Path<u64>) -> impl Responder {
    Json(product(*id))
}

#[get("/{id}")]
#[cached(ttl = 3600, http = "public, max-age=60")]
async fn annotated(id: Path<u64>) -> Json<Product> {
    Json(product(*id))
}

const FASTAPI: &str = r#"
import hashlib, json, sys
from fastapi import FastAPI, Request, Response
import uvicorn
app = FastAPI()
product = {"id": 1, "name": "Product 1", "description": "A thing that is good for this and that, and comes in three colours. " * 14,
           "tags": ["garden", "kitchen", "workshop", "new", "sale"], "price_cents": 9999, "in_stock": True}
@app.get("/{id}")
async def show(id: int, request: Request, response: Response):
    tag = '"' + hashlib.md5(json.dumps(product, sort_keys=True).encode()).hexdigest() + '"'
    if request.headers.get("if-none-match") == tag:
        return Response(status_code=304, headers={"ETag": tag})
    response.headers["ETag"] = tag
    response.headers["Cache-Control"] = "public, max-age=60"
    return product
uvicorn.run(app, host="127.0.0.1", port=int(sys.argv[1]), log_level="error")
"#;

const FIXED: &str = "actix-web, fixed bytes";

/// The name, which server it is, and whether the client has the answer already.
const SUBJECTS: [(&str, &str, bool); 7] = [
    (FIXED, "fixed", false),
    ("actix-web, a fixed 304", "not_modified", false),
    ("actix-web, serialised each time", "serialised", false),
    ("cachet, annotated, 200", "annotated", false),
    ("cachet, annotated, 304", "annotated", true),
    ("cachet, ResponseCache, 200", "in_front", false),
    ("cachet, ResponseCache, 304", "in_front", true),
];

/// Runs one of the servers, for ever.
fn serve(subject: &str) -> std::io::Result<()> {
    let subject = subject.to_owned();
    let responses = ResponseCache::new(&Cachet::builder().memory_only().build().expect("the defaults are valid"));
    actix_web::rt::System::new().block_on(async move {
        let server = HttpServer::new(move || match &*subject {
            "fixed" => App::new().service(fixed),
            "not_modified" => App::new().service(not_modified),
            "serialised" => App::new().service(serialised),
            "in_front" => App::new().service(scope("").wrap(responses.clone()).service(fixed)),
            _ => App::new().service(annotated),
        });
        let server = server.workers(1).bind((Ipv4Addr::LOCALHOST, 0))?;
        println!("{}", server.addrs()[0].port());
        server.run().await
    })
}

/// A server in a process of its own, which ends with this.
struct Server {
    process: Child,
    address: SocketAddr,
}

impl Server {
    fn start(subject: &str) -> Self {
        let mut process = Command::new(env::current_exe().expect("a running program has a path"))
            .env(SUBJECT, subject)
            .stdout(Stdio::piped())
            .spawn()
            .expect("the server starts");
        let mut port = String::new();
        let stdout = process.stdout.take().expect("stdout is piped");
        BufReader::new(stdout).read_line(&mut port).expect("the server says its port");
        Self { process, address: (Ipv4Addr::LOCALHOST, port.trim().parse().expect("a port")).into() }
    }

    fn fastapi(python: &str) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("loopback has a free port");
        let address = listener.local_addr().expect("a bound socket has an address");
        drop(listener);
        let process = Command::new(python)
            .args(["-c", FASTAPI, &address.port().to_string()])
            .spawn()
            .expect("FASTAPI_PYTHON is a program");
        let begun = Instant::now();
        while TcpStream::connect(address).is_err() {
            assert!(begun.elapsed() < Duration::from_secs(20), "FastAPI does not start");
            thread::sleep(Duration::from_millis(50));
        }
        Self { process, address }
    }

    /// User and system time of the server, to 10 ms.
    fn cpu_time(&self) -> Duration {
        let stat = fs::read_to_string(format!("/proc/{}/stat", self.process.id())).expect("a Linux has it");
        let (_, fields) = stat.rsplit_once(") ").expect("the name ends with a parenthesis");
        let ticks: u64 = fields.split(' ').skip(11).take(2).map(|ticks| ticks.parse::<u64>().expect("a number")).sum();
        Duration::from_millis(ticks * 10)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// One connection that asks again and again.
struct Client {
    stream: TcpStream,
    request: Vec<u8>,
    buffer: Vec<u8>,
}

impl Client {
    fn new(server: SocketAddr, tag: Option<&str>) -> Self {
        let condition = tag.map(|tag| format!("if-none-match: {tag}\r\n")).unwrap_or_default();
        let request = format!("GET /1 HTTP/1.1\r\nhost: {server}\r\n{condition}\r\n").into();
        let stream = TcpStream::connect(server).expect("the server accepts connections");
        stream.set_nodelay(true).expect("it is a TCP socket");
        Self { stream, request, buffer: vec![0; 16 << 10] }
    }

    /// The head of the answer, in lower case.
    fn ask(&mut self) -> String {
        self.send();
        self.receive()
    }

    fn send(&mut self) {
        self.stream.write_all(&self.request).expect("the server reads");
    }

    fn receive(&mut self) -> String {
        let mut length = 0;
        loop {
            length += self.stream.read(&mut self.buffer[length..]).expect("the server answers");
            let Some(end) = self.buffer[..length].windows(4).position(|window| window == b"\r\n\r\n") else { continue };
            let head = String::from_utf8_lossy(&self.buffer[..end]).to_ascii_lowercase();
            let body = header(&head, "content-length").map_or(0, |length| length.parse().expect("a number"));
            let body = if head.starts_with("http/1.1 304") { 0 } else { body };
            if length >= end + 4 + body {
                return head;
            }
        }
    }
}

fn header<'a>(head: &'a str, name: &str) -> Option<&'a str> {
    head.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(": "))
}

/// µs of the server's CPU time a request.
fn measure(server: &Server, tag: Option<&str>) -> f64 {
    let mut clients: Vec<_> = (0..CONNECTIONS).map(|_| Client::new(server.address, tag)).collect();
    let mut run = |span: Duration| {
        let (begun, before, mut requests) = (Instant::now(), server.cpu_time(), 0_u64);
        while begun.elapsed() < span {
            clients.iter_mut().for_each(Client::send);
            for client in &mut clients {
                client.receive();
                requests += 1;
            }
        }
        server.cpu_time().saturating_sub(before).as_secs_f64() * 1e6 / precise(requests)
    };
    run(SPAN / 4);
    run(SPAN)
}

fn main() {
    if let Ok(subject) = env::var(SUBJECT) {
        serve(&subject).expect("the server runs");
        return;
    }
    let mut figures: Vec<(&str, f64)> = SUBJECTS
        .iter()
        .map(|(name, subject, is_conditional)| {
            let server = Server::start(subject);
            let head = Client::new(server.address, None).ask();
            let tag = header(&head, "etag").filter(|_| *is_conditional).map(str::to_owned);
            (*name, measure(&server, tag.as_deref()))
        })
        .collect();
    match env::var("FASTAPI_PYTHON") {
        Ok(python) => figures.push(("FastAPI, the guide's handler", measure(&Server::fastapi(&python), None))),
        Err(_) => eprintln!("FASTAPI_PYTHON names no Python; its handler is left out"),
    }
    let least = figures[0].1;
    let rows: Vec<_> = figures
        .iter()
        .map(|(name, micros)| Row::new("CPU a request", name, *micros, "µs").against(FIXED, least))
        .collect();
    publish("http", &rows);
}
