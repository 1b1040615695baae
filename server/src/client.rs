//! The operator's end of the local socket: what the command line talks to a server through.

use std::path::Path;

use anyhow::{Context as _, Result, bail};
use axum::body::Body;
use bytes::Bytes;
use http_body_util::BodyExt as _;
use hyper::client::conn::http1;
use hyper::{Method, Request, StatusCode};
use hyper_util::rt::TokioIo;
use serde::Serialize;
use serde_json::Value;
use tokio::net::UnixStream;

/// One connection per request: commands are few.
pub(crate) struct Client {
    socket: std::path::PathBuf,
    tenant: Option<String>,
}

impl Client {
    pub(crate) fn new(socket: &Path) -> Self {
        Self {
            socket: socket.to_owned(),
            tenant: None,
        }
    }

    /// Speaks for a shop from now on.
    pub(crate) fn of_tenant(mut self, slug: &str) -> Self {
        self.tenant = Some(slug.to_owned());
        self
    }

    /// Whether a server answers.
    pub(crate) async fn is_up(&self) -> bool {
        UnixStream::connect(&self.socket).await.is_ok()
    }

    pub(crate) async fn get(&self, path: &str) -> Result<Value> {
        self.send(Method::GET, path, "application/json", Body::empty())
            .await
    }

    pub(crate) async fn post<T: Serialize>(&self, path: &str, body: &T) -> Result<Value> {
        let bytes = serde_json::to_vec(body)?;
        self.send(Method::POST, path, "application/json", Body::from(bytes))
            .await
    }

    pub(crate) async fn upload(&self, path: &str, media_type: &str, body: Body) -> Result<Value> {
        self.send(Method::POST, path, media_type, body).await
    }

    async fn send(&self, method: Method, path: &str, kind: &str, body: Body) -> Result<Value> {
        let stream = UnixStream::connect(&self.socket)
            .await
            .with_context(|| format!("no server answers at {}", self.socket.display()))?;
        let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
        let connection = tokio::spawn(connection);
        let mut request = Request::builder()
            .method(method)
            .uri(path)
            .header("host", "localhost")
            .header("content-type", kind);
        if let Some(tenant) = &self.tenant {
            request = request.header("stoa-tenant", tenant);
        }
        let response = sender.send_request(request.body(body)?).await?;
        let status = response.status();
        let bytes = response.into_body().collect().await?.to_bytes();
        drop(sender);
        connection.await??;
        read_answer(status, &bytes)
    }
}

fn read_answer(status: StatusCode, bytes: &Bytes) -> Result<Value> {
    let value: Value = match bytes.is_empty() {
        true => Value::Null,
        false => serde_json::from_slice(bytes).context("the server's answer is not JSON")?,
    };
    if status.is_success() {
        return Ok(value);
    }
    let word = |name: &str| value.get(name).and_then(Value::as_str).unwrap_or_default();
    let mut text = match word("detail") {
        "" => word("title").to_owned(),
        detail => detail.to_owned(),
    };
    for error in value
        .get("errors")
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
    {
        let part = |name: &str| error.get(name).and_then(Value::as_str).unwrap_or_default();
        text += &format!("\n  {}: {}", part("field"), part("reason"));
    }
    bail!("{text} ({})", word("code"))
}
