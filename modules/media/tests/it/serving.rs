//! What shoppers see, and what they never do.

use http::Method;
use stoa_blobs::Blobs;

use crate::support::{Answer, Shop, Store, everywhere, jpeg, png, text, version};

async fn blobs_of(shop: &Shop<'_>, blobs: &Blobs) -> Vec<String> {
    let space = shop.tenant.to_string();
    let listed = blobs.list(&space, None, 100).await.expect("a list");
    listed
        .iter()
        .map(|blob| blob.key.part().to_owned())
        .collect()
}

fn assert_for_good(answer: &Answer) {
    assert_eq!(
        answer.header("cache-control"),
        "public, max-age=31536000, immutable"
    );
    assert_eq!(answer.header("x-content-type-options"), "nosniff");
    assert_eq!(
        answer.header("content-security-policy"),
        "default-src 'none'; style-src 'unsafe-inline'; sandbox"
    );
    assert!(
        answer.header("etag").starts_with('"'),
        "{}",
        answer.header("etag")
    );
}

#[tokio::test]
async fn a_version_is_made_once_and_never_changes() {
    for cells in everywhere().await {
        let store = Store::new(&cells);
        let shop = Shop::open(&cells, "acme", &store.blobs).await;
        let made = shop.uploaded("shirt.jpg", &jpeg(700, 350, 1)).await;
        let url = text(&made, "url");
        let (webp, avif) = (version(url, "320.webp"), version(url, "160.avif"));
        let (one, two) = tokio::join!(shop.get(&webp), shop.get(&webp));
        assert_eq!((one.status, two.status), (200, 200), "{}", cells.kind);
        assert_eq!(one.header("content-type"), "image/webp");
        assert_for_good(&one);
        assert_eq!(one.body, two.body);
        let small = image::load_from_memory(&one.body).expect("a picture");
        assert_eq!((small.width(), small.height()), (320, 160));
        assert_eq!(
            blobs_of(&shop, &store.blobs).await,
            ["320.webp", "original"]
        );
        assert_eq!(shop.get(&avif).await.header("content-type"), "image/avif");

        let tag = one.header("etag");
        let held = shop
            .call(Method::GET, &webp, &[("if-none-match", tag)], Vec::new())
            .await;
        assert_eq!((held.status, held.body.len()), (304, 0), "{}", cells.kind);
        assert_ne!(shop.get(&avif).await.header("etag"), tag);
        // Another process finds what this one made.
        let other = Shop::open(&cells, "acme", &store.blobs).await;
        assert_eq!(other.get(&webp).await.body, one.body, "{}", cells.kind);
    }
}

#[tokio::test]
async fn only_widths_and_formats_of_the_ladder_exist() {
    for cells in everywhere().await {
        let store = Store::new(&cells);
        let shop = Shop::open(&cells, "acme", &store.blobs).await;
        let made = shop.uploaded("shirt.jpg", &jpeg(700, 350, 1)).await;
        let url = text(&made, "url");
        for end in [
            "161.webp", "960.webp", "0.webp", "320.gif", "320.svg", "320",
        ] {
            let answer = shop.get(&version(url, end)).await;
            assert_eq!(answer.code(), (404, "media_not_found".to_owned()), "{end}");
        }
        assert_eq!(shop.get(&version(url, "700.jpg")).await.status, 200);
        // Another sum, other sides, another kind: not this picture's addresses.
        for wrong in [
            url.replace("-700x350/", "-700x351/"),
            url.replace("-700x350/", "-700x350a/"),
            url.replace(".jpg", ".png"),
        ] {
            assert_eq!(shop.get(&wrong).await.status, 404, "{wrong}");
        }
        assert_eq!(blobs_of(&shop, &store.blobs).await, ["700.jpg", "original"]);
    }
}

