//! TLS, with certificates that are made here.

use cachet_core::{Redis, testing::redis_tier, tier::Fault};
use rcgen::CertifiedKey;

use crate::{joins_two_nodes, keeps_the_promises, support};

/// A server that speaks TLS on a port beside its plain one.
struct Secured {
    server: support::Redis,
    port: u16,
    /// Of the server, and of itself.
    certificate: String,
    /// What clients show.
    client: (String, String),
}

impl Secured {
    fn start(asks_for_one: bool) -> Self {
        let (server, client) = (certified(), certified());
        let port = support::free_port();
        let started = support::Redis::start_with(|directory| {
            let file = |name: &str, text: &str| {
                let path = directory.join(name);
                std::fs::write(&path, text).expect("a directory of our own");
                path.to_string_lossy().into_owned()
            };
            let asks = if asks_for_one { "yes" } else { "no" };
            [
                ("--tls-port", port.to_string()),
                ("--tls-cert-file", file("server.crt", &server.0)),
                ("--tls-key-file", file("server.key", &server.1)),
                ("--tls-ca-cert-file", file("client.crt", &client.0)),
                ("--tls-auth-clients", asks.to_owned()),
            ]
            .into_iter()
            .flat_map(|(name, value)| [name.to_owned(), value])
            .collect()
        });
        Self { server: started, port, certificate: server.0, client }
    }

    fn url(&self) -> Redis {
        Redis::url(format!("rediss://localhost:{}", self.port))
    }
}

/// A certificate and its key, in PEM.
fn certified() -> (String, String) {
    let names = ["localhost", "127.0.0.1"].map(str::to_owned);
    let CertifiedKey { cert, signing_key } = rcgen::generate_simple_self_signed(names).expect("two good names");
    (cert.pem(), signing_key.serialize_pem())
}

async fn fault(redis: Redis) -> Option<Fault> {
    let tier = redis_tier(redis).expect("the configuration is valid");
    tier.probe().await.err().map(|error| error.fault)
}

#[tokio::test]
async fn a_server_with_a_known_certificate_is_believed_and_no_other() {
    let secured = Secured::start(false);
    let url = secured.url().root_certificate(secured.certificate.clone());
    keeps_the_promises(&url, "tls").await;
    joins_two_nodes(&url, "tls").await;
    assert!(secured.server.command(&["INFO", "server"]).contains("redis_version"), "the plain port is another one");
    assert!(fault(secured.url()).await.is_some(), "the system's roots do not know it");
    assert!(fault(secured.url().root_certificate(certified().0)).await.is_some(), "nor does another certificate");
}

#[tokio::test]
async fn a_server_that_asks_for_a_certificate_is_shown_one() {
    let secured = Secured::start(true);
    let url = secured.url().root_certificate(secured.certificate.clone());
    let (certificate, key) = secured.client.clone();
    keeps_the_promises(&url.clone().client_certificate(certificate, key), "mutual").await;
    assert!(fault(url).await.is_some(), "without one it is refused");
}
