//! An actix-web server of the test's own, with a cachet runtime and a clock of its own.

use std::{future::Future, net::SocketAddr, sync::mpsc, thread, time::Duration};

use actix_web::{
    App, HttpServer,
    body::BoxBody,
    dev::ServiceRequest,
    middleware::{Next, from_fn},
    rt::System,
    web::ServiceConfig,
};
use cachet_core::{Builder, Cachet, Stats, testing::ManualClock};

use crate::{
    http2::{Answer, Get},
    support::{Reply, Request},
};

/// A server on a port of its own, which lives as long as the test's process.
pub(crate) struct Server {
    address: SocketAddr,
    http2: SocketAddr,
    clock: ManualClock,
    runtime: Cachet,
}

impl Server {
    /// A server with no tier but its memory.
    pub(crate) fn start(configure: impl Fn(&mut ServiceConfig) + Clone + Send + 'static) -> Self {
        Self::with(Cachet::builder().memory_only(), configure)
    }

    pub(crate) fn with(tiers: Builder, configure: impl Fn(&mut ServiceConfig) + Clone + Send + 'static) -> Self {
        let clock = ManualClock::new();
        let runtime = tiers.clock(&clock).build().expect("a valid configuration");
        let (sender, receiver) = mpsc::channel();
        let scope = runtime.clone();
        thread::spawn(move || {
            System::new().block_on(async move {
                let app = move || {
                    let scope = scope.clone();
                    let within = move |request: ServiceRequest, next: Next<BoxBody>| {
                        let scope = scope.clone();
                        async move { scope.scope(next.call(request)).await }
                    };
                    App::new().wrap(from_fn(within)).configure(configure.clone())
                };
                let server =
                    HttpServer::new(app).workers(2).disable_signals().bind("127.0.0.1:0").expect("a free port");
                let server = server.bind_auto_h2c("127.0.0.1:0").expect("another free port");
                sender.send(server.addrs()).expect("the test waits for the addresses");
                server.run().await
            })
        });
        let addresses = receiver.recv().expect("the server binds");
        Self { address: addresses[0], http2: addresses[1], clock, runtime }
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// A GET over HTTP/2, with data behind its head.
    pub(crate) fn get_by_http2(&self, uri: &str, body: Option<&str>) -> Answer {
        Get { server: self.http2, uri, fields: &[], body }.send()
    }

    pub(crate) fn request(&self, method: &str, target: &str) -> Request {
        Request::new(self.address, method, target)
    }

    pub(crate) fn get(&self, target: &str) -> Reply {
        self.request("GET", target).send()
    }

    /// A GET with one more field.
    pub(crate) fn get_with(&self, target: &str, name: &str, value: &str) -> Reply {
        self.request("GET", target).header(name, value).send()
    }

    pub(crate) fn advance(&self, span: Duration) {
        self.clock.advance(span);
    }

    /// Runs a control of a cached function as the server would.
    pub(crate) fn within<F: Future>(&self, future: F) -> F::Output {
        System::new().block_on(self.runtime.scope(future))
    }

    /// The counters of the one function whose path ends so; none was called yet if it is not there.
    pub(crate) fn stats(&self, function: &str) -> Stats {
        let ending = format!("::{function}");
        self.runtime
            .stats()
            .into_iter()
            .find(|(path, _)| path.ends_with(&ending))
            .map(|(_, stats)| stats)
            .unwrap_or_default()
    }

    pub(crate) fn loads(&self, function: &str) -> u64 {
        self.stats(function).loads
    }
}
