//! What payments do for others: attempts, captures, refunds, the shops' own providers, and what
//! providers tell. Never holds a transaction while a provider is asked.

mod capture;
mod drive;
mod meters;
mod news;
mod points;
mod providers;
mod refund;
mod remember;
mod reversal;
mod upkeep;

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use stoa_contracts::Deps;
use stoa_contracts::ledger::Ledger;
use stoa_contracts::payments::{
    AttemptState, AttemptView, NewAttempt, NewRefund, PaymentError, PaymentMethod, Payments,
    RefundError, RefundView,
};
use stoa_kernel::{AttemptId, Money, OrderId, RefundId, TenantId};
use stoa_storage::{Cause, Db, Tx};
use stoa_telemetry::Metrics;

pub(crate) use self::drive::AbandonError;
use self::meters::Meters;
pub(crate) use self::news::NewsError;
use self::points::Step;
pub(crate) use self::providers::{NewSecrets, SetupError};
pub(crate) use self::upkeep::{Captures, Purge};
use crate::domain::{Kind, TEST_PROVIDER, invalid};
use crate::infrastructure::attempts::{self, Attempt};
use crate::infrastructure::providers::{self as stored, StoredProvider};
use crate::infrastructure::refunds;
use crate::provider::{
    Line, Provider, ProviderError, StripeAccount, StripeClient, TestProviderClient,
};
use crate::seal::{SealError, SealKeys};

/// Attempts and refunds of every shop, and the way to their providers.
pub(crate) struct Desk {
    deps: Deps,
    ledger: Arc<dyn Ledger>,
    test: Option<Arc<TestProviderClient>>,
    line: Line,
    seal: SealKeys,
    allow_loopback: bool,
    resend_after: Duration,
    meters: Meters,
}

/// What [`Desk`] is made with, besides what every module has.
pub(crate) struct DeskConfig {
    pub(crate) test: Option<Arc<TestProviderClient>>,
    pub(crate) seal: SealKeys,
    pub(crate) allow_loopback: bool,
    pub(crate) call_time_max: Duration,
    pub(crate) resend_after: Duration,
}

impl Desk {
    pub(crate) fn new(
        deps: Deps,
        ledger: Arc<dyn Ledger>,
        config: DeskConfig,
        metrics: &Metrics,
    ) -> Self {
        Self {
            deps,
            ledger,
            test: config.test,
            line: Line::new(config.allow_loopback, config.call_time_max),
            seal: config.seal,
            allow_loopback: config.allow_loopback,
            resend_after: config.resend_after,
            meters: Meters::new(metrics),
        }
    }

    async fn db(&self, tenant: TenantId) -> Result<Db, stoa_storage::Error> {
        self.deps.storage.db(tenant).await
    }

    async fn load(&self, db: &Db, attempt: AttemptId) -> Result<Attempt, PaymentError> {
        let found = attempts::by_id(db, attempt).await?;
        found.ok_or_else(no_attempt)
    }

    /// The way to a provider; nobody is called yet.
    async fn provider(
        &self,
        db: &Db,
        kind: Kind,
        id: &str,
    ) -> Result<Arc<dyn Provider>, PaymentError> {
        match kind {
            Kind::Manual => Err(invalid("provider", "nobody is called for this way to pay")),
            Kind::Test => match &self.test {
                Some(client) => Ok(client.clone()),
                None => Err(unknown_provider(id)),
            },
            Kind::Stripe => {
                let stored = stored::by_id(db, id).await?;
                let stored = stored.ok_or_else(|| unknown_provider(id))?;
                Ok(Arc::new(self.stripe(&stored)?))
            }
        }
    }

    fn stripe(&self, stored: &StoredProvider) -> Result<StripeClient, PaymentError> {
        let closed = |error: SealError| PaymentError::Unreachable {
            message: error.to_string(),
        };
        let (Some(base_url), Some(sealed)) = (&stored.draft.base_url, &stored.sealed_key) else {
            return Err(unknown_provider(&stored.draft.id));
        };
        let webhook_secret = stored
            .sealed_webhook_secret
            .as_deref()
            .map(|sealed| self.seal.open(sealed))
            .transpose()
            .map_err(closed)?;
        let account = StripeAccount {
            base_url: base_url.clone(),
            secret_key: self.seal.open(sealed).map_err(closed)?,
            webhook_secret,
            captures: stored.draft.capture == crate::domain::Capture::Automatic,
        };
        Ok(StripeClient::new(self.line.clone(), account))
    }

