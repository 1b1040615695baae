//! Hears that something happened to a payment and has it looked at now. Trusts no news: only the job
//! asks the provider, and only the order's own transaction decides.

use std::sync::Arc;

use async_trait::async_trait;
use stoa_bus::{Consumer, HandlerError};
use stoa_contracts::payments::{AttemptSettled, ProviderNews};
use stoa_kernel::{AttemptId, Envelope, Fact as _, OrderId};
use stoa_storage::{Error, NewJob, Tx};

use crate::journal::Step;
use crate::settle::Payload;
use crate::{Shared, infrastructure};

pub(crate) struct News(pub(crate) Arc<Shared>);

#[async_trait]
impl Consumer for News {
    fn name(&self) -> &'static str {
        "checkout.news"
    }

    fn subjects(&self) -> Vec<String> {
        vec![ProviderNews::subject(), AttemptSettled::subject()]
    }

    async fn handle(&self, tx: &mut Tx<'_>, event: &Envelope) -> Result<(), HandlerError> {
        if let Some(news) = event.fact::<ProviderNews>().map_err(Error::from)? {
            // Whatever waits for the attempt's next poll need not: a job of its own looks now.
            let key = event.id.to_string();
            return self.look(tx, news.order, news.attempt, key).await;
        }
        if let Some(settled) = event.fact::<AttemptSettled>().map_err(Error::from)? {
            // Where the attempt's job is there yet, it has asked for this outcome, or will.
            let key = settled.attempt.to_string();
            return self.look(tx, settled.order, settled.attempt, key).await;
        }
        Ok(())
    }
}

impl News {
    async fn look(
        &self,
        tx: &mut Tx<'_>,
        order: OrderId,
        attempt: AttemptId,
        key: String,
    ) -> Result<(), HandlerError> {
        // Nearly always the job that asked has written the outcome by now.
        let steps = infrastructure::steps(tx, order, attempt).await?;
        if steps.into_iter().any(Step::is_outcome) {
            return Ok(());
        }
        let now = self.0.deps.now();
        let payload = Payload {
            order,
            attempt,
            cart: None,
        };
        let job = NewJob {
            unique_key: Some(key),
            ..payload.job(self.0.deps.ids.make(now), now)?
        };
        tx.enqueue(&job, now).await?;
        Ok(())
    }
}
