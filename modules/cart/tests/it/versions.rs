//! `If-Match` on every change, and versions that only rise.

use serde_json::{Value, json};

use crate::support::{Answer, MUG, Shop, Shopper, everywhere};

impl Shopper {
    async fn change(&self, method: &str, path: &str, tag: &str, body: Option<&Value>) -> Answer {
        let path = format!("/api/v1/carts/{}{path}", self.id);
        let headers = [("stoa-cart-token", self.token.as_str()), ("if-match", tag)];
        self.shop().send_with(method, &path, &headers, body).await
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_change_is_refused_where_the_cart_is_not_the_one_that_was_read() {
    for cells in everywhere().await {
        let shop = Shop::open(&cells, "one").await;
        let shopper = shop.cart().await;
        let added = shopper.add(MUG, 1).await;
        let line = format!("/lines/{}", added.line(0));
        let more = json!({ "variant_id": MUG, "quantity": 1 });
        let two = json!({ "quantity": 2 });
        let note = json!({ "note": "Ring twice" });
        let changes = [
            ("POST", "/lines", Some(&more)),
            ("PATCH", line.as_str(), Some(&two)),
            ("PATCH", "", Some(&note)),
            ("POST", "/notices/seen", None),
            ("DELETE", line.as_str(), None),
        ];
        for (method, path, body) in changes {
            for stale in ["\"1\"", "\"3\"", "W/\"2\"", "\"x\"", ""] {
                let refused = shopper.change(method, path, stale, body).await;
                assert_eq!(refused.refusal(), (412, "precondition_failed"), "{path}");
                assert_eq!(refused.headers["etag"], "\"2\"", "{method} {path} {stale}");
            }
        }
        let kept = shopper.view().await;
        assert_eq!(kept, added.json, "{}: nothing changed", cells.kind);
        // In order, each with the tag of the answer before.
        let mut tag = "\"2\"".to_owned();
        for (method, path, body) in changes {
            let changed = shopper.change(method, path, &tag, body).await;
            assert_eq!(changed.status, 200, "{method} {path}: {}", changed.json);
            tag = changed.headers["etag"].to_str().expect("a tag").to_owned();
        }
        assert_eq!(
            tag, "\"5\"",
            "{}: seeing nothing changed nothing",
            cells.kind
        );
        let any = shopper.change("POST", "/lines", "*", Some(&more)).await;
        assert_eq!(any.status, 200, "{}", cells.kind);
        let either = "\"1\", \"6\"";
        let clear = json!({ "note": "" });
        let any = shopper.change("PATCH", "", either, Some(&clear));
        assert_eq!(any.await.json["version"], 7, "{}", cells.kind);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn of_changes_at_once_with_one_tag_exactly_one_is_made() {
    for cells in everywhere().await {
        let shop = Shop::open(&cells, "one").await;
        let shopper = shop.cart().await;
        let making: Vec<_> = (0..12)
            .map(|_| {
                let shopper = shopper.clone();
                let body = json!({ "variant_id": MUG, "quantity": 1 });
                tokio::spawn(
                    async move { shopper.change("POST", "/lines", "\"1\"", Some(&body)).await },
                )
            })
            .collect();
        let mut statuses = Vec::new();
        for change in making {
            statuses.push(change.await.expect("no panic").status);
        }
        statuses.sort_unstable();
        let mut expected = vec![412; 12];
        expected[0] = 200;
        assert_eq!(statuses, expected, "{}", cells.kind);
        assert_eq!(shopper.view().await["lines"][0]["quantity"], 1);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn additions_at_once_each_get_a_version_of_their_own() {
    for cells in everywhere().await {
        let shop = Shop::open(&cells, "one").await;
        shop.stock(&cells, MUG, 100).await;
        let shopper = shop.cart().await;
        let adding: Vec<_> = (0..16)
            .map(|_| {
                let shopper = shopper.clone();
                tokio::spawn(async move { shopper.add(MUG, 2).await.json })
            })
            .collect();
        let mut seen = Vec::new();
        for add in adding {
            let cart = add.await.expect("no panic");
            let number = |value: &Value| value.as_u64().expect("a number");
            seen.push((
                number(&cart["version"]),
                number(&cart["lines"][0]["quantity"]),
            ));
        }
        seen.sort_unstable();
        // Each answer shows exactly what had been added up to its version.
        let expected: Vec<_> = (1..=16).map(|nth| (nth + 1, nth * 2)).collect();
        assert_eq!(seen, expected, "{}", cells.kind);
    }
}
