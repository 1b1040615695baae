//! What staff send and see.

use http::Method;

use crate::support::{ALL, Shop, Store, everywhere, jpeg, png, text};

#[tokio::test]
async fn an_upload_is_known_by_its_content_and_kept_once() {
    for cells in everywhere().await {
        let store = Store::new(&cells);
        let shop = Shop::open(&cells, "acme", &store.blobs).await;
        let photo = jpeg(400, 200, 1);
        let made = shop.uploaded("Blue%20Shirt.exe", &photo).await;
        assert_eq!(made["mime"], "image/jpeg", "{}", cells.kind);
        assert_eq!(
            (&made["width"], &made["height"]),
            (&400.into(), &200.into())
        );
        assert_eq!(made["alt"], "A shirt");
        assert!(
            text(&made, "url").ends_with("-400x200/blue-shirt.jpg"),
            "{made}"
        );
        let again = shop.upload("other.jpg", &photo).await;
        assert_eq!(again.status, 200, "{}", cells.kind);
        assert_eq!(again.json()["id"], made["id"], "{}", cells.kind);
        let listed = shop.get(ALL).await.json();
        assert_eq!(
            listed["data"].as_array().map(Vec::len),
            Some(1),
            "{}",
            cells.kind
        );
        let one = shop.get(&format!("{ALL}/{}", text(&made, "id"))).await;
        assert_eq!(one.json(), made, "{}", cells.kind);
    }
}

#[tokio::test]
async fn what_is_no_picture_is_refused_and_leaves_nothing() {
    for cells in everywhere().await {
        let store = Store::new(&cells);
        let shop = Shop::open(&cells, "acme", &store.blobs).await;
        let mut bomb = png(1, 1);
        // The header's sides: 16,000 each.
        bomb[16..24].copy_from_slice(&[0, 0, 0x3e, 0x80, 0, 0, 0x3e, 0x80]);
        let photo = jpeg(64, 64, 1);
        for (bytes, wanted) in [
            (b"<html></html>".to_vec(), (415, "media_unknown_type")),
            (bomb, (422, "media_too_many_pixels")),
            (photo[..photo.len() / 2].to_vec(), (422, "media_broken")),
            (b"<svg>&x;</svg>".to_vec(), (422, "media_svg_refused")),
            (Vec::new(), (415, "media_unknown_type")),
            (vec![0xff; 26 * 1024 * 1024], (413, "payload_too_large")),
        ] {
            let answer = shop.upload("a.jpg", &bytes).await;
            assert_eq!(
                answer.code(),
                (wanted.0, wanted.1.to_owned()),
                "{}",
                cells.kind
            );
        }
        let listed = shop.get(ALL).await.json();
        assert_eq!(
            listed["data"].as_array().map(Vec::len),
            Some(0),
            "{}",
            cells.kind
        );
        let space = shop.tenant.to_string();
        assert_eq!(store.blobs.list(&space, None, 10).await, Ok(Vec::new()));
    }
}

#[tokio::test]
async fn pictures_are_listed_a_page_at_a_time_described_and_removed() {
    for cells in everywhere().await {
        let store = Store::new(&cells);
        let shop = Shop::open(&cells, "acme", &store.blobs).await;
        let mut ids = Vec::new();
        for seed in 1..=3 {
            let made = shop.uploaded("a.jpg", &jpeg(16, 16, seed)).await;
            ids.push(text(&made, "id").to_owned());
            cells.clock.advance(std::time::Duration::from_millis(1));
        }
        let first = shop.get(&format!("{ALL}?limit=2")).await.json();
        assert_eq!(first["data"][0]["id"], ids[2].as_str(), "{}", cells.kind);
        let cursor = first["pagination"]["cursor"].as_str().expect("a cursor");
        let rest = shop
            .get(&format!("{ALL}?limit=2&cursor={cursor}"))
            .await
            .json();
        assert_eq!(rest["data"][0]["id"], ids[0].as_str(), "{}", cells.kind);
        assert_eq!(
            rest["data"].as_array().map(Vec::len),
            Some(1),
            "{}",
            cells.kind
        );

        let path = format!("{ALL}/{}", ids[0]);
        let json = [("content-type", "application/json")];
        let said = shop.call(
            Method::PATCH,
            &path,
            &json,
            br#"{"alt":" A hat "}"#.to_vec(),
        );
        assert_eq!(said.await.json()["alt"], "A hat", "{}", cells.kind);
        let gone = shop.call(Method::DELETE, &path, &[], Vec::new()).await;
        assert_eq!(gone.status, 204, "{}", cells.kind);
        for method in [Method::GET, Method::DELETE] {
            let answer = shop.call(method, &path, &[], Vec::new()).await;
            assert_eq!(
                answer.code(),
                (404, "media_not_found".to_owned()),
                "{}",
                cells.kind
            );
        }
    }
}
