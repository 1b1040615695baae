//! Stores of both kinds, empty.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use bytes::Bytes;
use futures_util::StreamExt as _;
use stoa_blobs::{BlobError, BlobGroup, BlobKey, Blobs, BlobsConfig, Found, S3Access, Stage};
use stoa_testkit::SystemClock;
use tempfile::TempDir;

pub(crate) const SPACE: &str = "ten_01";

/// A store, and the folder that must outlive it.
pub(crate) struct Place {
    pub(crate) kind: &'static str,
    pub(crate) blobs: Blobs,
    pub(crate) folder: TempDir,
}

pub(crate) fn config(folder: &TempDir) -> BlobsConfig {
    let mut config = BlobsConfig::new(folder.path().join("staging"), Arc::new(SystemClock));
    config.s3 = Some(S3Access {
        key_id: "test".to_owned(),
        secret: "test".to_owned(),
        token: None,
    });
    config
}

pub(crate) fn disk() -> Place {
    let folder = tempfile::tempdir().expect("a folder");
    let url = format!("file:{}", folder.path().join("blobs").display());
    let blobs = Blobs::open(&url, config(&folder)).expect("a folder of blobs");
    Place {
        kind: "disk",
        blobs,
        folder,
    }
}

pub(crate) async fn everywhere() -> Vec<Place> {
    let mut all = vec![disk()];
    if let Some(server) = stoa_testkit::s3_server() {
        static BUCKETS: AtomicU32 = AtomicU32::new(0);
        let number = BUCKETS.fetch_add(1, Ordering::Relaxed);
        let bucket = format!("stoa-test-{}-{number}", std::process::id());
        make_bucket(&server, &bucket).await;
        let folder = tempfile::tempdir().expect("a folder");
        let url = format!("s3://{bucket}/shops?endpoint={server}");
        let blobs = Blobs::open(&url, config(&folder)).expect("a bucket");
        all.push(Place {
            kind: "s3",
            blobs,
            folder,
        });
    }
    all
}

/// The one thing that blobs never do themselves.
async fn make_bucket(server: &str, bucket: &str) {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    let host = server.trim_start_matches("http://");
    let mut stream = tokio::net::TcpStream::connect(host).await.expect(host);
    let request = format!(
        "PUT /{bucket} HTTP/1.1\r\nhost: {host}\r\ncontent-length: 0\r\nconnection: close\r\n\
         authorization: AWS4-HMAC-SHA256 Credential=test/20260101/us-east-1/s3/aws4_request, \
         SignedHeaders=host, Signature=0\r\n\r\n"
    );
    stream.write_all(request.as_bytes()).await.expect(host);
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.expect(host);
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
}

pub(crate) fn group(owner: &str) -> BlobGroup {
    BlobGroup::new(SPACE, [7; 32], owner).expect("a group")
}

pub(crate) fn key(owner: &str, part: &str) -> BlobKey {
    group(owner).part(part).expect("a key")
}

pub(crate) async fn write_all(stage: &mut Stage, pieces: &[&[u8]]) -> Result<(), BlobError> {
    for piece in pieces {
        stage.write(Bytes::copy_from_slice(piece)).await?;
    }
    Ok(())
}

pub(crate) async fn collect(mut found: Found) -> Vec<u8> {
    let mut whole = Vec::new();
    while let Some(piece) = found.pieces.next().await {
        whole.extend_from_slice(&piece.expect("a piece"));
    }
    whole
}
