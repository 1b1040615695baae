//! The bare hyper server: answers what it was given, looked up by path. No routing, no shop.

use std::collections::HashMap;
use std::convert::Infallible;
use std::path::PathBuf;
use std::sync::Arc;

use anyhow::Result;
use bytes::Bytes;
use clap::Args;
use http_body_util::Full;
use hyper::header::{HeaderName, HeaderValue};
use hyper::service::service_fn;
use hyper::{HeaderMap, Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use serde::{Deserialize, Serialize};
use tokio::net::TcpListener;

use crate::wire::Answer;

/// What hyper writes by itself.
const WRITTEN_BY_HYPER: [&str; 2] = ["date", "connection"];

#[derive(Debug, Args)]
pub(crate) struct BareArgs {
    /// The answers, as the bench wrote them.
    #[arg(long)]
    file: PathBuf,
}

/// One answer to be given again.
#[derive(Serialize, Deserialize)]
pub(crate) struct Canned {
    path: String,
    headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
}

impl Canned {
    pub(crate) fn of(path: &str, answer: Answer) -> Self {
        let mut headers = answer.headers;
        headers.retain(|(name, _)| !WRITTEN_BY_HYPER.contains(&name.as_str()));
        Self {
            path: path.to_owned(),
            headers,
            body: answer.body,
        }
    }

    /// Its path and what it holds.
    pub(crate) fn file(&self) -> (&str, &[u8]) {
        (&self.path, &self.body)
    }
}

type Answers = HashMap<String, (HeaderMap, Bytes)>;

pub(crate) fn run_bare(args: &BareArgs) -> Result<()> {
    let canned: Vec<Canned> = serde_json::from_slice(&std::fs::read(&args.file)?)?;
    let mut answers = Answers::new();
    for Canned {
        path,
        headers,
        body,
    } in canned
    {
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            map.append(HeaderName::try_from(name)?, HeaderValue::try_from(value)?);
        }
        answers.insert(path, (map, body.into()));
    }
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()?;
    runtime.block_on(serve(Arc::new(answers)))
}

async fn serve(answers: Arc<Answers>) -> Result<()> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    eprintln!("serving on http://{}", listener.local_addr()?);
    loop {
        let (stream, _) = listener.accept().await?;
        stream.set_nodelay(true)?;
        let answers = answers.clone();
        tokio::spawn(async move {
            let service = service_fn(move |request: Request<hyper::body::Incoming>| {
                let answer = answer(&answers, request.uri().path());
                async move { Ok::<_, Infallible>(answer) }
            });
            // A connection that breaks is the load generator's to notice.
            drop(
                hyper::server::conn::http1::Builder::new()
                    .serve_connection(TokioIo::new(stream), service)
                    .await,
            );
        });
    }
}

fn answer(answers: &Answers, path: &str) -> Response<Full<Bytes>> {
    match answers.get(path) {
        Some((headers, body)) => {
            let mut response = Response::new(Full::new(body.clone()));
            *response.headers_mut() = headers.clone();
            response
        }
        None => {
            let mut response = Response::new(Full::default());
            *response.status_mut() = StatusCode::NOT_FOUND;
            response
        }
    }
}
