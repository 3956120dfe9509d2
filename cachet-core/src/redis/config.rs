//! What is said of a Redis: a URL, and what a URL cannot say.

use std::fmt;

use deadpool_redis::redis::{
    Client, ClientTlsConfig, ConnectionAddr, ConnectionInfo, IntoConnectionInfo, TlsCertificates, io::tcp::TcpSettings,
};
use rustls::crypto::{CryptoProvider, ring};

use crate::without::{Rule, without};

/// The port of a Sentinel whose URL names none.
const SENTINEL_PORT: &str = ":26379";

const FORMS: &str = "it is no URL of a Redis: write `redis://`, `rediss://`, `unix://`, `redis+sentinel://`, \
                     `rediss+sentinel://`, `redis+cluster://` or `rediss+cluster://`, and where it is";

/// Behind a scheme that is known.
const PARTS: &str = "the URL of a Redis is unreadable behind `://`: write `redis://user:password@host:6379/0`, with user \
                     and password percent-encoded (`/` is `%2F`, `#` is `%23`, `@` is `%40`) and a number for the database";

/// Schemes of one server; those of several are made of them.
const SCHEMES: [&str; 7] = ["redis", "rediss", "valkey", "valkeys", "unix", "redis+unix", "valkey+unix"];

/// Where the shared tier is, and how to get in: for [`Builder::redis`](crate::Builder::redis).
///
/// A URL says most of it:
///
/// | form | |
/// |---|---|
/// | `redis://user:password@host:6379/0` | one server; everything but the host may be left out |
/// | `rediss://…` | the same over TLS, by the system's root certificates |
/// | `unix:///run/redis.sock?db=0&user=…&pass=…` | a Unix socket; `redis+unix://` too |
/// | `redis+sentinel://user:password@host:26379,host:26379/master/0` | the master of that name, found by Sentinels; user and password are the server's |
/// | `rediss+sentinel://…` | Sentinels and servers over TLS |
/// | `redis+cluster://user:password@host:6379,host:6379` | a Cluster, of which some nodes are named |
/// | `rediss+cluster://…` | a Cluster over TLS |
///
/// `valkey` and `valkeys` may stand for `redis` and `rediss`. User and password are percent-encoded. A password is in no
/// error, log or `Debug` output.
///
/// ```
/// use cachet_core::{Cachet, Redis};
///
/// # fn main() -> Result<(), cachet_core::Error> {
/// let redis = Redis::url("redis+sentinel://10.0.0.1,10.0.0.2,10.0.0.3/main").sentinel_credentials("cachet", "secret");
/// let cachet = Cachet::builder().redis(redis).build()?;
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct Redis {
    url: String,
    root_certificate: Option<Vec<u8>>,
    client: Option<ClientTlsConfig>,
    sentinel: Option<(String, String)>,
    lives: Lives,
}

impl Redis {
    /// A Redis by its URL. [`Builder::build`](crate::Builder::build) checks it.
    pub fn url(url: impl Into<String>) -> Self {
        Self { url: url.into(), root_certificate: None, client: None, sentinel: None, lives: Lives::Differ }
    }

    /// Certificates in PEM that the servers' are checked by, in the place of the system's. Needs a URL with TLS.
    #[must_use]
    pub fn root_certificate(mut self, pem: impl Into<Vec<u8>>) -> Self {
        self.root_certificate = Some(pem.into());
        self
    }

    /// A certificate and its key, both in PEM, for servers that ask for one. Needs a URL with TLS.
    #[must_use]
    pub fn client_certificate(mut self, certificate: impl Into<Vec<u8>>, key: impl Into<Vec<u8>>) -> Self {
        self.client = Some(ClientTlsConfig { client_cert: certificate.into(), client_key: key.into() });
        self
    }

    /// User and password of the Sentinels themselves. An empty user is the default one. Needs a URL with Sentinels.
    #[must_use]
    pub fn sentinel_credentials(mut self, user: impl Into<String>, password: impl Into<String>) -> Self {
        self.sentinel = Some((user.into(), password.into()));
        self
    }

    /// Serves what the servers had before a restart or a failover, for those who persist Redis on purpose. By default such
    /// values are misses.
    ///
    /// What was invalidated comes back, too: after a restart all that was invalidated since the snapshot, or since the last
    /// `fsync` of the append-only file, was made; after a failover what the new master had not heard of yet. It is served
    /// until its time is over or it is invalidated again, and no
    /// [`staleness_bound`](crate::Builder::staleness_bound) limits that. A load that began before such an invalidation may
    /// be stored after all. So this is for values that are invalidated seldom, or not at all, and cost much to load.
    ///
    /// All nodes of a namespace have to agree: what one with and one without it store, the other one does not read.
    ///
    /// ```
    /// use cachet_core::{Cachet, Redis};
    ///
    /// # fn main() -> Result<(), cachet_core::Error> {
    /// let cachet = Cachet::builder().redis(Redis::url("redis://10.0.0.1").keep_across_restarts()).build()?;
    /// # Ok(())
    /// # }
    /// ```
    #[must_use]
    pub fn keep_across_restarts(mut self) -> Self {
        self.lives = Lives::AreOne;
        self
    }

