//! What staff do in a shop: coupons, gift cards, ways to pay, drafts. Asserts nothing but success.

use axum::body::Body;
use axum::http::Request;
use serde_json::{Value, json};
use stoa_contracts::Totals;
use stoa_contracts::orders::{NewOrder, NewOrderLine};
use stoa_kernel::{Currency, Money, OrderId, Quantity, VariantId};
use stoa_storage::{Cause, Tx};
use tower::ServiceExt as _;

use crate::market::Market;

impl Market {
    pub(crate) async fn staff_post(&self, path: &str, body: &Value) -> Value {
        let key = self
            .staff("prices:write payments:write settings:write")
            .await;
        let request = Request::post(path)
            .header("host", "shop.localhost")
            .header("content-type", "application/json")
            .header("authorization", key)
            .header(
                "idempotency-key",
                self.cells.deps.ids.next_u128().to_string(),
            )
            .body(Body::from(body.to_string()))
            .expect("a request");
        let response = self
            .router
            .clone()
            .oneshot(request)
            .await
            .expect("an answer");
        let status = response.status();
        let bytes = axum::body::to_bytes(response.into_body(), 1 << 20)
            .await
            .expect("a body");
        assert!(
            status.is_success(),
            "{path}: {status} {}",
            String::from_utf8_lossy(&bytes)
        );
        serde_json::from_slice(&bytes).expect("JSON")
    }

    pub(crate) async fn gift_card(&self, amount: i64) -> String {
        let body = json!({ "amount": { "amount": amount, "currency": "EUR" } });
        let card = self.staff_post("/api/v1/admin/gift-cards", &body).await;
        card["code"].as_str().expect("a code").to_owned()
    }

    /// A coupon that takes a tenth off, `uses` times.
    pub(crate) async fn coupon(&self, code: &str, uses: i64) {
        let body = json!({
            "title": "A tenth off",
            "codes": [code],
            "benefit": { "kind": "percentage", "rate_ppm": 100_000 },
            "budget": { "uses_max": uses },
        });
        self.staff_post("/api/v1/admin/promotions", &body).await;
    }

    pub(crate) async fn bank_transfer(&self) {
        let body = json!({
            "id": "bank",
            "kind": "manual",
            "title": "Bank transfer",
            "instructions": "Send it to DE02 1203.\nWe pack when it arrives.",
        });
        self.staff_post("/api/v1/admin/payments/providers", &body)
            .await;
    }

    /// A draft of one print, at a price that staff agreed; its payment link.
    pub(crate) async fn draft(&self, variant: VariantId, cents: i64) -> (OrderId, String) {
        let (ids, now) = (&self.cells.deps.ids, self.cells.deps.now());
        let id: OrderId = ids.make(now);
        let euros = |amount| Money::new(amount, Currency::EUR);
        let line = NewOrderLine {
            id: ids.make(now),
            variant,
            product: stoa_kernel::ProductId::from_u128(7),
            title: "Tide".to_owned(),
            variant_title: "Default".to_owned(),
            sku: None,
            image: None,
            quantity: Quantity::ONE,
            requires_shipping: false,
            grams: 0,
            unit_price: euros(cents),
            subtotal: euros(cents),
            discount: euros(0),
            tax: euros(0),
            total: euros(cents),
            adjustments: Vec::new(),
            components: Vec::new(),
        };
        let order = NewOrder {
            id,
            cart: None,
            customer: None,
            note: None,
            promotions: Vec::new(),
            taxes: Vec::new(),
            gift_card: euros(0),
            email: "ida@example.com".to_owned(),
            shipping_address: None,
            billing_address: None,
            shipping_option: None,
            lines: vec![line],
            totals: Totals {
                subtotal: euros(cents),
                discount: euros(0),
                shipping: euros(0),
                tax: euros(0),
                total: euros(cents),
            },
            tax_inclusive: false,
            test: true,
        };
        let (orders, cause) = (self.peers.orders.clone(), Cause::system(now));
        orders.ensure_numbers(self.shop).await.expect("numbers");
        self.cells
            .db(self.shop)
            .await
            .write(async move |tx: &mut Tx<'_>| orders.create_draft(tx, &order, &cause).await)
            .await
            .expect("a draft");
        let token = self.peers.orders.token(self.shop, id);
        (id, format!("/pay/{id}?token={token}"))
    }
}
