//! Varnish with its module `xkey`.

use http::{HeaderName, HeaderValue, Uri};

use super::{
    EdgePurger, PurgeError, Purging,
    client::{self, EdgeClient},
    field::{MOST_LINE_BYTES, escape, lines},
};

/// Purges Varnish servers by `xkey`, beside [`EdgeTags::xkey`](crate::EdgeTags::xkey).
///
/// Each server gets `PURGE /` with the tags in `xkey-purge`, or `xkey-softpurge`, at most 4096 bytes of them, and answers
/// with a 2xx. `examples/shop/edge.vcl` is a whole VCL; what it needs for
/// [xkey](https://github.com/varnish/varnish-modules/blob/master/src/vmod_xkey.vcc) is
///
/// ```vcl
/// import xkey;
/// acl purgers { "127.0.0.1"; }
/// sub vcl_recv {
///     if (req.method == "PURGE") {
///         if (client.ip !~ purgers) { return (synth(403)); }
///         if (req.http.xkey-purge) {
///             set req.http.n = xkey.purge(req.http.xkey-purge);
///             return (synth(200));
///         }
///         if (req.http.xkey-softpurge) {
///             set req.http.n = xkey.softpurge(req.http.xkey-softpurge);
///             return (synth(200));
///         }
///         return (purge);
///     }
/// }
/// ```
#[derive(Clone, Debug)]
pub struct Varnish {
    servers: Vec<Uri>,
    fields: Vec<(HeaderName, HeaderValue)>,
    client: EdgeClient,
}

impl Varnish {
    /// All servers, such as `http://127.0.0.1:6081`: a tag is purged when each of them has done it.
    ///
    /// # Errors
    ///
    /// [`PurgeError::Address`] for what is no absolute URL; [`PurgeError::Exchange`] if the system has no certificates.
    pub fn new(servers: impl IntoIterator<Item = impl AsRef<str>>) -> Result<Self, PurgeError> {
        let servers = servers.into_iter().map(|server| client::address(server.as_ref())).collect::<Result<_, _>>()?;
        Ok(Self { servers, fields: Vec::new(), client: EdgeClient::new()? })
    }

    /// A field for each purge, such as a token that the VCL asks for.
    ///
    /// # Errors
    ///
    /// [`PurgeError::Characters`] for what no field may have.
    pub fn field(mut self, name: &str, value: &str) -> Result<Self, PurgeError> {
        self.fields.push(client::field(name, value)?);
        Ok(self)
    }
}

impl EdgePurger for Varnish {
    fn purge<'a>(&'a self, tags: &'a [String], soft: bool) -> Purging<'a> {
        let name = if soft { "xkey-softpurge" } else { "xkey-purge" };
        Box::pin(async move {
            // VCL sees the first line of a field only.
            for line in lines(tags.iter().map(|tag| escape(tag)), " ", usize::MAX, MOST_LINE_BYTES) {
                for server in &self.servers {
                    let purge = client::purge(client::target(server, "/")?, &self.fields).header(name, &line);
                    self.client.accepted(client::with_body(purge, "")?).await?;
                }
            }
            Ok(())
        })
    }
}
