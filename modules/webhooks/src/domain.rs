//! The rules of webhooks: where to, what of, signed how, tried when. Does no IO.

mod retry;
mod signature;
mod subscription;

use serde::Serialize;
pub(crate) use stoa_egress::{Reach, Target};
use stoa_kernel::{DeliveryId, EndpointId, EventId, Timestamp};

pub(crate) use self::retry::{
    Disabled, Failure, Fate, Health, JITTER_PER_MILLE_MAX, Outcome, Tried, judge,
};
pub(crate) use self::signature::SigningKey;
pub(crate) use self::subscription::{Subscription, TEST_SUBJECT, public_subjects};

/// Endpoints a shop may have. The table holds the same number.
pub(crate) const ENDPOINTS_MAX: u32 = 50;
/// Deliveries that may wait for one endpoint; later ones fail at once and can be replayed.
pub(crate) const WAITING_MAX: i64 = 100_000;
pub(crate) const DESCRIPTION_LENGTH_MAX: usize = 500;

/// Where a shop wants to be told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Endpoint {
    pub(crate) id: EndpointId,
    pub(crate) url: String,
    pub(crate) description: String,
    pub(crate) subscription: Subscription,
    pub(crate) active: bool,
    pub(crate) lane: i64,
    pub(crate) health: Health,
    pub(crate) disabled: Option<(Timestamp, Disabled)>,
    pub(crate) old_secret_until: Option<Timestamp>,
    pub(crate) created_at: Timestamp,
    pub(crate) updated_at: Timestamp,
}

/// One event for one endpoint.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Delivery {
    pub(crate) id: DeliveryId,
    pub(crate) position: i64,
    pub(crate) event: EventId,
    pub(crate) subject: String,
    pub(crate) state: DeliveryState,
    pub(crate) failure: Option<Failure>,
    pub(crate) attempts: u32,
    pub(crate) next_attempt_at: Timestamp,
    pub(crate) replay_of: Option<DeliveryId>,
    pub(crate) created_at: Timestamp,
    pub(crate) settled_at: Option<Timestamp>,
}

#[derive(
    Debug, Clone, Copy, PartialEq, Eq, Serialize, serde::Deserialize, schemars::JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub(crate) enum DeliveryState {
    /// Waits for its turn or its next attempt.
    Pending,
    Delivered,
    Failed,
}

impl DeliveryState {
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Delivered => "delivered",
            Self::Failed => "failed",
        }
    }

    pub(crate) fn parse(text: &str) -> Option<Self> {
        [Self::Pending, Self::Delivered, Self::Failed]
            .into_iter()
            .find(|state| state.as_str() == text)
    }
}

/// One time a delivery was sent, and what came back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Attempt {
    pub(crate) number: u32,
    pub(crate) at: Timestamp,
    pub(crate) duration_ms: u32,
    pub(crate) answered: Answered,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Answered {
    /// With the first bytes of the body, masked.
    Status(u16, String),
    /// No answer, and why.
    Nothing(String),
}

impl Answered {
    pub(crate) fn outcome(&self) -> Outcome {
        match self {
            Self::Status(200..=299, _) => Outcome::Accepted,
            Self::Status(410, _) => Outcome::Gone,
            Self::Status(..) | Self::Nothing(_) => Outcome::Refused,
        }
    }
}
