//! Cloudflare's cache tags.

use std::borrow::Cow;

use http::{HeaderValue, Request, Uri};
use serde::{Deserialize, Serialize};

use super::{
    EdgePurger, PurgeError, Purging,
    client::{self, EdgeClient},
    field::escape,
};

/// The most tags of a request. Cloudflare takes 100 by now, on every plan; a few more requests hurt nobody whose API
/// still has the bound of 30.
const MOST_TAGS: usize = 30;

/// Purges a Cloudflare zone by tags, beside [`EdgeTags::cache_tag`](crate::EdgeTags::cache_tag):
/// `POST /client/v4/zones/{id}/purge_cache` with at most 30 of them
/// ([Cloudflare's API](https://developers.cloudflare.com/api/resources/cache/methods/purge/)). There is no soft purge.
///
/// Its API takes few requests: tags that are invalidated while one is on its way go together with the next. Where the
/// second purge of each tag is too many, [`again`](crate::EdgeBuilder::again) can be switched off.
#[derive(Clone, Debug)]
pub struct Cloudflare {
    api: Uri,
    path: String,
    token: HeaderValue,
    client: EdgeClient,
}

#[derive(Serialize)]
struct Tags<'a> {
    tags: Vec<Cow<'a, str>>,
}

#[derive(Deserialize)]
struct Outcome {
    success: bool,
}

impl Cloudflare {
    /// A zone, by its id, and a token with the permission `Cache Purge`.
    ///
    /// # Errors
    ///
    /// [`PurgeError::Characters`] for what cannot be sent; [`PurgeError::Exchange`] if the system has no certificates.
    pub fn new(zone: &str, token: &str) -> Result<Self, PurgeError> {
        Ok(Self {
            api: Uri::from_static("https://api.cloudflare.com"),
            path: format!("/client/v4/zones/{}/purge_cache", client::segment("zone's id", zone)?),
            token: client::secret("token", &format!("Bearer {token}"))?,
            client: EdgeClient::new()?,
        })
    }

    /// Another place of the API: its scheme and authority. Default: `https://api.cloudflare.com`.
    ///
    /// # Errors
    ///
    /// [`PurgeError::Address`] for what is no absolute URL.
    pub fn api(mut self, address: &str) -> Result<Self, PurgeError> {
        self.api = client::address(address)?;
        Ok(self)
    }
}

impl EdgePurger for Cloudflare {
    fn purge<'a>(&'a self, tags: &'a [String], _: bool) -> Purging<'a> {
        Box::pin(async move {
            for some in tags.chunks(MOST_TAGS) {
                let body = serde_json::to_vec(&Tags { tags: some.iter().map(|tag| escape(tag)).collect() });
                let purge = Request::post(client::target(&self.api, &self.path)?)
                    .header("authorization", &self.token)
                    .header("content-type", "application/json");
                let purge = client::with_body(purge, body.map_err(|error| PurgeError::Exchange(error.into()))?)?;
                let (status, outcome) = self.client.exchange(purge).await?;
                let is_done = serde_json::from_slice(&outcome).is_ok_and(|outcome: Outcome| outcome.success);
                if !is_done || !(200..300).contains(&status) {
                    return Err(PurgeError::Refused { status });
                }
            }
            Ok(())
        })
    }
}
