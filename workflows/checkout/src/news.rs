//! Hears that something happened to a payment and has it looked at now. Trusts no news: only the job
//! asks the provider, and only the order's own transaction decides.

use std::sync::Arc;

use async_trait::async_trait;
use stoa_bus::{Consumer, HandlerError};
use stoa_contracts::payments::{AttemptSettled, ProviderNews};
use stoa_kernel::{AttemptId, Envelope, Fact as _, OrderId, RefundId};
use stoa_storage::{Error, Tx};

use crate::settle::{self, Payload};
use crate::{Shared, give_back, infrastructure, journal::Step};

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
            if let Some(refund) = news.refund {
                return self.hasten_refund(tx, refund).await;
            }
            return self.hasten(tx, news.order, news.attempt).await;
        }
        if let Some(settled) = event.fact::<AttemptSettled>().map_err(Error::from)? {
            return self.hasten(tx, settled.order, settled.attempt).await;
        }
        Ok(())
    }
}

impl News {
    async fn hasten(
        &self,
        tx: &mut Tx<'_>,
        order: OrderId,
        attempt: AttemptId,
    ) -> Result<(), HandlerError> {
        // Nearly always the job that asked has written the outcome by now.
        let steps = infrastructure::steps(tx, order, attempt).await?;
        if steps.into_iter().any(Step::is_outcome) {
            return Ok(());
        }
        let now = self.0.deps.now();
        if tx.hasten(settle::KIND, &attempt.to_string(), now).await? {
            return Ok(());
        }
        let job = Payload {
            order,
            attempt,
            cart: None,
        };
        // Where one is being run the unique key drops this one: that run sees what this would.
        tx.enqueue(&job.job(self.0.deps.ids.make(now), now)?, now)
            .await?;
        Ok(())
    }

    /// Only those of our own have a job here.
    async fn hasten_refund(&self, tx: &mut Tx<'_>, refund: RefundId) -> Result<(), HandlerError> {
        let now = self.0.deps.now();
        tx.hasten(give_back::KIND, &refund.to_string(), now).await?;
        Ok(())
    }
}
