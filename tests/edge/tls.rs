//! Edges that are purged over TLS.

use std::{fs, net::TcpListener, sync::Arc, thread};

use cachet_actix::{EdgePurger, PurgeError, Varnish};
use rcgen::CertifiedKey;
use rustls::{
    ServerConfig, ServerConnection, StreamOwned,
    pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer},
};
use serde_json::json;

use crate::{recorder::Recorder, support::Shop};

/// A recorder behind TLS, and its certificate in PEM. A connection whose handshake fails is no request.
fn start() -> (Recorder, String) {
    let names = ["localhost", "127.0.0.1"].map(str::to_owned);
    let CertifiedKey { cert, signing_key } = rcgen::generate_simple_self_signed(names).expect("two good names");
    let key = PrivateKeyDer::from(PrivatePkcs8KeyDer::from(signing_key.serialize_der()));
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .and_then(|builder| builder.with_no_client_auth().with_single_cert(vec![cert.der().clone()], key))
        .expect("a certificate with its key");
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let recorder = Recorder::at(format!("https://{}", listener.local_addr().expect("a bound socket")));
    let (kept, config) = (recorder.clone(), Arc::new(config));
    thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.expect("a client");
            let mut connection = ServerConnection::new(Arc::clone(&config)).expect("a valid configuration");
            if connection.complete_io(&mut stream).is_ok() {
                kept.serve(StreamOwned::new(connection, stream), 200, "");
            }
        }
    });
    (recorder, cert.pem())
}

#[tokio::test]
async fn a_server_that_nobody_vouches_for_is_sent_nothing() {
    let (recorder, _) = start();
    let varnish = Varnish::new([&recorder.url]).expect("a purger");
    let purged = varnish.purge(&["secret".to_owned()], false).await;
    assert!(matches!(purged, Err(PurgeError::Exchange(_))), "{purged:?}");
    assert_eq!(recorder.requests(), [""; 0]);
}

#[test]
fn a_server_that_the_system_trusts_is_purged() {
    let (shop, (recorder, certificate)) = (Shop::new(), start());
    let trusted = tempfile::NamedTempFile::new().expect("a temporary file");
    fs::write(trusted.path(), certificate).expect("a file of the test's own");
    let mut command = shop.command();
    // What the system trusts, for this process.
    command.env("SSL_CERT_FILE", trusted.path()).env_remove("SSL_CERT_DIR").env("SHOP_EDGE", &recorder.url);
    let node = shop.launch(command);
    let reply = node.put("/products/1", &json!({ "price": 1 }).to_string());
    assert_eq!(reply.json()["invalidation"], "done");
    assert!(recorder.purged().contains(&"products".to_owned()));
}