    /// How much a server's lives differ.
    pub(super) fn lives(&self) -> Lives {
        if without(Rule::Incarnation) { Lives::AreOne } else { self.lives }
    }

    /// What all of it comes to, or what is wrong with it, in words without a secret.
    pub(super) fn place(&self) -> Result<Place, String> {
        let (scheme, rest) = self.url.split_once("://").ok_or(FORMS)?;
        let place = match scheme.split_once('+') {
            Some((base, "sentinel")) => self.sentinels(base, rest)?,
            Some((base, "cluster")) => self.cluster(base, rest)?,
            _ => Place::Server(self.server(&self.url)?),
        };
        if self.sentinel.is_some() && !matches!(place, Place::Sentinel { .. }) {
            return Err("`sentinel_credentials` are of no use without `redis+sentinel://`".into());
        }
        Ok(place)
    }

    fn server(&self, url: &str) -> Result<ConnectionInfo, String> {
        // The library's own words may repeat a part of the URL.
        let info = url.into_connection_info().map_err(|_| {
            let is_known = url.split_once("://").is_some_and(|(scheme, _)| SCHEMES.contains(&scheme));
            if is_known { PARTS } else { FORMS }
        })?;
        // Small commands that wait for each other are what there is.
        self.secured(info.set_tcp_settings(TcpSettings::default().set_nodelay(true)))
    }

    fn sentinels(&self, base: &str, rest: &str) -> Result<Place, String> {
        let (user, hosts, path) = parts_of(rest);
        let (master, db) = path.trim_start_matches('/').split_once('/').unwrap_or((path.trim_start_matches('/'), ""));
        if master.is_empty() {
            return Err("a URL with Sentinels names their master: `redis+sentinel://host:26379/master`".into());
        }
        let sentinels = hosts.iter().map(|host| {
            let port = if has_port(host) { "" } else { SENTINEL_PORT };
            let info = self.server(&format!("{base}://{host}{port}"))?;
            let settings = info.redis_settings().clone();
            Ok::<_, String>(match &self.sentinel {
                Some((user, password)) if user.is_empty() => info.set_redis_settings(settings.set_password(password)),
                Some((user, password)) => info.set_redis_settings(settings.set_username(user).set_password(password)),
                None => info,
            })
        });
        Ok(Place::Sentinel {
            sentinels: sentinels.collect::<Result<_, _>>()?,
            master: master.to_owned(),
            servers: self.server(&format!("{base}://{user}{}/{db}", hosts[0]))?,
        })
    }

    fn cluster(&self, base: &str, rest: &str) -> Result<Place, String> {
        let (user, hosts, path) = parts_of(rest);
        if !matches!(path, "" | "/" | "/0") {
            return Err("a Cluster has no database but 0: leave the path out".into());
        }
        let nodes = hosts.iter().map(|host| self.server(&format!("{base}://{user}{host}")));
        Ok(Place::Cluster { nodes: nodes.collect::<Result<_, _>>()? })
    }

    /// The same server with the certificates.
    fn secured(&self, info: ConnectionInfo) -> Result<ConnectionInfo, String> {
        if !matches!(info.addr(), ConnectionAddr::TcpTls { .. }) {
            return match (&self.root_certificate, &self.client) {
                (Some(_), _) => Err("`root_certificate` is of no use without TLS: write `rediss://`".into()),
                (_, Some(_)) => Err("`client_certificate` is of no use without TLS: write `rediss://`".into()),
                (None, None) => Ok(info),
            };
        }
        if CryptoProvider::get_default().is_none() {
            // Somebody else may have been faster, which is as good.
            let _ = ring::default_provider().install_default();
        }
        if self.root_certificate.as_ref().is_some_and(|pem| !holds(pem, b"-----BEGIN CERTIFICATE-----")) {
            return Err("`root_certificate` holds no certificate in PEM".into());
        }
        let roots = TlsCertificates { client_tls: None, root_cert: self.root_certificate.clone() };
        let all = TlsCertificates { client_tls: self.client.clone(), ..roots.clone() };
        Client::build_with_tls(info.clone(), roots).map_err(|_| "`root_certificate` cannot be read as PEM")?;
        let client = Client::build_with_tls(info, all)
            .map_err(|_| "`client_certificate` cannot be read as a certificate and a key in PEM")?;
        Ok(client.get_connection_info().clone())
    }
}

/// What a server is after a restart or a failover.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Lives {
    /// Another one, whose values are others.
    Differ,
    /// The same as before.
    AreOne,
}

