//! Hears that a provider did something about a refund, and has it looked at now. Trusts no news: only
//! the job asks the provider.

use std::sync::Arc;

use async_trait::async_trait;
use stoa_bus::{Consumer, HandlerError};
use stoa_contracts::payments::ProviderNews;
use stoa_kernel::{Envelope, Fact as _};
use stoa_storage::{Error, Tx};

use crate::Shared;
use crate::infrastructure::{self, Kept};
use crate::returned::{KIND, Payload};

pub(crate) struct News(pub(crate) Arc<Shared>);

#[async_trait]
impl Consumer for News {
    fn name(&self) -> &'static str {
        "aftersales.news"
    }

    fn subjects(&self) -> Vec<String> {
        vec![ProviderNews::subject()]
    }

    async fn handle(&self, tx: &mut Tx<'_>, event: &Envelope) -> Result<(), HandlerError> {
        let news = event.fact::<ProviderNews>().map_err(Error::from)?;
        let Some(refund) = news.and_then(|news| news.refund) else {
            return Ok(());
        };
        let row = infrastructure::refund(tx, refund).await?;
        let Some(row) = row.filter(|row| row.state == Kept::Pending) else {
            return Ok(());
        };
        let now = self.0.deps.now();
        let job = Payload::of(&row).job(self.0.deps.ids.make(now), now)?;
        if !tx.enqueue(&job, now).await? {
            tx.hasten(KIND, &refund.to_string(), now).await?;
        }
        Ok(())
    }
}
