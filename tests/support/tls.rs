//! What makes servers speak TLS, with certificates that are made here.

use std::path::Path;

use rcgen::CertifiedKey;

/// A certificate of this machine's, and its key, in PEM.
#[derive(Clone)]
pub(crate) struct Certified {
    pub(crate) certificate: String,
    pub(crate) key: String,
}

impl Certified {
    /// Where a server has its certificate, in its directory.
    pub(crate) const FILE: &str = "server.crt";

    pub(crate) fn made() -> Self {
        let names = ["localhost", "127.0.0.1"].map(str::to_owned);
        let CertifiedKey { cert, signing_key } = rcgen::generate_simple_self_signed(names).expect("two good names");
        Self { certificate: cert.pem(), key: signing_key.serialize_pem() }
    }

    /// Options for a server's command line, by which it speaks TLS on a port beside its plain one.
    ///
    /// It believes those who show a certificate of `clients`, and `asks_for_one` of everybody or lets others in too.
    pub(crate) fn options(&self, directory: &Path, port: u16, clients: &Self, asks_for_one: bool) -> Vec<String> {
        let file = |name: &str, text: &str| {
            let path = directory.join(name);
            std::fs::write(&path, text).expect("a directory of our own");
            path.to_string_lossy().into_owned()
        };
        let asks = if asks_for_one { "yes" } else { "no" };
        [
            ("--tls-port", port.to_string()),
            ("--tls-cert-file", file(Self::FILE, &self.certificate)),
            ("--tls-key-file", file("server.key", &self.key)),
            ("--tls-ca-cert-file", file("clients.crt", &clients.certificate)),
            ("--tls-auth-clients", asks.to_owned()),
        ]
        .into_iter()
        .flat_map(|(name, value)| [name.to_owned(), value])
        .collect()
    }

    /// The same for one of several servers with this certificate, which speak TLS to each other too.
    pub(crate) fn options_of_many(&self, directory: &Path, port: u16) -> Vec<String> {
        let mut options = self.options(directory, port, self, false);
        options.extend(["--tls-replication", "yes", "--tls-cluster", "yes"].map(str::to_owned));
        options
    }
}
