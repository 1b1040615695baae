//! Takes attempts to their outcome: ask, commit the answer, ask on. Never holds a transaction
//! while a provider is asked, and never sends a confirmation whose fate it could look up instead.

use std::sync::Arc;

use async_trait::async_trait;
use stoa_contracts::Deps;
use stoa_contracts::payments::{
    AttemptState, AttemptView, NewAttempt, NewRefund, PaymentError, PaymentMethod,
    PaymentMethodKind, Payments, RefundError, RefundView,
};
use stoa_kernel::{AttemptId, Money, OrderId, RefundId, TenantId};
use stoa_storage::{Cause, Db, Tx};

use crate::domain::{TEST_PROVIDER, after, check_token};
use crate::infrastructure::{self, Attempt, Change};
use crate::provider::{
    Intent, IntentRef, IntentStatus, Preparation, Provider, ProviderError, TestProviderClient,
};

/// From created to settled takes four; more only where another process drives the same attempt.
const STEPS_PER_DRIVE_MAX: usize = 12;

const ATTEMPTS_MAX: i64 = 250;

/// The provider's answer to a confirmation that comes after a void.
const VOIDED: &str = "voided";
/// The provider's answer to a void that comes too late.
const NOT_NOW: &str = "not_now";

pub(crate) struct Attempts {
    deps: Deps,
    test: Option<Arc<TestProviderClient>>,
}

impl Attempts {
    pub(crate) fn new(deps: Deps, test: Option<Arc<TestProviderClient>>) -> Self {
        Self { deps, test }
    }

    fn provider(&self, name: &str) -> Result<&dyn Provider, PaymentError> {
        match &self.test {
            Some(client) if name == TEST_PROVIDER => Ok(&**client),
            _ => Err(PaymentError::UnknownProvider {
                provider: name.to_owned(),
            }),
        }
    }

    async fn load(&self, db: &Db, attempt: AttemptId) -> Result<Attempt, PaymentError> {
        infrastructure::by_id(db, attempt)
            .await?
            .ok_or_else(|| PaymentError::Invalid {
                field: "attempt".to_owned(),
                reason: "there is no such payment".to_owned(),
            })
    }

    /// False where somebody else was faster: read again and decide anew.
    async fn commit(&self, db: &Db, seen: &Attempt, change: &Change) -> Result<bool, PaymentError> {
        let now = self.deps.now();
        let event = self.deps.ids.make(now);
        Ok(infrastructure::advance(db, seen, change, now, event).await?)
    }

    /// The next thing to be done about an attempt that is not settled.
    async fn step(
        &self,
        tenant: TenantId,
        attempt: &Attempt,
        may_confirm: bool,
    ) -> Result<Change, PaymentError> {
        // Nothing to charge: nobody needs to be asked.
        if attempt.view.amount.amount == 0 {
            return Ok(Change::to(AttemptState::Succeeded));
        }
        let provider = self.provider(&attempt.view.provider)?;
        match &attempt.view.state {
            AttemptState::Created => prepare(provider, tenant, attempt).await,
            AttemptState::Prepared => Ok(Change::to(AttemptState::Confirming)),
            AttemptState::Confirming if may_confirm => confirm(provider, tenant, attempt).await,
            _ => ask(provider, tenant, attempt).await,
        }
    }
}

#[async_trait]
impl Payments for Attempts {
    async fn check(
        &self,
        _tenant: TenantId,
        provider: &str,
        token: &str,
        test_mode: bool,
    ) -> Result<(), PaymentError> {
        check_token(token)?;
        self.provider(provider)?;
        if provider == TEST_PROVIDER && !test_mode {
            return Err(PaymentError::TestOnly);
        }
        Ok(())
    }

    async fn methods(
        &self,
        _tenant: TenantId,
        test_mode: bool,
    ) -> Result<Vec<PaymentMethod>, PaymentError> {
        let test = PaymentMethod {
            id: TEST_PROVIDER.to_owned(),
            kind: PaymentMethodKind::Test,
            title: "Test payment".to_owned(),
            instructions: None,
            public_key: None,
        };
        Ok(match &self.test {
            Some(_) if test_mode => vec![test],
            _ => Vec::new(),
        })
    }

