//! A server of Stripe's protocol that ignores idempotency keys, as the worst of them do, and whose
//! answers can be lost. Asserts nothing itself.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard};

use axum::extract::{Path, Query, Request, State};
use axum::http::{HeaderMap, StatusCode};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse as _, Response};
use axum::routing::{get, post};
use axum::{Form, Json, Router};
use serde_json::{Value, json};

use crate::shop::{Line, serve};

type Fields = BTreeMap<String, String>;

#[derive(Clone, Default)]
pub(crate) struct FakeStripe {
    pub(crate) base_url: String,
    book: Arc<Mutex<Book>>,
}

#[derive(Default)]
pub(crate) struct Book {
    pub(crate) intents: Vec<Intent>,
    /// Intent, amount and our id of every refund made.
    pub(crate) refunds: Vec<(String, i64, String)>,
    /// Path, idempotency key and fields of every call that arrived.
    pub(crate) calls: Vec<(String, Option<String>, Fields)>,
    /// What happens to calls whose path ends like this.
    pub(crate) line: Option<(&'static str, Line)>,
    /// Keys whose refusal is answered again, where the server keeps what it answered.
    pub(crate) kept: Option<Vec<String>>,
    /// So many confirmations fail from now on, and their keys get the same answer ever after.
    pub(crate) confirms_failing: u32,
    failed_keys: Vec<String>,
    /// Intents of which nothing can be had but failures.
    pub(crate) broken: Vec<String>,
    /// What refunds are said to be.
    pub(crate) refund_status: Option<&'static str>,
}

pub(crate) struct Intent {
    pub(crate) id: String,
    pub(crate) status: &'static str,
    pub(crate) amount: i64,
    pub(crate) received: i64,
    pub(crate) charges: u32,
    method: String,
    manual: bool,
}

impl Intent {
    fn json(&self) -> Value {
        json!({
            "id": self.id, "object": "payment_intent", "status": self.status,
            "amount": self.amount, "amount_received": self.received, "metadata": {},
            "next_action": (self.status == "requires_action").then(|| json!({
                "type": "redirect_to_url",
                "redirect_to_url": { "url": format!("https://bank.example/3ds/{}", self.id) },
            })),
            "last_payment_error": (self.status == "requires_payment_method").then(|| json!({
                "code": "card_declined", "decline_code": "insufficient_funds",
            })),
        })
    }

    fn charge(&mut self) {
        self.charges += 1;
        (self.status, self.received) = match self.manual {
            true => ("requires_capture", 0),
            false => ("succeeded", self.amount),
        };
    }
}

impl FakeStripe {
    pub(crate) async fn start() -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let fake = Self {
            base_url: format!("http://{}", listener.local_addr().unwrap()),
            ..Self::default()
        };
        let router = Router::new()
            .route("/v1/payment_intents", post(create))
            .route("/v1/payment_intents/{id}", get(show))
            .route("/v1/payment_intents/{id}/{step}", post(step))
            .route("/v1/refunds", post(refund).get(refunds))
            .layer(from_fn_with_state(fake.clone(), pass))
            .with_state(fake.clone());
        serve(listener, router);
        fake
    }

    pub(crate) fn book(&self) -> MutexGuard<'_, Book> {
        self.book.lock().unwrap()
    }

    pub(crate) fn cut(&self, path_end: &'static str, line: Line) {
        self.book().line = Some((path_end, line));
    }

    pub(crate) fn mend(&self) {
        self.book().line = None;
    }

    /// The shopper has come back from the bank.
    pub(crate) fn approve(&self) {
        self.book().intents.last_mut().unwrap().charge();
    }

    /// Intents made, and charges.
    pub(crate) fn counts(&self) -> (usize, u32) {
        let intents = self.book().intents.len();
        (intents, self.charges())
    }

    pub(crate) fn charges(&self) -> u32 {
        self.book()
            .intents
            .iter()
            .map(|intent| intent.charges)
            .sum()
    }
}

async fn pass(State(fake): State<FakeStripe>, request: Request, next: Next) -> Response {
    let path = request.uri().path().to_owned();
    let line = match fake.book().line {
        Some((end, line)) if path.ends_with(end) => line,
        _ => Line::Whole,
    };
    let broken = |id: &String| path.split('/').any(|part| part == id);
    if fake.book().broken.iter().any(broken) {
        return StatusCode::INTERNAL_SERVER_ERROR.into_response();
    }
    if line == Line::CutBefore {
        return StatusCode::BAD_GATEWAY.into_response();
    }
    let answer = next.run(request).await;
    match line {
        Line::CutAfter => StatusCode::BAD_GATEWAY.into_response(),
        _ => answer,
    }
}

fn note(book: &mut Book, path: String, headers: &HeaderMap, fields: &Fields) {
    let text = |name: &str| {
        headers
            .get(name)
            .map(|value| value.to_str().unwrap().to_owned())
    };
    assert_eq!(text("authorization").as_deref(), Some("Bearer sk_test_1"));
    assert_eq!(text("stripe-version").as_deref(), Some("2022-11-15"));
    book.calls
        .push((path, text("idempotency-key"), fields.clone()));
}