/// Where commands go.
pub(super) enum Place {
    Server(ConnectionInfo),
    /// `servers` is how any of them is reached; its address is made up.
    Sentinel {
        sentinels: Vec<ConnectionInfo>,
        master: String,
        servers: ConnectionInfo,
    },
    Cluster {
        nodes: Vec<ConnectionInfo>,
    },
}

/// User and password with their `@`, the hosts, and what follows.
fn parts_of(rest: &str) -> (&str, Vec<&str>, &str) {
    let (authority, path) = rest.split_at(rest.find(['/', '?', '#']).unwrap_or(rest.len()));
    let (user, hosts) = authority.split_at(authority.rfind('@').map_or(0, |at| at + 1));
    (user, hosts.split(',').collect(), path)
}

fn has_port(host: &str) -> bool {
    host.rsplit_once(':').is_some_and(|(_, port)| !port.is_empty() && port.bytes().all(|byte| byte.is_ascii_digit()))
}

fn holds(bytes: &[u8], part: &[u8]) -> bool {
    bytes.windows(part.len()).any(|window| window == part)
}

impl From<&str> for Redis {
    fn from(url: &str) -> Self {
        Self::url(url)
    }
}

impl From<String> for Redis {
    fn from(url: String) -> Self {
        Self::url(url)
    }
}

impl From<&String> for Redis {
    fn from(url: &String) -> Self {
        Self::url(url)
    }
}

impl fmt::Debug for Redis {
    /// Without the URL: it may hold a password, in a place where nobody would look for one.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Redis").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reason(redis: &Redis) -> String {
        redis.place().err().unwrap_or_default()
    }

    #[test]
    fn a_url_that_is_none_is_refused_without_repeating_it() {
        for url in [
            "",
            "localhost",
            "http://:hunter2@127.0.0.1",
            "redis://:hunter2@127.0.0.1:port",
            "redis://:hunter2@127.0.0.1/hunter2",
            "redis+sentinel://:hunter2@127.0.0.1",
            "redis+cluster://:hunter2@127.0.0.1/3",
            "redis+cluster://:hunter2@,127.0.0.1",
            "redis+unix://",
        ] {
            let (redis, found) = (Redis::url(url), reason(&Redis::url(url)));
            assert!(!found.is_empty() && !found.contains("hunter2"), "{url}: {found}");
            assert!(!format!("{redis:?}").contains("hunter2"));
        }
    }

    #[test]
    fn what_is_wrong_with_a_url_is_its_scheme_or_what_follows() {
        for url in ["redis://:a/b#c@host:6379", "valkeys://host:99999", "redis://host/zero"] {
            assert!(reason(&Redis::url(url)).contains("percent-encoded"), "{url}");
        }
        for url in ["localhost", "http://localhost", "redis:/localhost"] {
            assert!(reason(&Redis::url(url)).contains("`rediss://`"), "{url}");
        }
    }

    #[test]
    fn what_is_of_no_use_or_unreadable_is_named() {
        let plain = Redis::url("redis://localhost");
        assert!(reason(&plain.clone().root_certificate("x")).contains("`root_certificate`"));
        assert!(reason(&plain.clone().client_certificate("x", "y")).contains("`client_certificate`"));
        assert!(reason(&plain.sentinel_credentials("", "hunter2")).contains("`sentinel_credentials`"));
        let tls = Redis::url("rediss://localhost");
        assert!(reason(&tls.clone().root_certificate("no PEM")).contains("`root_certificate`"));
        assert!(reason(&tls.client_certificate("no PEM", "hunter2")).contains("`client_certificate`"));
    }

    #[test]
    fn sentinels_have_a_port_and_credentials_of_their_own() {
        let redis =
            Redis::url("redis+sentinel://ann:pw@one,two:5000,[::1]/main/3").sentinel_credentials("bob", "other");
        let Ok(Place::Sentinel { sentinels, master, servers }) = redis.place() else { panic!("it is a good URL") };
        let addresses: Vec<String> = sentinels.iter().map(|sentinel| sentinel.addr().to_string()).collect();
        assert_eq!((addresses.join(" "), &*master), ("one:26379 two:5000 ::1:26379".to_owned(), "main"));
        assert_eq!(sentinels[0].redis_settings().username(), Some("bob"));
        assert_eq!((servers.redis_settings().username(), servers.redis_settings().db()), (Some("ann"), 3));
    }

    #[test]
    fn a_cluster_is_named_by_some_of_its_nodes() {
        let Ok(Place::Cluster { nodes }) = Redis::url("valkeys+cluster://:a%2Cb@one:1,two").place() else {
            panic!("it is a good URL")
        };
        let addresses: Vec<String> = nodes.iter().map(|node| node.addr().to_string()).collect();
        assert_eq!(addresses, ["one:1", "two:6379"]);
        assert_eq!(nodes[1].redis_settings().password(), Some("a,b"));
    }
}
