//! A client that speaks HTTP/2 without TLS and sends what an honest one would not.

use std::net::SocketAddr;

use actix_web::{http::header::HeaderMap, rt::System, web::Bytes};
use h2::client;
use tokio::{net::TcpStream, time::timeout};

use crate::support::DEADLINE;

/// A GET. Its URI is what goes into `:scheme`, `:authority` and `:path`.
pub(crate) struct Get<'a> {
    pub(crate) server: SocketAddr,
    pub(crate) uri: &'a str,
    pub(crate) fields: &'a [(&'a str, &'a str)],
    /// Data behind a head that announces none.
    pub(crate) body: Option<&'a str>,
}

/// What came back.
#[derive(Debug)]
pub(crate) struct Answer {
    headers: HeaderMap,
    pub(crate) body: String,
}

impl Get<'_> {
    /// # Panics
    ///
    /// If there is no answer within [`DEADLINE`].
    pub(crate) fn send(&self) -> Answer {
        System::new().block_on(async {
            timeout(DEADLINE, self.exchange()).await.expect("an answer in time").expect("an answer in HTTP/2")
        })
    }

    async fn exchange(&self) -> Result<Answer, h2::Error> {
        let stream = TcpStream::connect(self.server).await.expect("the server accepts connections");
        let (mut client, connection) = client::handshake(stream).await?;
        let driver = actix_web::rt::spawn(connection);
        let head =
            self.fields.iter().fold(http02::Request::get(self.uri), |head, (name, value)| head.header(*name, *value));
        let head = head.body(()).expect("tests name URIs");
        let (response, mut sending) = client.send_request(head, self.body.is_none())?;
        if let Some(body) = self.body {
            sending.send_data(Bytes::from(body.to_owned()), true)?;
        }
        let (head, mut body) = response.await?.into_parts();
        let mut bytes = Vec::new();
        while let Some(chunk) = body.data().await {
            bytes.extend_from_slice(&chunk?);
        }
        driver.abort();
        let body = String::from_utf8_lossy(&bytes).into_owned();
        Ok(Answer { headers: head.headers.into(), body })
    }
}

impl Answer {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(|value| value.to_str().expect("tests read text"))
    }
}
