//! Speaks Stripe's protocol: form-encoded bodies, idempotency keys, signed webhooks. Keeps nothing.

mod signature;
mod wire;

use async_trait::async_trait;
use http::{Method, StatusCode};
use serde::de::DeserializeOwned;
use stoa_kernel::{RefundId, Timestamp};

use super::line::{Call, Line};
use super::{
    CallKey, Intent, IntentRef, News, Preparation, Provider, ProviderError, ProviderRefund,
    WebhookError,
};
use crate::seal::Secret;

/// The last version in which an intent takes cards alone unless it says otherwise, as here.
const API_VERSION: &str = "2022-11-15";
/// Currencies whose smallest unit the protocol counts otherwise than ISO 4217: an amount of ours would
/// be taken for a hundred times more, or less.
const COUNTED_OTHERWISE: [&str; 3] = ["ISK", "MGA", "UGX"];
const ID_BYTES_MAX: usize = 255;
const REFUNDS_PER_PAGE: usize = 100;
const REFUND_PAGES_MAX: usize = 20;

/// A shop's account at a server that speaks the protocol.
#[derive(Debug, Clone)]
pub(crate) struct StripeAccount {
    /// Without a slash at its end.
    pub(crate) base_url: String,
    pub(crate) secret_key: Secret,
    pub(crate) webhook_secret: Option<Secret>,
    /// Whether a confirmation takes the money, or only holds it.
    pub(crate) captures: bool,
}

pub(crate) struct StripeClient {
    line: Line,
    account: StripeAccount,
}

type Form<'a> = Vec<(&'static str, String)>;

impl StripeClient {
    pub(crate) const fn new(line: Line, account: StripeAccount) -> Self {
        Self { line, account }
    }

    async fn get<T: DeserializeOwned>(&self, path: &str) -> Result<T, ProviderError> {
        self.send(Method::GET, path, None, &Vec::new()).await
    }

    /// Keys are one name space over all routes of an account, so each step has its own.
    async fn post<T: DeserializeOwned>(
        &self,
        path: &str,
        key: &str,
        form: &Form<'_>,
    ) -> Result<T, ProviderError> {
        self.send(Method::POST, path, Some(key), form).await
    }

    async fn send<T: DeserializeOwned>(
        &self,
        method: Method,
        path: &str,
        key: Option<&str>,
        form: &Form<'_>,
    ) -> Result<T, ProviderError> {
        let form = serde_urlencoded::to_string(form)
            .map_err(|error| ProviderError::unknown(error.to_string()))?;
        let mut headers = vec![("stripe-version", API_VERSION)];
        headers.extend(key.map(|key| ("idempotency-key", key)));
        let call = Call {
            method,
            url: format!("{}{path}", self.account.base_url),
            secret: &self.account.secret_key,
            headers: &headers,
            form,
        };
        let (status, body) = self.line.send(call).await?;
        match status {
            StatusCode::OK | StatusCode::CREATED => {
                serde_json::from_slice(&body).map_err(|error| {
                    ProviderError::unknown(format!("its answer makes no sense: {error}"))
                })
            }
            _ => Err(wire::refusal(status, &body)),
        }
    }

    async fn intent(
        &self,
        step: &str,
        intent: &IntentRef<'_>,
        key: &str,
        form: &Form<'_>,
    ) -> Result<Intent, ProviderError> {
        let path = format!("/v1/payment_intents/{}/{step}", path_part(intent.id)?);
        let found: wire::PaymentIntent = self.post(&path, key, form).await?;
        found.read()
    }
}

/// A provider's id goes into a path only where it cannot leave it.
fn path_part(id: &str) -> Result<&str, ProviderError> {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
    match (1..=ID_BYTES_MAX).contains(&id.len()) && id.bytes().all(plain) {
        true => Ok(id),
        false => Err(ProviderError::unknown("its name for the payment is no id")),
    }
}