fn refused(status: u16, code: &str) -> Response {
    let body =
        json!({ "error": { "type": "invalid_request_error", "code": code, "message": "no" } });
    (StatusCode::from_u16(status).unwrap(), Json(body)).into_response()
}

async fn create(
    State(fake): State<FakeStripe>,
    headers: HeaderMap,
    Form(fields): Form<Fields>,
) -> Response {
    let mut book = fake.book();
    note(&mut book, "create".to_owned(), &headers, &fields);
    let method = fields
        .get("payment_method")
        .or(fields.get("payment_method_data[card][token]"));
    let Some(method) = method.filter(|method| *method != "pm_unknown") else {
        return refused(400, "resource_missing");
    };
    let intent = Intent {
        id: format!("pi_{}", book.intents.len() + 1),
        status: "requires_confirmation",
        amount: fields["amount"].parse().unwrap(),
        received: 0,
        charges: 0,
        method: method.clone(),
        manual: fields["capture_method"] == "manual",
    };
    let answer = Json(intent.json()).into_response();
    book.intents.push(intent);
    answer
}

async fn show(State(fake): State<FakeStripe>, Path(id): Path<String>) -> Response {
    let book = fake.book();
    match book.intents.iter().find(|intent| intent.id == id) {
        Some(intent) => Json(intent.json()).into_response(),
        None => refused(404, "resource_missing"),
    }
}

async fn step(
    State(fake): State<FakeStripe>,
    Path((id, step)): Path<(String, String)>,
    headers: HeaderMap,
    Form(fields): Form<Fields>,
) -> Response {
    let mut book = fake.book();
    note(&mut book, step.clone(), &headers, &fields);
    let key = book.calls.last().unwrap().1.clone().unwrap();
    if book.kept.iter().flatten().any(|kept| *kept == key) {
        return refused(400, "payment_intent_unexpected_state");
    }
    if step == "confirm" && book.confirms_failing > 0 {
        book.confirms_failing -= 1;
        book.failed_keys.push(key.clone());
    }
    if book.failed_keys.contains(&key) {
        return refused(500, "api_error");
    }
    let Some(intent) = book.intents.iter_mut().find(|intent| intent.id == id) else {
        return refused(404, "resource_missing");
    };
    match (step.as_str(), intent.status) {
        ("confirm", "requires_confirmation") => match intent.method.as_str() {
            "pm_declined" => {
                intent.status = "requires_payment_method";
                return refused(402, "insufficient_funds");
            }
            "pm_3ds" => intent.status = "requires_action",
            _ => intent.charge(),
        },
        ("capture", "requires_capture") => {
            intent.status = "succeeded";
            intent.received = fields["amount_to_capture"].parse().unwrap();
        }
        ("cancel", "succeeded" | "canceled" | "processing") => {
            book.kept.iter_mut().for_each(|kept| kept.push(key.clone()));
            return refused(400, "payment_intent_unexpected_state");
        }
        ("cancel", _) => intent.status = "canceled",
        _ => return refused(400, "payment_intent_unexpected_state"),
    }
    Json(intent.json()).into_response()
}

async fn refund(
    State(fake): State<FakeStripe>,
    headers: HeaderMap,
    Form(fields): Form<Fields>,
) -> Response {
    let mut book = fake.book();
    note(&mut book, "refund".to_owned(), &headers, &fields);
    let ours = fields["metadata[refund]"].clone();
    let made = (
        fields["payment_intent"].clone(),
        fields["amount"].parse().unwrap(),
        ours,
    );
    book.refunds.push(made);
    let last = book.refunds.len() - 1;
    Json(refund_json(&book, last)).into_response()
}

fn refund_json(book: &Book, index: usize) -> Value {
    let (intent, amount, ours) = &book.refunds[index];
    json!({
        "id": format!("re_{index}"), "payment_intent": intent, "amount": amount,
        "status": book.refund_status.unwrap_or("succeeded"), "metadata": { "refund": ours },
    })
}

/// One refund a page, so that readers must turn pages.
async fn refunds(State(fake): State<FakeStripe>, Query(query): Query<Fields>) -> Response {
    let book = fake.book();
    let all: Vec<Value> = (0..book.refunds.len())
        .filter(|&index| book.refunds[index].0 == query["payment_intent"])
        .map(|index| refund_json(&book, index))
        .collect();
    let after = query.get("starting_after");
    let start = after.map_or(0, |after| {
        1 + all
            .iter()
            .position(|refund| refund["id"] == **after)
            .unwrap()
    });
    let page: Vec<&Value> = all.iter().skip(start).take(1).collect();
    let has_more = start + page.len() < all.len();
    Json(json!({ "data": page, "has_more": has_more })).into_response()
}
