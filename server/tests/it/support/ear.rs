//! An observer of a shop: it takes the shop's webhooks and drops what it has heard before.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use reqwest::Method;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

use super::{Merchant, answer};

/// What was heard, by `webhook-id`.
type Heard = Arc<Mutex<HashMap<String, Value>>>;

/// Listens until it is dropped.
pub(crate) struct Ear {
    url: String,
    heard: Heard,
    task: tokio::task::JoinHandle<()>,
}

impl Ear {
    pub(crate) async fn start() -> Self {
        let heard = Heard::default();
        let listener = TcpListener::bind("127.0.0.1:0").await;
        let listener = listener.expect("loopback has free ports");
        let url = format!("http://{}/", listener.local_addr().expect("a bound socket"));
        let hearing = heard.clone();
        let task = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                // Its sender may be killed in the middle of it.
                tokio::spawn(hear(stream, hearing.clone()));
            }
        });
        Self { url, heard, task }
    }

    /// Has the shop tell of its orders from now on.
    pub(crate) async fn listen_to(&self, merchant: &Merchant) {
        let body = json!({ "url": self.url, "subjects": ["orders.*"], "description": "" });
        let request = merchant
            .request(Method::POST, "/api/v1/admin/webhooks")
            .header("idempotency-key", &self.url);
        let (status, made) = answer(request.json(&body)).await.expect("an answer");
        assert_eq!(status, 201, "{made}");
    }

    /// How many different events of each type and order.
    pub(crate) fn counts(&self) -> HashMap<(String, String), usize> {
        let mut counts = HashMap::new();
        for event in self.heard.lock().expect("heard").values() {
            let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
            let key = (text(&event["type"]), text(&event["data"]["order"]));
            *counts.entry(key).or_default() += 1;
        }
        counts
    }
}

impl Drop for Ear {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// One request per connection.
async fn hear(mut stream: TcpStream, heard: Heard) -> Option<()> {
    const END: &[u8] = b"\r\n\r\n";
    const OK: &[u8] = b"HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n";
    let mut bytes = Vec::new();
    let head = loop {
        if let Some(at) = bytes.windows(END.len()).position(|window| window == END) {
            break at + END.len();
        }
        (stream.read_buf(&mut bytes).await.ok()? > 0).then_some(())?;
    };
    let text = String::from_utf8_lossy(&bytes[..head]).into_owned();
    let header = |name: &str| {
        text.lines().find_map(|line| {
            let (known, value) = line.split_once(':')?;
            known
                .eq_ignore_ascii_case(name)
                .then(|| value.trim().to_owned())
        })
    };
    let length: usize = header("content-length")?.parse().ok()?;
    while bytes.len() < head + length {
        (stream.read_buf(&mut bytes).await.ok()? > 0).then_some(())?;
    }
    let event = serde_json::from_slice(&bytes[head..head + length]).ok()?;
    heard
        .lock()
        .expect("heard")
        .insert(header("webhook-id")?, event);
    stream.write_all(OK).await.ok()
}
