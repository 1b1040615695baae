//! Bodies over a real socket: too slow, streamed, and cut off.

use std::time::Duration;

use stoa_rest::{Access, BodyBytes, ClientBody, Method, Operation, Problem, Routes};

use crate::support::{Server, read_answer, read_to_end, router, write};

fn routes() -> Routes<()> {
    Routes::new("test")
        .route(
            Method::POST,
            "/whole",
            Access::Shopper,
            Operation::new("whole", "Whole"),
            async |BodyBytes(bytes): BodyBytes| bytes.len().to_string(),
        )
        .route(
            Method::POST,
            "/stream",
            Access::Shopper,
            Operation::new("stream", "Stream").body_limit(100),
            streamed,
        )
}

async fn streamed(mut body: ClientBody) -> Result<String, Problem> {
    let mut total = 0;
    while let Some(piece) = body.next().await {
        total += piece?.len();
    }
    Ok(total.to_string())
}

const POST: &str = "POST /whole HTTP/1.1\r\nHost: acme.localhost\r\nContent-Length: 1000\r\n\r\n";

#[tokio::test]
async fn a_body_that_stops_coming_is_answered_and_closed() {
    let server = Server::start(router(routes()), |config| {
        config.body_interval = Duration::from_millis(100);
    })
    .await;
    let mut stream = server.connect().await;
    write(&mut stream, POST).await;
    write(&mut stream, "only this").await;
    let answer = read_to_end(&mut stream).await;
    assert!(
        answer.starts_with("HTTP/1.1 408 Request Timeout\r\n"),
        "{answer}"
    );
    assert!(answer.contains("\r\nconnection: close\r\n"), "{answer}");
    assert!(answer.contains("\"code\":\"request_timeout\""), "{answer}");
}

#[tokio::test]
async fn a_body_that_drips_is_as_slow_as_one_that_stops() {
    let server = Server::start(router(routes()), |config| {
        config.body_interval = Duration::from_millis(200);
        config.body_bytes_min = 100;
    })
    .await;
    let mut stream = server.connect().await;
    write(&mut stream, POST).await;
    let (mut reading, mut writing) = stream.into_split();
    let drip = tokio::spawn(async move {
        use tokio::io::AsyncWriteExt as _;
        while writing.write_all(b"x").await.is_ok() {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    });
    let mut answer = Vec::new();
    use tokio::io::AsyncReadExt as _;
    let read = reading.read_to_end(&mut answer);
    let _ = tokio::time::timeout(crate::support::PATIENCE, read)
        .await
        .expect("closed in time");
    let answer = String::from_utf8_lossy(&answer);
    assert!(
        answer.starts_with("HTTP/1.1 408 Request Timeout\r\n"),
        "{answer}"
    );
    drip.await.expect("the drip ends with the connection");
}

#[tokio::test]
async fn a_steady_body_may_take_many_intervals() {
    let server = Server::start(router(routes()), |config| {
        config.body_interval = Duration::from_millis(500);
        config.body_bytes_min = 10;
    })
    .await;
    let mut stream = server.connect().await;
    write(&mut stream, POST).await;
    for _ in 0..10 {
        write(&mut stream, &"x".repeat(100)).await;
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    let answer = read_answer(&mut stream).await;
    assert!(
        answer.starts_with("HTTP/1.1 200 OK\r\n") && answer.ends_with("1000"),
        "{answer}"
    );
}

#[tokio::test]
async fn a_streamed_body_is_cut_off_at_the_limit() {
    let server = Server::start(router(routes()), |_| {}).await;
    let mut stream = server.connect().await;
    let chunked =
        "POST /stream HTTP/1.1\r\nHost: acme.localhost\r\nTransfer-Encoding: chunked\r\n\r\n";
    write(&mut stream, chunked).await;
    write(&mut stream, "5\r\nhello\r\n0\r\n\r\n").await;
    assert!(read_answer(&mut stream).await.ends_with("\r\n\r\n5"));
    write(&mut stream, chunked).await;
    let piece = format!("3c\r\n{}\r\n", "x".repeat(60));
    write(&mut stream, &piece).await;
    write(&mut stream, &piece).await;
    let answer = read_to_end(&mut stream).await;
    assert!(
        answer.starts_with("HTTP/1.1 413 Payload Too Large\r\n"),
        "{answer}"
    );
    assert!(answer.contains("at most 100 bytes"), "{answer}");
}