    /// Awaits one call of a provider, between its two points.
    async fn call<T>(
        &self,
        step: Step,
        kind: Kind,
        call: impl Future<Output = Result<T, ProviderError>>,
    ) -> Result<T, ProviderError> {
        let points = step.points();
        stoa_failpoint::hit(points.before_call);
        let answer = call.await;
        stoa_failpoint::hit(points.after_call);
        self.meters.count(kind.as_str(), points.name, &answer);
        answer
    }
}

fn no_attempt() -> PaymentError {
    invalid("attempt", "there is no such payment")
}

fn unknown_provider(id: &str) -> PaymentError {
    PaymentError::UnknownProvider {
        provider: id.to_owned(),
    }
}

fn unreachable(attempt: AttemptId, error: &ProviderError) -> PaymentError {
    tracing::warn!(%attempt, %error, "a payment provider gave no clear answer");
    PaymentError::Unreachable {
        message: error.to_string(),
    }
}

#[async_trait]
impl Payments for Desk {
    async fn check(
        &self,
        tenant: TenantId,
        provider: &str,
        token: &str,
        test_mode: bool,
    ) -> Result<(), PaymentError> {
        self.check_method(tenant, provider, token, test_mode).await
    }

    async fn methods(
        &self,
        tenant: TenantId,
        test_mode: bool,
    ) -> Result<Vec<PaymentMethod>, PaymentError> {
        self.methods_of(tenant, test_mode).await
    }

    async fn open(
        &self,
        tx: &mut Tx<'_>,
        attempt: &NewAttempt,
        cause: &Cause,
    ) -> Result<(), PaymentError> {
        // It would be charged, and then the books would refuse it for ever.
        self.check_amount(attempt.amount)?;
        let kind = match attempt.provider.as_str() {
            TEST_PROVIDER => Kind::Test,
            // Nothing to pay: nobody is called, whoever is named.
            _ if attempt.amount.amount == 0 => Kind::Manual,
            id => stored::kind_of(tx, id)
                .await?
                .ok_or_else(|| unknown_provider(id))?,
        };
        Ok(attempts::insert(tx, attempt, kind, cause.occurred_at).await?)
    }

    async fn newest(
        &self,
        tx: &mut Tx<'_>,
        order: OrderId,
    ) -> Result<Option<AttemptView>, stoa_storage::Error> {
        attempts::newest_locked(tx, order).await
    }

    async fn newest_of(
        &self,
        tenant: TenantId,
        order: OrderId,
    ) -> Result<Option<AttemptView>, stoa_storage::Error> {
        attempts::newest(&self.db(tenant).await?, order).await
    }

    async fn drive(
        &self,
        tenant: TenantId,
        attempt: AttemptId,
    ) -> Result<AttemptState, PaymentError> {
        self.drive_attempt(tenant, attempt).await
    }

    async fn attempts_of(
        &self,
        tenant: TenantId,
        order: OrderId,
    ) -> Result<Vec<AttemptView>, stoa_storage::Error> {
        attempts::all_of_order(&self.db(tenant).await?, order).await
    }

    async fn capture(
        &self,
        tenant: TenantId,
        attempt: AttemptId,
        amount: Option<Money>,
        key: &str,
    ) -> Result<AttemptView, PaymentError> {
        self.capture_attempt(tenant, attempt, amount, key).await
    }

    async fn open_refund(
        &self,
        tx: &mut Tx<'_>,
        refund: &NewRefund,
        cause: &Cause,
    ) -> Result<RefundView, RefundError> {
        self.open_refund_in(tx, refund, cause).await
    }

    async fn drive_refund(
        &self,
        tenant: TenantId,
        refund: RefundId,
    ) -> Result<RefundView, RefundError> {
        self.drive_refund_of(tenant, refund).await
    }

    async fn refunds_of(
        &self,
        tenant: TenantId,
        order: OrderId,
    ) -> Result<Vec<RefundView>, stoa_storage::Error> {
        refunds::of_order(&self.db(tenant).await?, order).await
    }

    async fn give_up(
        &self,
        tenant: TenantId,
        attempt: AttemptId,
    ) -> Result<AttemptState, PaymentError> {
        self.give_up_attempt(tenant, attempt).await
    }
}
