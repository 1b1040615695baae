//! What staff and the bus do in a shop: coupons, gift cards, news. Asserts nothing but success.

use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::extract::Request;
use serde_json::{Value, json};
use stoa_contracts::Deps;
use stoa_contracts::checkout::{JournalEntry, SagaStuck};
use stoa_kernel::{Envelope, OrderId, Timestamp};
use stoa_rest::{Caller, RouterConfig, Routes};
use stoa_storage::{Cause, Tx};
use stoa_telemetry::Metrics;
use tower::ServiceExt as _;

use crate::api::{OpenGate, json_of};
use crate::shop::Shop;

pub(crate) fn router(deps: &Deps, routes: Routes) -> Router {
    let gate = Arc::new(OpenGate(deps.storage.clone(), Caller::Operator));
    let metrics = Metrics::new(Timestamp::from_micros(0));
    routes.into_router(gate, RouterConfig::new(metrics, deps.ids.clone()))
}

impl Shop {
    pub(crate) async fn staff_post(&self, path: &str, body: &Value) -> Value {
        let request = Request::post(path)
            .header("host", "shop")
            .header("content-type", "application/json")
            .header("authorization", "Bearer sk_staff")
            .header("idempotency-key", self.deps.ids.next_u128().to_string())
            .body(Body::from(body.to_string()))
            .unwrap();
        let response = self.staff.clone().oneshot(request).await.unwrap();
        let status = response.status();
        let answer = json_of(response).await;
        assert!(status.is_success(), "{}: {status} {answer}", self.kind);
        answer
    }

    /// A gift card's code.
    pub(crate) async fn gift_card(&self, amount: i64) -> String {
        let body = json!({ "amount": { "amount": amount, "currency": "EUR" } });
        let card = self.staff_post("/api/v1/admin/gift-cards", &body).await;
        card["code"].as_str().unwrap().to_owned()
    }

    pub(crate) async fn left_on(&self, code: &str) -> i64 {
        let currency = stoa_kernel::Currency::EUR;
        let ledger = &self.peers.ledger;
        let left = ledger.gift_card_balance(self.tenant, code, currency).await;
        left.expect(self.kind).amount
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

    pub(crate) async fn log(&self) -> Vec<Envelope> {
        let cell = self.deps.storage.tenant(self.tenant).await;
        let cell = cell.expect(self.kind).cell;
        let log = self.deps.storage.event_log(cell).await.expect(self.kind);
        while log.sequence().await.expect(self.kind) > 0 {}
        let events = log.after(0, 10_000).await.expect(self.kind);
        let ours = |event: &Envelope| event.tenant == self.tenant;
        events.into_iter().filter(ours).collect()
    }

    /// Brings every event to the workflow's consumer, as the bus would; again each time.
    pub(crate) async fn hear(&self) {
        for event in self.log().await {
            self.hear_one(event).await;
        }
    }

    pub(crate) async fn hear_one(&self, event: Envelope) {
        let consumer = self.checkout.consumers[0].clone();
        if !consumer.subjects().contains(&event.subject) {
            return;
        }
        let db = self.db().await;
        db.write(async move |tx: &mut Tx<'_>| {
            consumer.handle(tx, &event).await.expect("a known fact");
            Ok::<_, stoa_storage::Error>(())
        })
        .await
        .expect(self.kind);
    }

    /// As if somebody had given the order's hold back by hand.
    pub(crate) async fn give_back(&self, order: OrderId) {
        let (inventory, cause) = (self.peers.inventory.clone(), Cause::system(self.deps.now()));
        let db = self.db().await;
        db.write(async move |tx: &mut Tx<'_>| inventory.release(tx, order, &cause).await)
            .await
            .expect(self.kind);
    }

    pub(crate) async fn journal(&self, order: OrderId) -> Vec<JournalEntry> {
        let contract = &self.checkout.contract;
        let told = contract.journal(self.tenant, order).await;
        told.expect(self.kind)
    }

    /// `step / undo: outcome`, oldest first.
    pub(crate) async fn journal_lines(&self, order: OrderId) -> Vec<String> {
        let line = |entry: JournalEntry| {
            let undo = entry.undo.unwrap_or_else(|| "-".to_owned());
            format!("{} / {undo}: {}", entry.step, entry.outcome)
        };
        self.journal(order).await.into_iter().map(line).collect()
    }

    /// The sagas that people were told of as stuck.
    pub(crate) async fn stuck(&self) -> Vec<(OrderId, String)> {
        let facts = self.log().await.into_iter();
        facts
            .filter_map(|event| event.fact::<SagaStuck>().unwrap())
            .map(|stuck| (stuck.order, stuck.saga))
            .collect()
    }

    /// The turn of everything that comes round by the clock.
    pub(crate) async fn tick(&self) {
        let cell = self.deps.storage.tenant(self.tenant).await;
        let cell = cell.expect(self.kind).cell;
        for recurring in &self.checkout.recurring {
            let done = recurring.run(cell, self.deps.now()).await;
            done.expect(self.kind);
        }
    }
}
