//! Full disks, lost servers, uploads that stop: nothing half is ever found, and all is well again
//! once the fault is gone.

use std::time::{Duration, Instant};

use bytes::Bytes;
use stoa_blobs::{BlobError, Blobs};
use tokio::net::TcpListener;

use crate::support::{self, SPACE, key, write_all};

fn files(folder: &std::path::Path) -> usize {
    let entries = std::fs::read_dir(folder).expect("a folder");
    entries
        .map(|entry| entry.expect("an entry").path())
        .map(|path| if path.is_dir() { files(&path) } else { 1 })
        .sum()
}

#[tokio::test]
async fn an_upload_over_its_bound_or_broken_off_leaves_nothing() {
    let place = support::disk();
    let mut stage = place.blobs.stage(10).expect("a stage");
    let over = write_all(&mut stage, &[b"12345", b"678901"]).await;
    assert_eq!(over, Err(BlobError::TooLarge { bytes_max: 10 }));
    assert!(
        stage.finish().await.is_err(),
        "what failed cannot be finished"
    );
    let mut stage = place.blobs.stage(10).expect("a stage");
    write_all(&mut stage, &[b"12345"]).await.expect("room");
    drop(stage);
    assert_eq!(files(place.folder.path()), 0);
}

#[tokio::test]
async fn uploads_together_have_a_bound_and_give_their_room_back() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut config = support::config(&folder);
    config.staged_bytes_max = 15;
    let url = format!("file:{}", folder.path().join("blobs").display());
    let blobs = Blobs::open(&url, config).expect("a folder of blobs");
    let (mut one, mut two) = (
        blobs.stage(100).expect("one"),
        blobs.stage(100).expect("two"),
    );
    write_all(&mut one, &[b"1234567890"]).await.expect("room");
    let full = write_all(&mut two, &[b"1234567890"]).await;
    assert!(matches!(full, Err(BlobError::Full { .. })), "{full:?}");
    let staged = one.finish().await.expect("the first");
    let put = blobs.put_staged(SPACE, "med_1", "original", staged).await;
    put.expect("the first");
    let mut three = blobs.stage(100).expect("three");
    write_all(&mut three, &[b"1234567890"])
        .await
        .expect("room again");
}

#[tokio::test]
async fn what_a_crash_left_staged_is_gone_after_the_next_start() {
    let place = support::disk();
    let staging = place.folder.path().join("blobs/.staging");
    std::fs::write(staging.join("staged-abc"), b"half").expect("a leftover");
    let url = format!("file:{}", place.folder.path().join("blobs").display());
    let again = Blobs::open(&url, support::config(&place.folder)).expect("a folder of blobs");
    assert_eq!(files(&staging), 0);
    assert_eq!(again.list(SPACE, None, 10).await, Ok(Vec::new()));
}

#[tokio::test]
async fn a_folder_that_cannot_be_written_is_no_corruption() {
    let place = support::disk();
    let key = key("med_1", "original");
    place
        .blobs
        .put(&key, Bytes::from_static(b"one"))
        .await
        .expect("a blob");
    // A file where a folder must be: what a broken disk looks like, for root as well.
    let in_the_way = place.folder.path().join("blobs/ten_09");
    std::fs::write(&in_the_way, b"").expect("a file");
    let other = stoa_blobs::BlobGroup::new("ten_09", [1; 32], "med_1").expect("a group");
    let other = other.part("original").expect("a key");
    let failed = place.blobs.put(&other, Bytes::from_static(b"two")).await;
    assert!(failed.is_err(), "{failed:?}");
    std::fs::remove_file(in_the_way).expect("mended");
    place
        .blobs
        .put(&other, Bytes::from_static(b"two"))
        .await
        .expect("well again");
    assert_eq!(
        &place.blobs.read(&key, 10).await.expect("still there")[..],
        b"one"
    );
}

#[tokio::test]
async fn a_server_that_is_gone_or_silent_is_waited_for_within_a_bound() {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("an address");
    let folder = tempfile::tempdir().expect("a folder");
    let url = format!("s3://bucket?endpoint=http://{address}");
    let blobs = Blobs::open(&url, support::config(&folder)).expect("a bucket");
    let key = key("med_1", "original");
    let began = Instant::now();
    let silent = blobs.head(&key).await;
    assert!(
        matches!(silent, Err(BlobError::Unreachable { .. })),
        "{silent:?}"
    );
    assert!(
        began.elapsed() < Duration::from_secs(12),
        "{:?}",
        began.elapsed()
    );
    drop(listener);
    let gone = blobs.put(&key, Bytes::from_static(b"x")).await;
    assert!(
        matches!(gone, Err(BlobError::Unreachable { .. })),
        "{gone:?}"
    );
}
