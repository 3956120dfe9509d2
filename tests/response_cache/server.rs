//! A server with a `ResponseCache` in front of a handler that answers as its query says.

use std::{
    io::{Read, Write},
    net::{SocketAddr, TcpStream},
    sync::mpsc,
    thread,
    time::Duration,
};

use actix_web::{
    App, HttpRequest, HttpResponse, HttpServer,
    rt::System,
    web::{self, ServiceConfig},
};
use cachet_actix::ResponseCache;
use cachet_core::{Builder, Cachet, testing::ManualClock};

use crate::{
    http2::{Answer, Get},
    origin::{Origin, answer},
};

/// A server on a port of its own, which lives as long as the test's process.
pub(crate) struct Server {
    address: SocketAddr,
    http2: SocketAddr,
    clock: ManualClock,
    pub(crate) runtime: Cachet,
    pub(crate) origin: Origin,
}

/// What came back, as text.
#[derive(Debug)]
pub(crate) struct Reply {
    pub(crate) status: u16,
    pub(crate) head: String,
    pub(crate) body: String,
}

impl Server {
    pub(crate) fn start() -> Self {
        Self::with(|cache| cache)
    }

    pub(crate) fn with(configure: impl Fn(ResponseCache) -> ResponseCache) -> Self {
        Self::over(Cachet::builder().memory_only(), configure)
    }

    pub(crate) fn over(tiers: Builder, configure: impl Fn(ResponseCache) -> ResponseCache) -> Self {
        let origin = Origin::default();
        let data = web::Data::new(origin.clone());
        Self::serve(tiers, configure, origin, move |config| {
            config.app_data(data.clone()).default_service(web::to(answer));
        })
    }

    /// A server whose handler is the test's own. It is told how often it ran, this time included.
    pub(crate) fn of(handler: impl Fn(u64, &HttpRequest) -> HttpResponse + Clone + Send + 'static) -> Self {
        Self::with_handler(|cache| cache, handler)
    }

    /// A server with other services than that.
    pub(crate) fn with_services(services: impl Fn(&mut ServiceConfig) + Clone + Send + 'static) -> Self {
        Self::serve(Cachet::builder().memory_only(), |cache| cache, Origin::default(), services)
    }

    pub(crate) fn with_handler(
        configure: impl Fn(ResponseCache) -> ResponseCache,
        handler: impl Fn(u64, &HttpRequest) -> HttpResponse + Clone + Send + 'static,
    ) -> Self {
        let origin = Origin::default();
        let counted = origin.clone();
        Self::serve(Cachet::builder().memory_only(), configure, origin, move |config| {
            let (counted, handler) = (counted.clone(), handler.clone());
            config.default_service(web::to(move |request: HttpRequest| {
                let response = handler(counted.run(), &request);
                async move { response }
            }));
        })
    }

    fn serve(
        tiers: Builder,
        configure: impl Fn(ResponseCache) -> ResponseCache,
        origin: Origin,
        services: impl Fn(&mut ServiceConfig) + Clone + Send + 'static,
    ) -> Self {
        let clock = ManualClock::new();
        let runtime = tiers.clock(&clock).build().expect("a valid configuration");
        let cache = configure(ResponseCache::new(&runtime));
        let (sender, receiver) = mpsc::channel();
        thread::spawn(move || {
            System::new().block_on(async move {
                let app = move || App::new().wrap(cache.clone()).configure(services.clone());
                let server =
                    HttpServer::new(app).workers(2).disable_signals().bind("127.0.0.1:0").expect("a free port");
                let server = server.bind_auto_h2c("127.0.0.1:0").expect("another free port");
                sender.send(server.addrs()).expect("the test waits for the addresses");
                server.run().await
            })
        });
        let addresses = receiver.recv().expect("the server binds");
        Self { address: addresses[0], http2: addresses[1], clock, runtime, origin }
    }

    pub(crate) fn get(&self, target: &str) -> Reply {
        self.send("GET", target, &[])
    }

    pub(crate) fn get_with(&self, target: &str, fields: &[(&str, &str)]) -> Reply {
        self.send("GET", target, fields)
    }

    pub(crate) fn send(&self, method: &str, target: &str, fields: &[(&str, &str)]) -> Reply {
        let mut text = format!("{method} {target} HTTP/1.1\r\nconnection: close\r\n");
        if !fields.iter().any(|(name, _)| name.eq_ignore_ascii_case("host")) {
            text.push_str("host: shop.test\r\n");
        }
        for (name, value) in fields {
            text.extend([name, ": ", value, "\r\n"]);
        }
        self.exchange(&format!("{text}\r\n"))
    }

    /// A GET over HTTP/2, with data behind its head.
    pub(crate) fn get_by_http2(&self, uri: &str, fields: &[(&str, &str)], body: Option<&str>) -> Answer {
        Get { server: self.http2, uri, fields, body }.send()
    }

    /// Sends bytes as they are, and reads all that comes.
    pub(crate) fn exchange(&self, request: &str) -> Reply {
        let mut stream = self.connect(request);
        let mut bytes = Vec::new();
        stream.read_to_end(&mut bytes).expect("the server answers and closes");
        Reply::parse(&String::from_utf8_lossy(&bytes))
    }

    /// Sends bytes, and leaves the answer to the caller.
    pub(crate) fn connect(&self, request: &str) -> TcpStream {
        let mut stream = TcpStream::connect(self.address).expect("the server accepts connections");
        stream.set_read_timeout(Some(Duration::from_secs(30))).expect("a timeout above zero");
        stream.write_all(request.as_bytes()).expect("the server reads the request");
        stream
    }

    pub(crate) fn advance(&self, seconds: u64) {
        self.clock.advance(Duration::from_secs(seconds));
    }
}

impl Reply {
    fn parse(text: &str) -> Self {
        let (head, body) = text.split_once("\r\n\r\n").expect("an HTTP head");
        let status = head.split(' ').nth(1).and_then(|code| code.parse().ok()).expect("a status code");
        Self { status, head: head.to_owned(), body: body.to_owned() }
    }

    /// A field's lines, in one.
    pub(crate) fn header(&self, name: &str) -> Option<String> {
        let lines = self.head.lines().filter_map(|line| line.split_once(':'));
        let values: Vec<_> =
            lines.filter(|(known, _)| known.eq_ignore_ascii_case(name)).map(|(_, value)| value.trim()).collect();
        (!values.is_empty()).then(|| values.join(", "))
    }

    pub(crate) fn cache_status(&self) -> String {
        self.header("cache-status").expect("the cache says what it did")
    }

    pub(crate) fn is_hit(&self) -> bool {
        self.cache_status().contains("hit")
    }
}