    async fn open(
        &self,
        tx: &mut Tx<'_>,
        attempt: &NewAttempt,
        cause: &Cause,
    ) -> Result<(), PaymentError> {
        if attempt.amount.amount < 0 {
            return Err(PaymentError::Invalid {
                field: "amount".to_owned(),
                reason: "a payment is not below zero".to_owned(),
            });
        }
        Ok(infrastructure::insert(tx, attempt, cause.occurred_at).await?)
    }

    async fn newest(
        &self,
        tx: &mut Tx<'_>,
        order: OrderId,
    ) -> Result<Option<AttemptView>, stoa_storage::Error> {
        infrastructure::newest_locked(tx, order).await
    }

    async fn newest_of(
        &self,
        tenant: TenantId,
        order: OrderId,
    ) -> Result<Option<AttemptView>, stoa_storage::Error> {
        let db = self.deps.storage.db(tenant).await?;
        infrastructure::newest(&db, order).await
    }

    async fn drive(
        &self,
        tenant: TenantId,
        attempt: AttemptId,
    ) -> Result<AttemptState, PaymentError> {
        let db = self.deps.storage.db(tenant).await?;
        let mut seen = self.load(&db, attempt).await?;
        // True right after this call itself has marked the attempt: nobody else sent that
        // confirmation, so there is nothing to look up.
        let mut may_confirm = false;
        for _ in 0..STEPS_PER_DRIVE_MAX {
            if seen.view.state.is_final() {
                return Ok(seen.view.state);
            }
            let change = self.step(tenant, &seen, may_confirm).await?;
            if change.state == seen.view.state {
                return Ok(change.state);
            }
            if !self.commit(&db, &seen, &change).await? {
                may_confirm = false;
                seen = self.load(&db, attempt).await?;
                continue;
            }
            may_confirm = change.state == AttemptState::Confirming;
            seen = seen.changed(change);
            if matches!(
                seen.view.state,
                AttemptState::Processing | AttemptState::RequiresAction { .. }
            ) {
                break;
            }
        }
        Ok(seen.view.state)
    }

    async fn attempts_of(
        &self,
        tenant: TenantId,
        order: OrderId,
    ) -> Result<Vec<AttemptView>, stoa_storage::Error> {
        let db = self.deps.storage.db(tenant).await?;
        let newest = AttemptId::from_u128(u128::MAX);
        let mut all = infrastructure::list(&db, Some(order), newest, ATTEMPTS_MAX).await?;
        all.reverse();
        Ok(all)
    }

    async fn capture(
        &self,
        tenant: TenantId,
        attempt: AttemptId,
        _amount: Option<Money>,
        _key: &str,
    ) -> Result<AttemptView, PaymentError> {
        let db = self.deps.storage.db(tenant).await?;
        let seen = self.load(&db, attempt).await?.view;
        match seen.state {
            AttemptState::Succeeded => Ok(seen),
            _ => Err(PaymentError::Invalid {
                field: "attempt".to_owned(),
                reason: "nothing is authorised".to_owned(),
            }),
        }
    }

    async fn open_refund(
        &self,
        _tx: &mut Tx<'_>,
        refund: &NewRefund,
        _cause: &Cause,
    ) -> Result<RefundView, RefundError> {
        Err(RefundError::TooMuch {
            asked: refund.amount.amount,
            left: 0,
        })
    }

    async fn drive_refund(
        &self,
        _tenant: TenantId,
        _refund: RefundId,
    ) -> Result<RefundView, RefundError> {
        Err(RefundError::NotFound)
    }

    async fn refunds_of(
        &self,
        _tenant: TenantId,
        _order: OrderId,
    ) -> Result<Vec<RefundView>, stoa_storage::Error> {
        Ok(Vec::new())
    }

    async fn give_up(
        &self,
        tenant: TenantId,
        attempt: AttemptId,
    ) -> Result<AttemptState, PaymentError> {
        let db = self.deps.storage.db(tenant).await?;
        for _ in 0..STEPS_PER_DRIVE_MAX {
            let seen = self.load(&db, attempt).await?;
            let change = match &seen.view.state {
                state if state.is_final() => return Ok(seen.view.state),
                // Whatever was prepared was never confirmed, and now never will be.
                AttemptState::Created => Change::to(AttemptState::Voided),
                _ => void(self.provider(&seen.view.provider)?, tenant, &seen).await?,
            };
            if change.state == seen.view.state || self.commit(&db, &seen, &change).await? {
                return Ok(change.state);
            }
        }
        Ok(self.load(&db, attempt).await?.view.state)
    }
}

