//! Who may open a cart.

use serde_json::json;

use crate::support::{MUG, Shop, everywhere};

#[tokio::test(flavor = "multi_thread")]
async fn a_new_cart_is_empty_and_comes_with_its_token() {
    for cells in everywhere().await {
        let shop = Shop::open(&cells, "one").await;
        let shopper = shop.cart().await;
        assert_eq!(shopper.token.len(), 43, "{}", cells.kind);
        let zero = json!({ "amount": 0, "currency": "EUR" });
        let mut shown = shopper.created.clone();
        shown.as_object_mut().expect("an object").remove("token");
        assert_eq!(
            shown,
            json!({
                "id": shopper.id, "status": "open", "currency": "EUR", "lines": [],
                "email": null, "shipping_address": null, "billing_address": null,
                "shipping_option_id": null, "shipping": null, "coupons": [], "refused_coupons": [],
                "promotions": [], "note": null, "customer_id": null, "notices": [],
                "taxes": [{ "name": "VAT", "rate_ppm": 0, "amount": zero }],
                // Thirty days after the clock's beginning.
                "expires_at": "2026-01-31T00:00:00Z",
                "totals": { "subtotal": zero, "discount": zero, "shipping": zero, "tax": zero,
                            "total": zero },
                "tax_inclusive": true, "order_id": null, "version": 1,
            }),
            "{}",
            cells.kind
        );
        assert_eq!(shopper.view().await, shown, "{}", cells.kind);
        let answer = shopper.send("GET", "", None).await;
        assert_eq!(answer.headers["etag"], "\"1\"", "{}", cells.kind);
        assert_eq!(
            answer.headers["cache-control"], "no-store",
            "{}",
            cells.kind
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_route_answers_a_wrong_token_as_if_there_were_no_cart() {
    for cells in everywhere().await {
        let shop = Shop::open(&cells, "one").await;
        let (mine, other) = (shop.cart().await, shop.cart().await);
        let added = mine.add(MUG, 1).await;
        let cart = format!("/api/v1/carts/{}", mine.id);
        let line = format!("{cart}/lines/{}", added.line(0));
        let routes = [
            ("GET", cart.clone(), None),
            (
                "PATCH",
                cart.clone(),
                Some(json!({ "email": "jo@example.com" })),
            ),
            ("GET", format!("{cart}/shipping-options"), None),
            (
                "POST",
                format!("{cart}/lines"),
                Some(json!({ "variant_id": MUG, "quantity": 1 })),
            ),
            ("PATCH", line.clone(), Some(json!({ "quantity": 2 }))),
            ("DELETE", line, None),
            ("POST", format!("{cart}/notices/seen"), None),
            ("DELETE", format!("{cart}/lines/nonsense"), None),
        ];
        for (method, path, body) in &routes {
            for token in [None, Some(""), Some("wrong"), Some(other.token.as_str())] {
                let answer = shop.send(method, path, token, body.as_ref()).await;
                let refusal = answer.refusal();
                assert_eq!(
                    refusal,
                    (404, "cart_not_found"),
                    "{method} {path} {token:?}"
                );
            }
        }
        for id in ["cart_00000000000000000000000009", "cart_x", "order_1"] {
            let path = format!("/api/v1/carts/{id}");
            let answer = shop.send("GET", &path, Some(&mine.token), None).await;
            assert_eq!(answer.refusal(), (404, "cart_not_found"), "{id}");
        }
        assert_eq!(
            mine.view().await,
            added.json,
            "{}: nothing changed",
            cells.kind
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_of_one_tenant_opens_no_cart_of_another() {
    for cells in everywhere().await {
        let (one, two) = (
            Shop::open(&cells, "one").await,
            Shop::open(&cells, "two").await,
        );
        let shopper = one.cart().await;
        shopper.add(MUG, 1).await;
        let path = format!("/api/v1/carts/{}", shopper.id);
        let answer = two.send("GET", &path, Some(&shopper.token), None).await;
        assert_eq!(answer.refusal(), (404, "cart_not_found"), "{}", cells.kind);
        assert!(one.carts.opens(one.tenant, &shopper.key()));
        assert!(!two.carts.opens(two.tenant, &shopper.key()));
        // Even under the row's own id, a forged token of the right tenant finds no row there.
        let id = shopper.cart_id();
        let found = two
            .db
            .write({
                let carts = two.carts.clone();
                async move |tx: &mut stoa_storage::Tx<'_>| carts.lock(tx, id).await
            })
            .await;
        assert_eq!(found.expect("a read"), None, "{}", cells.kind);
    }
}