#[async_trait]
impl Provider for StripeClient {
    async fn prepare(&self, request: &Preparation<'_>) -> Result<Intent, ProviderError> {
        if COUNTED_OTHERWISE.contains(&request.amount.currency.as_str()) {
            return Err(ProviderError::Refused {
                code: "currency_not_supported".to_owned(),
                message: "the provider counts this currency in another unit".to_owned(),
            });
        }
        let currency = request.amount.currency.as_str().to_ascii_lowercase();
        let capture = if self.account.captures {
            "automatic"
        } else {
            "manual"
        };
        let mut form: Form<'_> = vec![
            ("amount", request.amount.amount.to_string()),
            ("currency", currency),
            ("confirm", "false".to_owned()),
            ("capture_method", capture.to_owned()),
            ("metadata[attempt]", request.attempt.to_string()),
            ("metadata[order]", request.order.to_string()),
            ("metadata[tenant]", request.account.to_string()),
        ];
        if request.token.starts_with("tok_") {
            let token = request.token.to_owned();
            form.push(("payment_method_data[type]", "card".to_owned()));
            form.push(("payment_method_data[card][token]", token));
        } else {
            form.push(("payment_method", request.token.to_owned()));
        }
        let found: Result<wire::PaymentIntent, _> = self
            .post("/v1/payment_intents", &request.key.plain(), &form)
            .await;
        match found {
            Ok(found) => found.read(),
            // What it does not know here is the shopper's payment method.
            Err(ProviderError::Forgotten) => Err(ProviderError::Refused {
                code: "unknown_token".to_owned(),
                message: "the provider does not know the payment method".to_owned(),
            }),
            Err(error) => Err(error),
        }
    }

    async fn confirm(
        &self,
        intent: &IntentRef<'_>,
        return_url: Option<&str>,
        key: &CallKey,
    ) -> Result<Intent, ProviderError> {
        let key = key.of_step("confirm");
        let form: Form<'_> = return_url
            .map(|url| ("return_url", url.to_owned()))
            .into_iter()
            .collect();
        let answer = self.intent("confirm", intent, &key, &form).await;
        match answer {
            // Some servers of this protocol redirect nobody and refuse the address; by refusing they
            // said that nothing was confirmed, and an intent confirms at most once all the same.
            Err(ProviderError::Refused { code, .. }) if code == wire::NO_RETURN_URL => {
                let key = format!("{key}-plain");
                self.intent("confirm", intent, &key, &Vec::new()).await
            }
            answer => answer,
        }
    }

    async fn capture(
        &self,
        intent: &IntentRef<'_>,
        amount: i64,
        key: &CallKey,
    ) -> Result<Intent, ProviderError> {
        let form = vec![("amount_to_capture", amount.to_string())];
        self.intent("capture", intent, &key.of_step("capture"), &form)
            .await
    }

    async fn void(&self, intent: &IntentRef<'_>, key: &str) -> Result<Intent, ProviderError> {
        self.intent("cancel", intent, &format!("{key}-void"), &Vec::new())
            .await
    }

    async fn refund(
        &self,
        intent: &IntentRef<'_>,
        refund: RefundId,
        amount: i64,
    ) -> Result<ProviderRefund, ProviderError> {
        let form = vec![
            ("payment_intent", intent.id.to_owned()),
            ("amount", amount.to_string()),
            ("metadata[refund]", refund.to_string()),
        ];
        // One refund may go back through several intents.
        let key = format!("{refund}-{}", path_part(intent.id)?);
        let made: wire::Refund = self.post("/v1/refunds", &key, &form).await?;
        Ok(made.read())
    }

    async fn refunds(&self, intent: &IntentRef<'_>) -> Result<Vec<ProviderRefund>, ProviderError> {
        let id = path_part(intent.id)?;
        let first = format!("/v1/refunds?payment_intent={id}&limit={REFUNDS_PER_PAGE}");
        let (mut all, mut path) = (Vec::new(), first.clone());
        for _ in 0..REFUND_PAGES_MAX {
            let page: wire::List<wire::Refund> = self.get(&path).await?;
            let last = page.data.last().map(|refund| refund.id.clone());
            all.extend(page.data.into_iter().map(wire::Refund::read));
            match last {
                Some(last) if page.has_more => {
                    path = format!("{first}&starting_after={}", path_part(&last)?);
                }
                _ => return Ok(all),
            }
        }
        // What was not read may hold ours: not having seen it is no answer.
        Err(ProviderError::unknown(
            "it lists more refunds than can be read",
        ))
    }

    async fn query(&self, intent: &IntentRef<'_>) -> Result<Intent, ProviderError> {
        let path = format!("/v1/payment_intents/{}", path_part(intent.id)?);
        let found: wire::PaymentIntent = self.get(&path).await?;
        found.read()
    }

    /// Stripe does for a day, and servers that stand in for it do not at all.
    fn honours_keys(&self) -> bool {
        false
    }

    fn verify_webhook(
        &self,
        signature: &str,
        body: &[u8],
        now: Timestamp,
    ) -> Result<News, WebhookError> {
        let secret = self.account.webhook_secret.as_ref();
        let secret = secret.ok_or(WebhookError::NoSecret)?;
        signature::verify(secret, signature, body, now)?;
        wire::read_event(body)
    }
}
