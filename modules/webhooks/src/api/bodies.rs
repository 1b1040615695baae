//! What goes over the wire on the routes of webhooks. Decides nothing.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use stoa_kernel::{DeliveryId, EndpointId, EventId, Timestamp};
use stoa_rest::Limit;

use crate::application::{Created, Listed};
use crate::domain::{Answered, Attempt, DeliveryState, Disabled, Endpoint, Failure};

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct NewWebhook {
    /// Starts with `https://`.
    pub(super) url: String,
    /// What it hears: `*` for all, prefixes such as `orders.*`, or subjects such as
    /// `orders.paid.v1`.
    pub(super) subjects: Vec<String>,
    #[serde(default)]
    pub(super) description: String,
    #[serde(default = "yes")]
    pub(super) active: bool,
}

fn yes() -> bool {
    true
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct ChangeWebhook {
    pub(super) url: Option<String>,
    pub(super) subjects: Option<Vec<String>>,
    pub(super) description: Option<String>,
    pub(super) active: Option<bool>,
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct ListQuery {
    /// Only deliveries in this state.
    pub(super) state: Option<DeliveryState>,
    /// From the page before.
    pub(super) cursor: Option<String>,
    #[serde(default)]
    pub(super) limit: Limit,
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct ReplayBody {
    /// The first moment of the range: when the delivery was made.
    pub(super) from: Timestamp,
    /// The first moment after it.
    pub(super) until: Timestamp,
    /// Only these; both where it is left out.
    pub(super) state: Option<Settled>,
    /// From the answer before.
    pub(super) cursor: Option<String>,
}

/// How a delivery ended.
#[derive(Debug, Clone, Copy, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(super) enum Settled {
    Delivered,
    Failed,
}

impl From<Settled> for DeliveryState {
    fn from(settled: Settled) -> Self {
        match settled {
            Settled::Delivered => Self::Delivered,
            Settled::Failed => Self::Failed,
        }
    }
}

#[derive(Serialize, JsonSchema)]
pub(super) struct ReplayAnswer {
    pub(super) replayed: usize,
    /// There are more: send it with the same body.
    pub(super) cursor: Option<String>,
}

/// How an endpoint is being treated.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
enum Circuit {
    /// As usual.
    Closed,
    /// It failed several times in a row: one attempt now and then.
    Open,
    /// Switched off by us.
    Disabled,
}

#[derive(Serialize, JsonSchema)]
pub(super) struct Webhook {
    id: EndpointId,
    url: String,
    subjects: Vec<String>,
    description: String,
    active: bool,
    circuit: Circuit,
    /// Failed attempts since the last success.
    failures: u32,
    failing_since: Option<Timestamp>,
    /// While the circuit is open: nothing is sent before.
    next_probe_at: Option<Timestamp>,
    disabled_at: Option<Timestamp>,
    disabled_reason: Option<Disabled>,
    /// Until then deliveries are signed with the secret before as well.
    old_secret_valid_until: Option<Timestamp>,
    created_at: Timestamp,
    updated_at: Timestamp,
}

impl From<Endpoint> for Webhook {
    fn from(endpoint: Endpoint) -> Self {
        let circuit = match endpoint.disabled {
            Some(_) => Circuit::Disabled,
            None if endpoint.health.is_open() => Circuit::Open,
            None => Circuit::Closed,
        };
        Self {
            id: endpoint.id,
            url: endpoint.url,
            subjects: endpoint.subscription.patterns().to_vec(),
            description: endpoint.description,
            active: endpoint.active,
            circuit,
            failures: endpoint.health.failures,
            failing_since: endpoint.health.failing_since,
            next_probe_at: endpoint.health.not_before,
            disabled_at: endpoint.disabled.map(|(at, _)| at),
            disabled_reason: endpoint.disabled.map(|(_, reason)| reason),
            old_secret_valid_until: endpoint.old_secret_until,
            created_at: endpoint.created_at,
            updated_at: endpoint.updated_at,
        }
    }
}

#[derive(Serialize, JsonSchema)]
pub(super) struct WebhookWithSecret {
    #[serde(flatten)]
    webhook: Webhook,
    /// `whsec_...`: keep it, it is not shown again.
    secret: String,
}

impl From<Created> for WebhookWithSecret {
    fn from(created: Created) -> Self {
        Self {
            webhook: created.endpoint.into(),
            secret: created.secret,
        }
    }
}

#[derive(Serialize, JsonSchema)]
pub(super) struct WebhookAttempt {
    /// From 1; only the last 30 are kept.
    number: u32,
    at: Timestamp,
    duration_ms: u32,
    /// What was answered; absent where nothing was.
    status: Option<u16>,
    /// Why nothing was answered.
    error: Option<String>,
    /// The first 1,000 characters of the answer; addresses and card numbers are masked.
    answer: Option<String>,
}

impl From<Attempt> for WebhookAttempt {
    fn from(attempt: Attempt) -> Self {
        let (status, error, answer) = match attempt.answered {
            Answered::Status(status, answer) => (Some(status), None, Some(answer)),
            Answered::Nothing(error) => (None, Some(error), None),
        };
        Self {
            number: attempt.number,
            at: attempt.at,
            duration_ms: attempt.duration_ms,
            status,
            error,
            answer,
        }
    }
}

#[derive(Serialize, JsonSchema)]
pub(super) struct WebhookDelivery {
    id: DeliveryId,
    /// The `webhook-id`: the same for every attempt and replay of an event.
    event_id: EventId,
    r#type: String,
    state: DeliveryState,
    failure: Option<Failure>,
    /// How often it was sent.
    attempt_count: u32,
    attempts: Vec<WebhookAttempt>,
    /// While pending: not before, and not before those in front of it.
    next_attempt_at: Option<Timestamp>,
    replay_of: Option<DeliveryId>,
    created_at: Timestamp,
    settled_at: Option<Timestamp>,
}

impl From<Listed> for WebhookDelivery {
    fn from(listed: Listed) -> Self {
        let delivery = listed.delivery;
        let pending = delivery.state == DeliveryState::Pending;
        Self {
            id: delivery.id,
            event_id: delivery.event,
            r#type: delivery.subject,
            state: delivery.state,
            failure: delivery.failure,
            attempt_count: delivery.attempts,
            attempts: listed
                .attempts
                .into_iter()
                .map(WebhookAttempt::from)
                .collect(),
            next_attempt_at: pending.then_some(delivery.next_attempt_at),
            replay_of: delivery.replay_of,
            created_at: delivery.created_at,
            settled_at: delivery.settled_at,
        }
    }
}

#[derive(Serialize, JsonSchema)]
pub(super) struct WebhookDeliveryDetail {
    #[serde(flatten)]
    pub(super) delivery: WebhookDelivery,
    /// What was sent.
    pub(super) payload: serde_json::Value,
}
