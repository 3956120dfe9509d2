//! Fastly's surrogate keys.

use http::{HeaderValue, Request, Uri};

use super::{
    EdgePurger, PurgeError, Purging,
    client::{self, EdgeClient},
    field::{MOST_LINE_BYTES, escape, lines},
};

/// The most keys of a request.
const MOST_KEYS: usize = 256;

/// Purges a Fastly service by surrogate keys, beside [`EdgeTags::surrogate_key`](crate::EdgeTags::surrogate_key):
/// `POST /service/{id}/purge` with at most 256 keys and 4096 bytes of them
/// ([Fastly's API](https://www.fastly.com/documentation/reference/api/purging/)).
#[derive(Clone, Debug)]
pub struct Fastly {
    api: Uri,
    path: String,
    token: HeaderValue,
    client: EdgeClient,
}

impl Fastly {
    /// A service, by its id, and a token that may purge it (`purge_select`).
    ///
    /// # Errors
    ///
    /// [`PurgeError::Characters`] for what cannot be sent; [`PurgeError::Exchange`] if the system has no certificates.
    pub fn new(service: &str, token: &str) -> Result<Self, PurgeError> {
        Ok(Self {
            api: Uri::from_static("https://api.fastly.com"),
            path: format!("/service/{}/purge", client::segment("service's id", service)?),
            token: client::secret("token", token)?,
            client: EdgeClient::new()?,
        })
    }

    /// Another place of the API: its scheme and authority. Default: `https://api.fastly.com`.
    ///
    /// # Errors
    ///
    /// [`PurgeError::Address`] for what is no absolute URL.
    pub fn api(mut self, address: &str) -> Result<Self, PurgeError> {
        self.api = client::address(address)?;
        Ok(self)
    }
}

impl EdgePurger for Fastly {
    fn purge<'a>(&'a self, tags: &'a [String], soft: bool) -> Purging<'a> {
        Box::pin(async move {
            for keys in lines(tags.iter().map(|tag| escape(tag)), " ", MOST_KEYS, MOST_LINE_BYTES) {
                let mut purge = Request::post(client::target(&self.api, &self.path)?)
                    .header("fastly-key", &self.token)
                    .header("accept", "application/json")
                    .header("surrogate-key", keys);
                if soft {
                    purge = purge.header("fastly-soft-purge", "1");
                }
                self.client.accepted(client::with_body(purge, "")?).await?;
            }
            Ok(())
        })
    }
}
