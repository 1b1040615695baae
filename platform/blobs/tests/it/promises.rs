//! What every store promises.

use bytes::Bytes;
use stoa_blobs::{BlobError, Blobs};

use crate::support::{self, SPACE, collect, everywhere, group, key, write_all};

#[tokio::test]
async fn what_is_staged_is_found_under_the_sum_of_its_bytes() {
    for place in everywhere().await {
        let blobs = &place.blobs;
        let mut stage = blobs.stage(100).expect("a stage");
        write_all(&mut stage, &[b"hello ", b"world"])
            .await
            .expect(place.kind);
        let staged = stage.finish().await.expect(place.kind);
        assert_eq!(staged.bytes, 11);
        let put = blobs.put_staged(SPACE, "med_1", "original", staged).await;
        let put = put.expect(place.kind);
        assert_eq!(
            put.path(),
            "ten_01/b9/b94d27b9934d3e08a52e52d7da7dabfac484efe37a5380ee9088f7ace2efcde9.med_1/original"
        );
        let read = blobs.read(&put, 11).await.expect(place.kind);
        assert_eq!(&read[..], b"hello world", "{}", place.kind);
        assert_eq!(
            blobs.read(&put, 10).await,
            Err(BlobError::TooLarge { bytes_max: 10 })
        );
        assert_eq!(blobs.head(&put).await, Ok(Some(11)), "{}", place.kind);
    }
}

#[tokio::test]
async fn putting_twice_is_putting_once_and_the_last_stands() {
    for place in everywhere().await {
        let (blobs, key) = (&place.blobs, key("med_1", "640.webp"));
        for text in ["first", "first", "second"] {
            blobs.put(&key, Bytes::from(text)).await.expect(place.kind);
        }
        let read = blobs.read(&key, 100).await.expect(place.kind);
        assert_eq!(&read[..], b"second", "{}", place.kind);
        let listed = blobs.list(SPACE, None, 10).await.expect(place.kind);
        assert_eq!(listed.len(), 1, "{}", place.kind);
    }
}

#[tokio::test]
async fn a_part_of_a_blob_comes_with_the_size_of_the_whole() {
    for place in everywhere().await {
        let (blobs, key) = (&place.blobs, key("med_1", "original"));
        let large: Vec<u8> = (0..600_000_u32).map(|at| (at % 251) as u8).collect();
        blobs
            .put(&key, Bytes::from(large.clone()))
            .await
            .expect(place.kind);
        let found = blobs
            .get(&key, Some(299_990..300_010))
            .await
            .expect(place.kind);
        assert_eq!(
            (found.bytes_total, found.range.clone()),
            (600_000, 299_990..300_010)
        );
        assert_eq!(
            collect(found).await,
            &large[299_990..300_010],
            "{}",
            place.kind
        );
        let whole = blobs.get(&key, None).await.expect(place.kind);
        assert_eq!(collect(whole).await, large, "{}", place.kind);
    }
}

#[tokio::test]
async fn what_is_not_there_is_said_to_be_so() {
    for place in everywhere().await {
        let (blobs, key) = (&place.blobs, key("med_1", "original"));
        assert_eq!(
            blobs.read(&key, 10).await,
            Err(BlobError::NotFound),
            "{}",
            place.kind
        );
        assert_eq!(blobs.head(&key).await, Ok(None), "{}", place.kind);
        assert_eq!(blobs.delete(&key).await, Ok(()), "{}", place.kind);
        assert_eq!(
            blobs.list(SPACE, None, 10).await,
            Ok(Vec::new()),
            "{}",
            place.kind
        );
    }
}

#[tokio::test]
async fn a_group_goes_whole_and_leaves_its_neighbours() {
    for place in everywhere().await {
        let blobs = &place.blobs;
        for (owner, part) in [
            ("med_1", "original"),
            ("med_1", "160.webp"),
            ("med_10", "original"),
        ] {
            let put = blobs.put(&key(owner, part), Bytes::from_static(b"x")).await;
            put.expect(place.kind);
        }
        let gone = blobs.delete_group(&group("med_1")).await;
        assert_eq!(gone, Ok(2), "{}", place.kind);
        let left = blobs.list(SPACE, None, 10).await.expect(place.kind);
        let left: Vec<String> = left.iter().map(|blob| blob.key.path()).collect();
        assert_eq!(left, [key("med_10", "original").path()], "{}", place.kind);
    }
}

#[tokio::test]
async fn a_list_goes_on_where_it_stopped_and_stays_in_its_space() {
    for place in everywhere().await {
        let blobs = &place.blobs;
        let mut wanted = Vec::new();
        for owner in ["med_1", "med_2", "med_3"] {
            for part in ["160.webp", "original"] {
                let key = key(owner, part);
                blobs
                    .put(&key, Bytes::from_static(b"x"))
                    .await
                    .expect(place.kind);
                wanted.push(key.path());
            }
        }
        let other = stoa_blobs::BlobGroup::new("ten_02", [7; 32], "med_1").expect("a group");
        let other = other.part("original").expect("a key");
        blobs
            .put(&other, Bytes::from_static(b"x"))
            .await
            .expect(place.kind);
        let (mut seen, mut after) = (Vec::new(), None);
        loop {
            let page = blobs
                .list(SPACE, after.as_ref(), 4)
                .await
                .expect(place.kind);
            assert!(page.len() <= 4, "{}", place.kind);
            let Some(last) = page.last() else { break };
            after = Some(last.key.clone());
            seen.extend(page.iter().map(|blob| blob.key.path()));
        }
        assert_eq!(seen, wanted, "{}", place.kind);
    }
}

#[tokio::test]
async fn an_unknown_store_names_the_known_ones() {
    let folder = tempfile::tempdir().expect("a folder");
    let open = |url: &str| match Blobs::open(url, support::config(&folder)) {
        Ok(_) => panic!("{url} was opened"),
        Err(error) => error.to_string(),
    };
    assert_eq!(
        open("gs://bucket"),
        "`gs` names no known blob store; known are: file:, s3:"
    );
    assert_eq!(open("s3://"), "the URL of the blob store names no bucket");
    assert_eq!(
        open("s3://bucket?secret=x"),
        "the URL of the blob store has an unknown option `secret`"
    );
    assert_eq!(open("file:"), "the URL of the blob store names no folder");
}
