//! What answers look like. Never decides anything.

use axum::response::{IntoResponse, Response};
use http::StatusCode;
use serde::Serialize;
use serde_json::json;
use stoa_kernel::{Currency, Timestamp};

use crate::entry::{ChargeId, IntentId, Metadata, RefundId};
use crate::ledger::{Charge, Intent, Refund, Refusal, State, Status};

#[derive(Serialize)]
pub(super) struct IntentView {
    id: IntentId,
    account: String,
    status: Status,
    amount: i64,
    captured: i64,
    refunded: i64,
    currency: Currency,
    metadata: Metadata,
    created_at: Timestamp,
    #[serde(skip_serializing_if = "Option::is_none")]
    charge_id: Option<ChargeId>,
    #[serde(skip_serializing_if = "Option::is_none")]
    decline_code: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    next_action_url: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    completes_at: Option<Timestamp>,
    #[serde(skip_serializing_if = "Option::is_none")]
    voided_at: Option<Timestamp>,
    #[serde(skip_serializing_if = "Option::is_none")]
    return_url: Option<String>,
    refunds: Vec<RefundView>,
}

#[derive(Serialize)]
pub(super) struct RefundView {
    id: RefundId,
    intent: IntentId,
    status: &'static str,
    amount: i64,
    currency: Currency,
    idempotency_key: String,
    metadata: Metadata,
    created_at: Timestamp,
}

#[derive(Serialize)]
pub(super) struct ChargeView {
    id: ChargeId,
    intent: IntentId,
    amount: i64,
    refunded: i64,
    currency: Currency,
    order_id: Option<String>,
    attempt_id: Option<String>,
    created_at: Timestamp,
}

impl IntentView {
    pub(super) fn new(intent: &Intent, now: Timestamp, origin: &str) -> Self {
        let status = intent.status(now);
        let mut view = Self {
            id: intent.id,
            account: intent.request.account.clone(),
            status,
            amount: intent.request.amount,
            captured: intent.captured(now),
            refunded: intent.refunded(),
            currency: intent.request.currency,
            metadata: intent.request.metadata.clone(),
            created_at: intent.at,
            charge_id: None,
            decline_code: None,
            next_action_url: None,
            completes_at: None,
            voided_at: None,
            return_url: intent.request.return_url.clone(),
            refunds: intent
                .refunds
                .iter()
                .map(|refund| RefundView::new(intent, refund))
                .collect(),
        };
        match &intent.state {
            State::Created => {}
            State::ActionRequired => {
                view.next_action_url = Some(format!("{origin}/3ds/{}", intent.id));
            }
            State::Charged { due, .. } | State::Authorised { due } if now < *due => {
                view.completes_at = Some(*due);
            }
            State::Charged { charge, .. } => view.charge_id = Some(*charge),
            State::Authorised { .. } => {}
            State::Declined { code } => view.decline_code = Some(code.clone()),
            State::Voided { at } => view.voided_at = Some(*at),
        }
        view
    }
}

impl RefundView {
    pub(super) fn new(intent: &Intent, refund: &Refund) -> Self {
        Self {
            id: refund.id,
            intent: intent.id,
            status: "succeeded",
            amount: refund.amount,
            currency: intent.request.currency,
            idempotency_key: refund.key.clone(),
            metadata: refund.metadata.clone(),
            created_at: refund.at,
        }
    }
}

impl ChargeView {
    pub(super) fn new(charge: &Charge<'_>) -> Self {
        let request = &charge.intent.request;
        Self {
            id: charge.id,
            intent: charge.intent.id,
            amount: charge.intent.captured(charge.due),
            refunded: charge.intent.refunded(),
            currency: request.currency,
            order_id: request.metadata.get("order_id").cloned(),
            attempt_id: request.metadata.get("attempt_id").cloned(),
            created_at: charge.due,
        }
    }
}

/// A refusal on its way out.
pub(super) struct ApiError(Refusal);

impl From<Refusal> for ApiError {
    fn from(refusal: Refusal) -> Self {
        Self(refusal)
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        let (status, code) = status_and_code(&self.0);
        let mut error = json!({ "code": code, "message": self.0.to_string() });
        match &self.0 {
            Refusal::Field { name, .. } => error["field"] = json!(name),
            Refusal::NotNow { status, .. } => error["status"] = json!(status),
            Refusal::TooMuch { left, .. } => error["left"] = json!(left),
            _ => {}
        }
        (status, axum::Json(json!({ "error": error }))).into_response()
    }
}

fn status_and_code(refusal: &Refusal) -> (StatusCode, &'static str) {
    match refusal {
        Refusal::Field { name: "token", .. } => (StatusCode::BAD_REQUEST, "unknown_token"),
        Refusal::Field { .. } => (StatusCode::BAD_REQUEST, "invalid_field"),
        Refusal::Body { .. } => (StatusCode::BAD_REQUEST, "invalid_request"),
        Refusal::UnknownCharge => (StatusCode::BAD_REQUEST, "unknown_charge"),
        Refusal::BodyTooLong { .. } => (StatusCode::PAYLOAD_TOO_LARGE, "body_too_long"),
        Refusal::Unauthorized => (StatusCode::UNAUTHORIZED, "unauthorized"),
        Refusal::UnknownRoute => (StatusCode::NOT_FOUND, "unknown_route"),
        Refusal::Method => (StatusCode::METHOD_NOT_ALLOWED, "method_not_allowed"),
        Refusal::UnknownIntent => (StatusCode::NOT_FOUND, "unknown_intent"),
        Refusal::KeyReused => (StatusCode::CONFLICT, "idempotency_key_reused"),
        Refusal::Voided => (StatusCode::CONFLICT, "voided"),
        Refusal::NotNow { .. } => (StatusCode::CONFLICT, "not_now"),
        Refusal::TooMuch { .. } => (StatusCode::UNPROCESSABLE_ENTITY, "amount_too_large"),
        Refusal::RefundRefused => (StatusCode::UNPROCESSABLE_ENTITY, "refund_refused"),
        Refusal::TooManyRefunds { .. } => (StatusCode::UNPROCESSABLE_ENTITY, "too_many_refunds"),
        Refusal::Full { .. } => (StatusCode::INSUFFICIENT_STORAGE, "full"),
        Refusal::Busy => (StatusCode::SERVICE_UNAVAILABLE, "busy"),
        Refusal::JournalFailed => (StatusCode::SERVICE_UNAVAILABLE, "journal_failed"),
    }
}
