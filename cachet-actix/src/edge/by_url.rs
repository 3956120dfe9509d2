//! Caches that know URLs and no tags.

use std::fmt;

use http::{HeaderName, HeaderValue, Uri};

use super::{
    EdgePurger, PurgeError, Purging,
    client::{self, EdgeClient},
};

/// Purges URLs with the method `PURGE`, which Varnish, Squid, nginx with a module, and others take.
///
/// A 404 is as good as a 2xx: several of them give it for what they do not hold. There is no soft purge.
///
/// ```
/// # fn main() -> Result<(), cachet_actix::PurgeError> {
/// let purger = cachet_actix::PurgeByUrl::new("http://127.0.0.1:6081", |tag| match tag.strip_prefix("product:") {
///     Some(id) => vec![format!("https://shop.example/products/{id}")],
///     None => vec![],
/// })?;
/// # Ok(())
/// # }
/// ```
pub struct PurgeByUrl {
    server: Uri,
    urls: Box<Urls>,
    fields: Vec<(HeaderName, HeaderValue)>,
    client: EdgeClient,
}

/// The URLs of a tag.
type Urls = dyn Fn(&str) -> Vec<String> + Send + Sync;

impl PurgeByUrl {
    /// A cache at `server`, and the URLs of a tag as clients ask for them: their hosts go into `Host`.
    ///
    /// # Errors
    ///
    /// [`PurgeError::Address`] for what is no absolute URL; [`PurgeError::Exchange`] if the system has no certificates.
    pub fn new(server: &str, urls: impl Fn(&str) -> Vec<String> + Send + Sync + 'static) -> Result<Self, PurgeError> {
        let (server, client) = (client::address(server)?, EdgeClient::new()?);
        Ok(Self { server, urls: Box::new(urls), fields: Vec::new(), client })
    }

    /// A field for each purge, such as a token.
    ///
    /// # Errors
    ///
    /// [`PurgeError::Characters`] for what no field may have.
    pub fn field(mut self, name: &str, value: &str) -> Result<Self, PurgeError> {
        self.fields.push(client::field(name, value)?);
        Ok(self)
    }
}

impl EdgePurger for PurgeByUrl {
    fn purge<'a>(&'a self, tags: &'a [String], _: bool) -> Purging<'a> {
        Box::pin(async move {
            for url in tags.iter().flat_map(|tag| (self.urls)(tag)) {
                let url = client::address(&url)?;
                let path = url.path_and_query().map_or("/", |path| path.as_str());
                let purge = client::purge(client::target(&self.server, path)?, &self.fields);
                let purge = client::for_host(purge, &url);
                match self.client.accepted(client::with_body(purge, "")?).await {
                    Err(PurgeError::Refused { status: 404 }) | Ok(()) => {}
                    Err(error) => return Err(error),
                }
            }
            Ok(())
        })
    }
}

impl fmt::Debug for PurgeByUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PurgeByUrl").field("server", &self.server).finish_non_exhaustive()
    }
}
