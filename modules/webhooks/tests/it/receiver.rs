//! A receiver: a plain HTTP/1.1 server that answers as told and remembers what it got.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use serde_json::Value;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio_rustls::TlsAcceptor;

/// How to answer one request.
#[derive(Debug, Clone)]
pub(crate) enum Reply {
    Status(u16),
    /// Written as it stands.
    Raw(String),
    /// Never answers.
    Hang,
}

/// One request as it came.
#[derive(Debug, Clone)]
pub(crate) struct Got {
    pub(crate) head: String,
    pub(crate) body: String,
}

impl Got {
    pub(crate) fn header(&self, name: &str) -> &str {
        let named = |line: &str| line.to_ascii_lowercase().starts_with(&format!("{name}:"));
        let line = self.head.lines().find(|line| named(line));
        line.and_then(|line| line.split_once(": "))
            .map_or("", |(_, value)| value)
    }
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.body).expect("JSON")
    }
}

#[derive(Default)]
struct State {
    replies: VecDeque<Reply>,
    got: Vec<Got>,
}

pub(crate) struct Receiver {
    pub(crate) address: SocketAddr,
    state: Arc<Mutex<State>>,
    count: watch::Receiver<usize>,
    _tasks: JoinSet<()>,
}

impl Receiver {
    pub(crate) async fn start() -> Self {
        Self::listen(None).await
    }

    pub(crate) async fn start_tls(acceptor: TlsAcceptor) -> Self {
        Self::listen(Some(acceptor)).await
    }

    async fn listen(acceptor: Option<TlsAcceptor>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("an address");
        let state: Arc<Mutex<State>> = Arc::default();
        let (counted, count) = watch::channel(0);
        let shared = state.clone();
        let mut tasks = JoinSet::new();
        tasks.spawn(async move {
            let mut connections = JoinSet::new();
            while let Ok((stream, _)) = listener.accept().await {
                let (state, counted) = (shared.clone(), counted.clone());
                let acceptor = acceptor.clone();
                connections.spawn(async move {
                    match acceptor {
                        None => serve(stream, &state, &counted).await,
                        Some(acceptor) => {
                            if let Ok(stream) = acceptor.accept(stream).await {
                                serve(stream, &state, &counted).await;
                            }
                        }
                    }
                });
            }
        });
        Self {
            address,
            state,
            count,
            _tasks: tasks,
        }
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}/hook?key=1", self.address)
    }

    /// Answers the next requests so, and those after them with 200.
    pub(crate) fn will(&self, replies: impl IntoIterator<Item = Reply>) {
        let mut state = self.state.lock().expect("the state");
        state.replies = replies.into_iter().collect();
    }

    pub(crate) fn got(&self) -> Vec<Got> {
        self.state.lock().expect("the state").got.clone()
    }

    /// The ids of what came, in order.
    pub(crate) fn ids(&self) -> Vec<String> {
        let got = self.got();
        got.iter()
            .map(|got| got.header("webhook-id").to_owned())
            .collect()
    }

    /// That these came, in this order, and no other.
    pub(crate) fn assert_ids(&self, wanted: &[&String], kind: &str) {
        let ids = self.ids();
        assert_eq!(ids.iter().collect::<Vec<_>>(), wanted, "{kind}");
    }

    /// Until this many requests have come.
    pub(crate) async fn until(&self, count: usize) {
        let mut seen = self.count.clone();
        seen.wait_for(|&got| got >= count).await.expect("alive");
    }
}

async fn serve<S>(mut stream: S, state: &Mutex<State>, counted: &watch::Sender<usize>)
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let Some(got) = read(&mut stream).await else {
        return;
    };
    let (reply, count) = {
        let mut state = state.lock().expect("the state");
        state.got.push(got);
        let reply = state.replies.pop_front().unwrap_or(Reply::Status(200));
        (reply, state.got.len())
    };
    counted.send_modify(|seen| *seen = count.max(*seen));
    let text = match reply {
        Reply::Status(status) => format!("HTTP/1.1 {status} x\r\ncontent-length: 2\r\n\r\nok"),
        Reply::Raw(text) => text,
        Reply::Hang => return std::future::pending().await,
    };
    // The sender may have had enough.
    drop(stream.write_all(text.as_bytes()).await);
    drop(stream.shutdown().await);
}

async fn read<S: AsyncRead + Unpin>(stream: &mut S) -> Option<Got> {
    let mut bytes = Vec::new();
    loop {
        let mut chunk = [0; 4_096];
        let count = stream.read(&mut chunk).await.ok()?;
        if count == 0 {
            return None;
        }
        bytes.extend_from_slice(&chunk[..count]);
        let text = String::from_utf8(bytes.clone()).expect("text");
        let Some((head, body)) = text.split_once("\r\n\r\n") else {
            continue;
        };
        let got = Got {
            head: head.to_owned(),
            body: body.to_owned(),
        };
        if got.header("content-length").parse() == Ok(body.len()) {
            return Some(got);
        }
    }
}
