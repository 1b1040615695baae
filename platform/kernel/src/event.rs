//! The envelope around every published fact. Payloads carry ids and facts, never personal data.

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::{CellId, EventId, TenantId, Timestamp};

/// A typed, versioned, past-tense fact such as `orders.placed`.
pub trait Fact: Serialize + DeserializeOwned + Send + Sync + 'static {
    /// `module.fact`, without the version.
    const TYPE: &'static str;
    const VERSION: u16;

    /// Facts with one key reach each consumer in the order they were committed.
    fn key(&self) -> String;

    /// `orders.placed.v1`: the name consumers subscribe to.
    fn subject() -> String {
        format!("{}.v{}", Self::TYPE, Self::VERSION)
    }
}

/// Who caused a fact.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "kind", content = "id")]
pub enum Actor {
    Shopper,
    /// The id of the API key used.
    Staff(String),
    Operator,
    System,
}

/// A fact as consumers receive it, at least once and in order per key.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Envelope {
    pub id: EventId,
    /// `orders.placed.v1`.
    pub subject: String,
    pub tenant: TenantId,
    pub cell: CellId,
    /// Rises when a cell is restored or moved, so that positions of another life are refused.
    pub epoch: i64,
    /// Dense within one cell and epoch, from 1.
    pub seq: i64,
    pub key: String,
    pub occurred_at: Timestamp,
    pub actor: Actor,
    /// The event that led to this one.
    pub causation: Option<EventId>,
    pub trace: Option<String>,
    pub payload: serde_json::Value,
}

impl Envelope {
    /// The payload as `F`, where the subject is F's; `None` where it is another fact.
    pub fn fact<F: Fact>(&self) -> Result<Option<F>, serde_json::Error> {
        if self.subject != F::subject() {
            return Ok(None);
        }
        F::deserialize(&self.payload).map(Some)
    }
}
