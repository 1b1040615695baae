//! Hears every public fact and writes one delivery per endpoint that wants it. Sends nothing.

use std::sync::Arc;

use async_trait::async_trait;
use serde::Serialize;
use stoa_bus::{Consumer, HandlerError};
use stoa_kernel::{Envelope, Timestamp};
use stoa_storage::{Error, Tx};

use super::Shared;
use crate::domain::public_subjects;
use crate::infrastructure::{self, NewDelivery};

/// A webhook's body, by Standard Webhooks.
#[derive(Serialize)]
struct Body<'a> {
    r#type: &'a str,
    timestamp: Timestamp,
    data: &'a serde_json::Value,
}

pub(crate) fn body(
    subject: &str,
    timestamp: Timestamp,
    data: &serde_json::Value,
) -> Result<String, Error> {
    let body = Body {
        r#type: subject,
        timestamp,
        data,
    };
    Ok(serde_json::to_string(&body)?)
}

pub(crate) struct Listener {
    shared: Arc<Shared>,
}

impl Listener {
    pub(crate) fn new(shared: Arc<Shared>) -> Self {
        Self { shared }
    }
}

#[async_trait]
impl Consumer for Listener {
    fn name(&self) -> &'static str {
        "webhooks.deliveries"
    }

    fn subjects(&self) -> Vec<String> {
        public_subjects().to_vec()
    }

    async fn handle(&self, tx: &mut Tx<'_>, event: &Envelope) -> Result<(), HandlerError> {
        let endpoints = infrastructure::subscriptions(tx).await?;
        let now = self.shared.deps.now();
        for (endpoint, subscription) in endpoints {
            if !subscription.hears(&event.subject) {
                continue;
            }
            let new = NewDelivery {
                id: self.shared.deps.ids.make(now),
                event: event.id,
                subject: event.subject.clone(),
                body: body(&event.subject, event.occurred_at, &event.payload)?,
            };
            self.shared.append(tx, endpoint, &new, now).await?;
        }
        Ok(())
    }
}