async fn prepare(
    provider: &dyn Provider,
    tenant: TenantId,
    attempt: &Attempt,
) -> Result<Change, PaymentError> {
    let key = attempt.view.id.to_string();
    let request = Preparation {
        account: tenant,
        order: attempt.view.order_id,
        attempt: attempt.view.id,
        amount: attempt.view.amount,
        token: &attempt.token,
        return_url: attempt.return_url.as_deref(),
        key: &key,
    };
    match provider.prepare(&request).await {
        Ok(intent) => Ok(Change {
            state: AttemptState::Prepared,
            intent: Some(intent.id),
        }),
        Err(ProviderError::Refused { code, .. }) => {
            Ok(Change::to(AttemptState::Declined { reason: code }))
        }
        Err(error) => Err(unreachable(attempt, &error)),
    }
}

async fn confirm(
    provider: &dyn Provider,
    tenant: TenantId,
    attempt: &Attempt,
) -> Result<Change, PaymentError> {
    let (intent, key) = (intent_of(tenant, attempt)?, attempt.view.id.to_string());
    match provider.confirm(&intent, &key).await {
        Ok(answer) if answer.status == IntentStatus::RequiresCapture => {
            capture(provider, tenant, attempt).await
        }
        Ok(answer) => judged(attempt, &answer),
        Err(ProviderError::Refused { code, .. }) if code == VOIDED => {
            Ok(Change::to(AttemptState::Voided))
        }
        // A twin of this call may have been let through: only after a void is a no a no.
        Err(ProviderError::Refused { code, .. }) => {
            let change = void(provider, tenant, attempt).await?;
            Ok(match change.state {
                AttemptState::Voided => Change::to(AttemptState::Declined { reason: code }),
                _ => change,
            })
        }
        Err(error) => Err(unreachable(attempt, &error)),
    }
}

/// Looks up what became of an attempt that was, or may have been, confirmed.
async fn ask(
    provider: &dyn Provider,
    tenant: TenantId,
    attempt: &Attempt,
) -> Result<Change, PaymentError> {
    let answer = provider.query(&intent_of(tenant, attempt)?).await;
    let answer = answer.map_err(|error| unreachable(attempt, &error))?;
    match answer.status {
        // The confirmation never arrived; a repeated one acts at most once.
        IntentStatus::RequiresConfirmation => confirm(provider, tenant, attempt).await,
        IntentStatus::RequiresCapture => capture(provider, tenant, attempt).await,
        _ => judged(attempt, &answer),
    }
}

async fn capture(
    provider: &dyn Provider,
    tenant: TenantId,
    attempt: &Attempt,
) -> Result<Change, PaymentError> {
    let (intent, key) = (intent_of(tenant, attempt)?, attempt.view.id.to_string());
    let answer = provider.capture(&intent, &key).await;
    judged(
        attempt,
        &answer.map_err(|error| unreachable(attempt, &error))?,
    )
}

async fn void(
    provider: &dyn Provider,
    tenant: TenantId,
    attempt: &Attempt,
) -> Result<Change, PaymentError> {
    let (intent, key) = (intent_of(tenant, attempt)?, attempt.view.id.to_string());
    let answer = match provider.void(&intent, &key).await {
        // It is charged, declined, or being worked on: ask which.
        Err(ProviderError::Refused { code, .. }) if code == NOT_NOW => {
            provider.query(&intent).await
        }
        other => other,
    };
    judged(
        attempt,
        &answer.map_err(|error| unreachable(attempt, &error))?,
    )
}

fn judged(attempt: &Attempt, answer: &Intent) -> Result<Change, PaymentError> {
    after(answer)
        .map(Change::to)
        .map_err(|error| unreachable(attempt, &error))
}

fn intent_of(tenant: TenantId, attempt: &Attempt) -> Result<IntentRef<'_>, PaymentError> {
    match attempt.intent.as_deref() {
        Some(id) => Ok(IntentRef {
            account: tenant,
            id,
        }),
        None => Err(PaymentError::Invalid {
            field: "intent".to_owned(),
            reason: "the provider has not named one".to_owned(),
        }),
    }
}

fn unreachable(attempt: &Attempt, error: &ProviderError) -> PaymentError {
    tracing::warn!(attempt = %attempt.view.id, %error, "a payment provider gave no clear answer");
    PaymentError::Unreachable {
        message: error.to_string(),
    }
}
