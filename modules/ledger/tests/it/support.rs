//! One shop with this module in it, and what tests ask of it. Asserts only that calls answer.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use async_trait::async_trait;
use axum::Router;
use axum::body::Body;
use http::Request;
use http_body_util::BodyExt as _;
use serde_json::{Value as Json, json};
use stoa_contracts::ledger::{GiftCardChanged, GiftCardError, Ledger, Posting};
use stoa_kernel::{
    ApiKeyId, Currency, CustomerId, EntryId, Fact, Money, OrderId, RefundId, SeededIds, TenantId,
};
use stoa_ledger::{MIGRATIONS, start};
use stoa_rest::{
    Caller, Credential, CursorKey, Gate, PermissionSet, Problem, RequestTenant, RouterConfig,
    TenantInfo,
};
use stoa_storage::{Cause, Db, Error, Tx};
use stoa_telemetry::Metrics;
use stoa_testkit::{ManualClock, TestCells};
use tower::ServiceExt as _;

pub(crate) async fn everywhere() -> Vec<TestCells> {
    stoa_testkit::everywhere(&[MIGRATIONS]).await
}

pub(crate) fn order(number: u128) -> OrderId {
    OrderId::from_u128(number)
}
pub(crate) fn refund(number: u128) -> RefundId {
    RefundId::from_u128(number)
}
pub(crate) fn customer(number: u128) -> CustomerId {
    CustomerId::from_u128(number)
}
pub(crate) fn eur(amount: i64) -> Money {
    Money::new(amount, Currency::EUR)
}

/// A card as it was issued.
#[derive(Debug, Clone)]
pub(crate) struct Card {
    pub(crate) id: String,
    pub(crate) code: String,
}

/// A tenant and the module, as one test uses them.
#[derive(Clone)]
pub(crate) struct Shop {
    pub(crate) db: Db,
    pub(crate) tenant: TenantId,
    pub(crate) ledger: Arc<dyn Ledger>,
    clock: Arc<ManualClock>,
    keys: Arc<AtomicU64>,
    router: Router,
}

impl Shop {
    pub(crate) async fn open(cells: &TestCells, slug: &str) -> Self {
        let tenant = cells.tenant(slug).await;
        let module = start(cells.deps.clone(), [9; 32], CursorKey::new([1; 32]));
        let config = RouterConfig::new(Metrics::new(cells.deps.now()), Arc::new(SeededIds::new(1)));
        let router = module
            .routes
            .into_router(Arc::new(OneShop { tenant }), config);
        Self {
            db: cells.db(tenant).await,
            tenant,
            ledger: module.contract,
            clock: cells.clock.clone(),
            keys: Arc::default(),
            router,
        }
    }

    pub(crate) fn cause(&self) -> Cause {
        Cause::system(stoa_kernel::Clock::now(&*self.clock))
    }