#[tokio::test]
async fn no_shop_sees_the_picture_of_another_with_its_address_known() {
    for cells in everywhere().await {
        let store = Store::new(&cells);
        let acme = Shop::open(&cells, "acme", &store.blobs).await;
        let other = Shop::open(&cells, "other", &store.blobs).await;
        let photo = jpeg(400, 200, 1);
        let made = acme.uploaded("shirt.jpg", &photo).await;
        let url = text(&made, "url");
        let webp = version(url, "320.webp");
        for path in [url, &webp] {
            let seen = acme.get(path).await;
            assert_eq!(seen.status, 200, "{}", cells.kind);
            let held = [("if-none-match", seen.header("etag"))];
            let answer = other.call(Method::GET, path, &held, Vec::new()).await;
            assert_eq!(
                answer.code(),
                (404, "media_not_found".to_owned()),
                "{}",
                cells.kind
            );
        }
        let one = format!("{}/{}", crate::support::ALL, text(&made, "id"));
        assert_eq!(other.get(&one).await.status, 404, "{}", cells.kind);
        let theirs = other.uploaded("shirt.jpg", &photo).await;
        assert_ne!(
            theirs["id"], made["id"],
            "the same content is each shop's own"
        );
        let gone = other.call(Method::DELETE, &one, &[], Vec::new()).await;
        assert_eq!(gone.status, 404, "{}", cells.kind);
        assert_eq!(acme.get(url).await.status, 200, "{}", cells.kind);
    }
}

#[tokio::test]
async fn an_original_comes_in_parts_where_asked_for() {
    for cells in everywhere().await {
        let store = Store::new(&cells);
        let shop = Shop::open(&cells, "acme", &store.blobs).await;
        let photo = jpeg(64, 32, 1);
        let made = shop.uploaded("shirt.jpg", &photo).await;
        let url = text(&made, "url");
        let whole = shop.get(url).await;
        assert_for_good(&whole);
        assert_eq!((whole.status, &whole.body), (200, &photo), "{}", cells.kind);
        assert_eq!(whole.header("accept-ranges"), "bytes");
        assert_eq!(whole.header("content-length"), photo.len().to_string());

        let range = |value: &'static str| [("range", value)];
        let part = shop
            .call(Method::GET, url, &range("bytes=2-9"), Vec::new())
            .await;
        assert_eq!(
            (part.status, &part.body[..]),
            (206, &photo[2..10]),
            "{}",
            cells.kind
        );
        let told = format!("bytes 2-9/{}", photo.len());
        assert_eq!(part.header("content-range"), told);
        let beyond = shop
            .call(Method::GET, url, &range("bytes=999999-"), Vec::new())
            .await;
        assert_eq!(beyond.status, 416, "{}", cells.kind);
        let stale = [("range", "bytes=2-9"), ("if-range", "\"another\"")];
        let stale = shop.call(Method::GET, url, &stale, Vec::new()).await;
        assert_eq!((stale.status, stale.body), (200, photo), "{}", cells.kind);
    }
}

#[tokio::test]
async fn a_drawing_is_served_without_what_acts() {
    for cells in everywhere().await {
        let store = Store::new(&cells);
        let shop = Shop::open(&cells, "acme", &store.blobs).await;
        let drawing = b"<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"10\" height=\"20\">\
            <script>alert(1)</script><rect onclick=\"alert(1)\" width=\"5\"/></svg>";
        let made = shop.uploaded("logo.svg", drawing).await;
        assert_eq!((&made["width"], &made["height"]), (&10.into(), &20.into()));
        let url = text(&made, "url");
        let seen = shop.get(url).await;
        assert_eq!(seen.header("content-type"), "image/svg+xml");
        assert_for_good(&seen);
        let text = String::from_utf8(seen.body).expect("text");
        assert!(
            !text.contains("script") && !text.contains("onclick"),
            "{text}"
        );
        assert_eq!(shop.get(&version(url, "10.png")).await.status, 404);
    }
}

#[tokio::test]
async fn every_address_of_a_picture_leads_to_it() {
    for cells in everywhere().await {
        let store = Store::new(&cells);
        let shop = Shop::open(&cells, "acme", &store.blobs).await;
        let made = shop.uploaded("glass.png", &png(200, 100)).await;
        let picture = shop
            .module
            .contract
            .picture(text(&made, "url"), 4_000)
            .expect("ours");
        let mut addresses = vec![picture.src.clone()];
        for source in &picture.sources {
            let each = source.srcset.split(", ").map(|one| one.split(' ').next());
            addresses.extend(each.flatten().map(str::to_owned));
        }
        assert_eq!(addresses.len(), 1 + 3 * 2, "{addresses:?}");
        for address in addresses {
            assert_eq!(
                shop.get(&address).await.status,
                200,
                "{} {address}",
                cells.kind
            );
        }
    }
}
