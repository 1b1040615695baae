//! The provider over a real socket: callers that give up, answers that never come, shutdown.

use std::sync::Arc;
use std::time::Duration;

use serde_json::json;
use stoa_kernel::SeededIds;
use stoa_test_provider::{Settings, TestProvider, serve};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use crate::caller::{Caller, KEY, TurnedClock, intent_body, post_request, read, settings};

struct Served {
    address: std::net::SocketAddr,
    stop: oneshot::Sender<()>,
    task: JoinHandle<std::io::Result<()>>,
}

async fn start(provider: TestProvider) -> Served {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let (stop, stopped) = oneshot::channel::<()>();
    let task = tokio::spawn(async move {
        let shutdown = async {
            let _ = stopped.await;
        };
        serve(listener, provider, shutdown).await
    });
    Served {
        address,
        stop,
        task,
    }
}

async fn send_confirm(served: &Served, id: &str) -> TcpStream {
    let mut stream = TcpStream::connect(served.address).await.unwrap();
    let body = json!({ "idempotency_key": "c" }).to_string();
    let head = format!(
        "POST /v1/intents/{id}/confirm HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {KEY}\r\n\
         content-length: {}\r\nconnection: close\r\n\r\n{body}",
        body.len()
    );
    stream.write_all(head.as_bytes()).await.unwrap();
    stream
}

async fn read_all(mut stream: TcpStream) -> String {
    let mut text = String::new();
    stream.read_to_string(&mut text).await.unwrap();
    text
}

#[tokio::test]
async fn a_hanging_confirm_closes_without_a_byte_and_has_charged() {
    let caller = Caller::new();
    let id = caller.prepare("tok_timeout_after_charge", "k1").await;
    let served = start(caller.provider.clone()).await;
    assert_eq!(read_all(send_confirm(&served, &id).await).await, "");
    assert_eq!(caller.charges().await.len(), 1);
    let second = read_all(send_confirm(&served, &id).await).await;
    assert!(second.starts_with("HTTP/1.1 200 OK\r\n"), "{second}");
    assert!(second.contains("\"status\":\"succeeded\""), "{second}");
    served.stop.send(()).unwrap();
    served.task.await.unwrap().unwrap();
}

/// A provider that hangs for an hour, with one payment prepared; its folder keeps the file alive.
async fn hanging_provider() -> (tempfile::TempDir, TestProvider, String) {
    let folder = tempfile::tempdir().unwrap();
    let slow = Settings {
        hang: Duration::from_secs(3600),
        ..settings()
    };
    let ids = Arc::new(SeededIds::new(1));
    let path = folder.path().join("charges.jsonl");
    let provider = TestProvider::open(&path, slow, Arc::new(TurnedClock::start()), ids).unwrap();
    let request = post_request(
        "/v1/intents",
        &intent_body("tok_timeout_after_charge", "k1"),
    );
    let response = tower::ServiceExt::oneshot(provider.router(), request)
        .await
        .unwrap();
    let id = read(response).await.1["id"].as_str().unwrap().to_owned();
    (folder, provider, id)
}

/// Charges in the file as it stands on disk.
fn charges_on_disk(folder: &tempfile::TempDir) -> usize {
    let text = std::fs::read_to_string(folder.path().join("charges.jsonl")).unwrap();
    text.matches("\"kind\":\"charged\"").count()
}

#[tokio::test]
async fn a_caller_that_gives_up_is_charged_all_the_same() {
    let (folder, provider, id) = hanging_provider().await;
    let served = start(provider).await;
    let stream = send_confirm(&served, &id).await;
    // The charge is on disk while the caller still waits; only then does the caller hang up.
    while charges_on_disk(&folder) == 0 {
        tokio::task::yield_now().await;
    }
    drop(stream);
    let second = read_all(send_confirm(&served, &id).await).await;
    assert!(second.contains("\"status\":\"succeeded\""), "{second}");
    assert_eq!(charges_on_disk(&folder), 1);
}

// Time is paused: it jumps to the next timer once nothing else can happen, so the hour of the
// hanging request and the bound of the drain race without anybody waiting for either.
#[tokio::test(start_paused = true)]
async fn a_hanging_request_does_not_hold_up_the_end() {
    let (folder, provider, id) = hanging_provider().await;
    let served = start(provider).await;
    let stream = send_confirm(&served, &id).await;
    while charges_on_disk(&folder) == 0 {
        tokio::task::yield_now().await;
    }
    let before = tokio::time::Instant::now();
    served.stop.send(()).unwrap();
    served.task.await.unwrap().unwrap();
    assert_eq!(before.elapsed().as_secs(), 5);
    assert_eq!(read_all(stream).await, "");
}