    pub(crate) async fn post(
        &self,
        id: u128,
        order: OrderId,
        posting: Posting,
        amount: Money,
    ) -> Result<(), Error> {
        let shop = self.clone();
        let id = EntryId::from_u128(id);
        self.db
            .write(async move |tx: &mut Tx<'_>| {
                shop.ledger
                    .post(tx, id, order, &posting, amount, &shop.cause())
                    .await
            })
            .await
    }

    pub(crate) async fn hold(
        &self,
        order: OrderId,
        cards: &[&Card],
        customer: Option<CustomerId>,
        due: i64,
    ) -> Result<i64, GiftCardError> {
        let codes: Vec<String> = cards.iter().map(|card| card.code.clone()).collect();
        self.hold_codes(order, codes, customer, eur(due)).await
    }

    pub(crate) async fn hold_codes(
        &self,
        order: OrderId,
        codes: Vec<String>,
        customer: Option<CustomerId>,
        due: Money,
    ) -> Result<i64, GiftCardError> {
        let shop = self.clone();
        self.db
            .write(async move |tx: &mut Tx<'_>| {
                shop.ledger
                    .hold(tx, order, &codes, customer, due, &shop.cause())
                    .await
            })
            .await
            .map(|held| held.amount)
    }

    pub(crate) async fn spend(&self, order: OrderId) -> i64 {
        let shop = self.clone();
        self.db
            .write(async move |tx: &mut Tx<'_>| {
                shop.ledger
                    .spend(tx, order, Currency::EUR, &shop.cause())
                    .await
            })
            .await
            .expect("spending what is held")
            .amount
    }

    pub(crate) async fn release(&self, order: OrderId) {
        let shop = self.clone();
        self.db
            .write(async move |tx: &mut Tx<'_>| shop.ledger.release(tx, order, &shop.cause()).await)
            .await
            .expect("a release");
    }

    pub(crate) async fn give_back(&self, order: OrderId, refund: RefundId, amount: i64) -> i64 {
        let shop = self.clone();
        self.db
            .write(async move |tx: &mut Tx<'_>| {
                shop.ledger
                    .give_back(tx, order, refund, eur(amount), &shop.cause())
                    .await
            })
            .await
            .expect("giving back")
            .amount
    }

    pub(crate) async fn credit(&self, customer: CustomerId, refund: RefundId, amount: i64) {
        let shop = self.clone();
        self.db
            .write(async move |tx: &mut Tx<'_>| {
                shop.ledger
                    .credit(tx, customer, refund, eur(amount), &shop.cause())
                    .await
            })
            .await
            .expect("a credit");
    }

    /// Runs one statement as the tenant: for planting what the module itself never writes.
    pub(crate) async fn plant(&self, sql: &'static str) {
        let changed = self
            .db
            .write(async move |tx: &mut Tx<'_>| tx.execute(sql, &[]).await)
            .await
            .expect("a planted row");
        assert_eq!(changed, 1, "{sql}");
    }

    pub(crate) fn fresh_key(&self) -> String {
        format!("key-{}", self.keys.fetch_add(1, Ordering::SeqCst))
    }

    pub(crate) async fn card(&self, amount: i64) -> Card {
        let body = json!({ "amount": { "amount": amount, "currency": "EUR" } });
        let answer = self.post_json("/api/v1/admin/gift-cards", &body).await;
        assert_eq!(answer.status, 201, "{}", answer.json);
        Card {
            id: text(&answer.json["id"]),
            code: text(&answer.json["code"]),
        }
    }

    /// Balance and what is held of it.
    pub(crate) async fn on(&self, card: &Card) -> (i64, i64) {
        let path = format!("/api/v1/admin/gift-cards/{}", card.id);
        let json = self.get(&path).await.json;
        (
            number(&json["balance"]["amount"]),
            number(&json["held"]["amount"]),
        )
    }

    pub(crate) async fn adjust(&self, customer: CustomerId, amount: i64) -> Answer {
        let path = format!("/api/v1/admin/customers/{customer}/store-credit");
        let amount = json!({ "amount": amount, "currency": "EUR" });
        self.post_json(&path, &json!({ "amount": amount, "reason": "sorry" }))
            .await
    }

    /// Balance and held of the customer's credit in EUR.
    pub(crate) async fn credit_on(&self, customer: CustomerId) -> (i64, i64) {
        let path = format!("/api/v1/admin/customers/{customer}/store-credit");
        let json = self.get(&path).await.json;
        match json["credits"].get(0) {
            None => (0, 0),
            Some(credit) => (
                number(&credit["balance"]["amount"]),
                number(&credit["held"]["amount"]),
            ),
        }
    }

    /// Account (with its provider) and balance, as the books list them.
    pub(crate) async fn accounts(&self) -> Vec<(String, i64)> {
        let json = self.get("/api/v1/admin/ledger/accounts").await.json;
        let rows = json["data"].as_array().expect("a list");
        rows.iter()
            .map(|row| {
                let name = match row["provider"].as_str() {
                    Some(provider) => format!("{} {provider}", text(&row["account"])),
                    None => text(&row["account"]),
                };
                (name, number(&row["balance"]))
            })
            .collect()
    }

    /// What the whole audit finds.
    pub(crate) async fn mismatches(&self) -> Vec<Json> {
        let json = self.get("/api/v1/admin/ledger/audit").await.json;
        assert_eq!(json["complete"], json!(true), "{json}");
        json["mismatches"].as_array().expect("a list").clone()
    }

    /// Every fact of one kind that this tenant published, in order.
    pub(crate) async fn facts<F: Fact>(&self, cells: &TestCells) -> Vec<F> {
        let mut told = Vec::new();
        for cell in cells.storage().cells().await.expect("cells") {
            let log = cells.storage().event_log(cell).await.expect("a log");
            while log.sequence().await.expect("sequencing") > 0 {}
            for event in log.after(0, 1_000).await.expect("events") {
                let fact = event.fact::<F>().expect("our payload");
                told.extend(fact.filter(|_| event.tenant == self.tenant));
            }
        }
        told
    }

    /// What facts say is on a card, in order.
    pub(crate) async fn told(&self, cells: &TestCells, card: &Card) -> Vec<i64> {
        let facts = self.facts::<GiftCardChanged>(cells).await;
        let ours = facts
            .into_iter()
            .filter(|fact| fact.gift_card.to_string() == card.id);
        ours.map(|fact| fact.balance.amount).collect()
    }

    pub(crate) async fn get(&self, path: &str) -> Answer {
        self.send("GET", path, &[], "").await
    }

    /// Posts with a key of its own.
    pub(crate) async fn post_json(&self, path: &str, body: &Json) -> Answer {
        let key = self.fresh_key();
        self.post_once(path, &key, body).await
    }

    pub(crate) async fn post_once(&self, path: &str, key: &str, body: &Json) -> Answer {
        let headers = [("idempotency-key", key)];
        self.send("POST", path, &headers, &body.to_string()).await
    }

    pub(crate) async fn send(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: &str,
    ) -> Answer {
        let mut request = Request::builder()
            .method(method)
            .uri(path)
            .header("host", "shop");
        if !headers.iter().any(|(name, _)| *name == "authorization") {
            request = request.header("authorization", "Bearer sk_all");
        }
        if !body.is_empty() {
            request = request.header("content-type", "application/json");
        }
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let request = request
            .body(Body::from(body.to_owned()))
            .expect("a request");
        let Ok(response) = self.router.clone().oneshot(request).await;
        let status = response.status().as_u16();
        let bytes = response
            .into_body()
            .collect()
            .await
            .expect("a body")
            .to_bytes();
        Answer {
            status,
            json: serde_json::from_slice(&bytes).unwrap_or(Json::Null),
        }
    }
}

pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) json: Json,
}

impl Answer {
    pub(crate) fn refusal(&self) -> (u16, &str) {
        (self.status, self.json["code"].as_str().unwrap_or_default())
    }
}

pub(crate) fn text(value: &Json) -> String {
    value.as_str().expect("a text").to_owned()
}
pub(crate) fn number(value: &Json) -> i64 {
    value.as_i64().expect("a number")
}

/// Lets in whoever asks: `sk_all` may do everything, `sk_none` nothing.
struct OneShop {
    tenant: TenantId,
}

#[async_trait]
impl Gate for OneShop {
    async fn tenant(
        &self,
        _host: &str,
        _header: Option<&str>,
    ) -> Result<Option<RequestTenant>, Problem> {
        Ok(Some(RequestTenant::new(TenantInfo {
            id: self.tenant,
            slug: "shop".to_owned(),
            name: "Shop".to_owned(),
            currency: Currency::EUR,
            test_mode: true,
        })))
    }

    async fn caller(
        &self,
        _tenant: Option<&RequestTenant>,
        credential: Option<&Credential>,
    ) -> Result<Caller, Problem> {
        let all = credential.is_some_and(|credential| credential.secret() == "sk_all");
        let permissions = if all {
            PermissionSet::all()
        } else {
            PermissionSet::EMPTY
        };
        Ok(Caller::Staff {
            key: ApiKeyId::from_u128(1),
            permissions,
        })
    }
}
