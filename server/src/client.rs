//! The operator's end of the local socket: what the command line talks to a server through.

use std::io::Write;
use std::path::Path;

use anyhow::{Context as _, Result, bail};
use axum::body::Body;
use bytes::Bytes;
use http_body_util::BodyExt as _;
use hyper::body::Incoming;
use hyper::client::conn::http1;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use serde::Serialize;
use serde_json::Value;
use tokio::net::UnixStream;
use tokio::task::JoinHandle;

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

    /// Writes an answer as it comes; how many bytes it had.
    pub(crate) async fn download(&self, path: &str, to: &mut dyn Write) -> Result<u64> {
        let asked = self.answer(Method::GET, path, "application/json", Body::empty());
        let (mut response, open) = asked.await?;
        let status = response.status();
        if !status.is_success() {
            let bytes = response.into_body().collect().await?.to_bytes();
            self.read(status, &bytes)?;
            bail!("the server answered {status}");
        }
        let mut written = 0;
        while let Some(frame) = response.body_mut().frame().await {
            let frame = frame.context("the answer broke off: what came of it is not whole")?;
            if let Some(piece) = frame.data_ref() {
                to.write_all(piece)?;
                written += piece.len() as u64;
            }
        }
        to.flush()?;
        drop(open.sender);
        open.connection.await??;
        Ok(written)
    }

    async fn send(&self, method: Method, path: &str, kind: &str, body: Body) -> Result<Value> {
        let (response, open) = self.answer(method, path, kind, body).await?;
        let status = response.status();
        let bytes = response.into_body().collect().await?.to_bytes();
        drop(open.sender);
        open.connection.await??;
        self.read(status, &bytes)
    }

    async fn answer(
        &self,
        method: Method,
        path: &str,
        kind: &str,
        body: Body,
    ) -> Result<(Response<Incoming>, Open)> {
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
        Ok((response, Open { sender, connection }))
    }

    /// An answer's JSON, or what a person is told of its problem.
    fn read(&self, status: StatusCode, bytes: &Bytes) -> Result<Value> {
        let value: Value = match bytes.is_empty() {
            true => Value::Null,
            false => serde_json::from_slice(bytes).context("the server's answer is not JSON")?,
        };
        if status.is_success() {
            return Ok(value);
        }
        let word = |name: &str| value.get(name).and_then(Value::as_str).unwrap_or_default();
        let mut text = match (word("code"), &self.tenant, word("detail")) {
            // Nobody who names a tenant has asked for a host.
            ("unknown_host", Some(slug), _) => format!("There is no tenant {slug}"),
            (_, _, "") => word("title").to_owned(),
            (_, _, detail) => detail.to_owned(),
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
}

/// What an answer comes through, while it does.
struct Open {
    sender: http1::SendRequest<Body>,
    connection: JoinHandle<hyper::Result<()>>,
}
