//! Speaks to the test provider over HTTP. Keeps nothing; decides nothing about payments.

use std::time::Duration;

use async_trait::async_trait;
use reqwest::{Client, RequestBuilder, StatusCode};
use schemars::JsonSchema;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::json;
use stoa_kernel::{Currency, RefundId, TenantId, Timestamp};

use super::{
    CallKey, Intent, IntentRef, News, Preparation, Provider, ProviderError, ProviderRefund,
    RefundStatus, WebhookError,
};

const CONNECT_TIME_MAX: Duration = Duration::from_secs(2);
const IDLE_CONNECTIONS_MAX: usize = 32;

/// Where the test provider listens, and how to speak to it.
#[derive(Clone)]
pub struct TestProviderConfig {
    /// Such as `http://127.0.0.1:4242`.
    pub base_url: String,
    pub key: String,
    /// For one call from its first byte to the last of its answer.
    pub timeout: Duration,
}

impl TestProviderConfig {
    pub const TIMEOUT_DEFAULT: Duration = Duration::from_secs(5);
}

pub(crate) struct TestProviderClient {
    client: Client,
    base_url: String,
    key: String,
}

/// One charge, as the provider itself lists it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub(crate) struct Charge {
    pub(crate) id: String,
    pub(crate) intent: String,
    /// Minor units taken.
    pub(crate) amount: i64,
    /// Minor units given back.
    pub(crate) refunded: i64,
    pub(crate) currency: Currency,
    pub(crate) order_id: Option<String>,
    pub(crate) attempt_id: Option<String>,
    pub(crate) created_at: Timestamp,
}

#[derive(Debug, Deserialize)]
pub(crate) struct ChargeList {
    pub(crate) data: Vec<Charge>,
    pub(crate) has_more: bool,
}

/// What matters here of an intent that is asked for its refunds.
#[derive(Deserialize)]
struct WithRefunds {
    refunds: Vec<Refund>,
}

#[derive(Deserialize)]
struct Refund {
    metadata: RefundMetadata,
}

#[derive(Deserialize)]
struct RefundMetadata {
    refund_id: Option<String>,
}

impl Refund {
    fn read(self) -> ProviderRefund {
        ProviderRefund {
            ours: self.metadata.refund_id.and_then(|id| id.parse().ok()),
            status: RefundStatus::Succeeded,
        }
    }
}

#[derive(Deserialize)]
struct ErrorBody {
    error: ErrorFacts,
}

#[derive(Deserialize)]
struct ErrorFacts {
    code: String,
    message: String,
}

impl TestProviderClient {
    pub(crate) fn new(config: TestProviderConfig) -> Self {
        let client = Client::builder()
            .connect_timeout(CONNECT_TIME_MAX.min(config.timeout))
            .timeout(config.timeout)
            .pool_max_idle_per_host(IDLE_CONNECTIONS_MAX)
            .no_proxy()
            .redirect(reqwest::redirect::Policy::none())
            .build()
            .expect("a client without TLS and proxies needs nothing that could be missing");
        let base_url = config.base_url.trim_end_matches('/').to_owned();
        Self {
            client,
            base_url,
            key: config.key,
        }
    }

    /// The provider's own list of charges, oldest first; `after` is the last one already seen.
    pub(crate) async fn charges(
        &self,
        account: TenantId,
        limit: u32,
        after: Option<&str>,
    ) -> Result<ChargeList, ProviderError> {
        let query = [
            ("account", account.to_string()),
            ("limit", limit.to_string()),
            ("after", after.unwrap_or_default().to_owned()),
        ];
        answer(
            self.client
                .get(self.url("/v1/charges", &query))
                .bearer_auth(&self.key),
        )
        .await
    }

    async fn step<T: DeserializeOwned>(
        &self,
        intent: &IntentRef<'_>,
        step: &str,
        body: &serde_json::Value,
    ) -> Result<T, ProviderError> {
        let account = [("account", intent.account.to_string())];
        let url = self.url(&format!("/v1/intents/{}/{step}", intent.id), &account);
        answer(self.client.post(url).bearer_auth(&self.key).json(body)).await
    }

    /// Ids and numbers only: nothing in `query` needs escaping but what a client sent as cursor.
    fn url(&self, path: &str, query: &[(&str, String)]) -> String {
        let mut url = format!("{}{path}", self.base_url);
        for (index, (name, value)) in query.iter().enumerate() {
            let plain = |c: &char| c.is_ascii_alphanumeric() || *c == '_';
            let value: String = value.chars().filter(plain).collect();
            url.push_str(if index == 0 { "?" } else { "&" });
            url.push_str(&format!("{name}={value}"));
        }
        url
    }
}

#[async_trait]
impl Provider for TestProviderClient {
    async fn prepare(&self, request: &Preparation<'_>) -> Result<Intent, ProviderError> {
        let mut body = json!({
            "account": request.account,
            "amount": request.amount.amount,
            "currency": request.amount.currency,
            "idempotency_key": request.key.plain(),
            "token": request.token,
            "metadata": { "order_id": request.order, "attempt_id": request.attempt },
        });
        if let Some(url) = request.return_url {
            body["return_url"] = json!(url);
        }
        let url = self.url("/v1/intents", &[]);
        answer(self.client.post(url).bearer_auth(&self.key).json(&body)).await
    }

    async fn confirm(
        &self,
        intent: &IntentRef<'_>,
        _return_url: Option<&str>,
        key: &CallKey,
    ) -> Result<Intent, ProviderError> {
        self.step(
            intent,
            "confirm",
            &json!({ "idempotency_key": key.plain() }),
        )
        .await
    }

    async fn capture(
        &self,
        intent: &IntentRef<'_>,
        amount: i64,
        key: &CallKey,
    ) -> Result<Intent, ProviderError> {
        let body = json!({ "amount": amount, "idempotency_key": key.plain() });
        self.step(intent, "capture", &body).await
    }

    async fn void(&self, intent: &IntentRef<'_>, key: &str) -> Result<Intent, ProviderError> {
        self.step(intent, "void", &json!({ "idempotency_key": key }))
            .await
    }

    async fn refund(
        &self,
        intent: &IntentRef<'_>,
        refund: RefundId,
        amount: i64,
    ) -> Result<ProviderRefund, ProviderError> {
        let body = json!({
            "amount": amount,
            "idempotency_key": refund,
            "metadata": { "refund_id": refund },
        });
        let made: Refund = self.step(intent, "refund", &body).await?;
        Ok(made.read())
    }

    async fn refunds(&self, intent: &IntentRef<'_>) -> Result<Vec<ProviderRefund>, ProviderError> {
        let account = [("account", intent.account.to_string())];
        let url = self.url(&format!("/v1/intents/{}", intent.id), &account);
        let found: WithRefunds = answer(self.client.get(url).bearer_auth(&self.key)).await?;
        Ok(found.refunds.into_iter().map(Refund::read).collect())
    }

    fn honours_keys(&self) -> bool {
        true
    }

    fn verify_webhook(&self, _: &str, _: &[u8], _: Timestamp) -> Result<News, WebhookError> {
        Err(WebhookError::NoSecret)
    }

    async fn query(&self, intent: &IntentRef<'_>) -> Result<Intent, ProviderError> {
        let account = [("account", intent.account.to_string())];
        let url = self.url(&format!("/v1/intents/{}", intent.id), &account);
        answer(self.client.get(url).bearer_auth(&self.key)).await
    }
}

/// Sends and reads. Whatever is not a clear yes or no is unknown.
async fn answer<T: DeserializeOwned>(request: RequestBuilder) -> Result<T, ProviderError> {
    let unknown = |error: reqwest::Error| ProviderError::unknown(error.without_url().to_string());
    let response = request.send().await.map_err(unknown)?;
    let status = response.status();
    let bytes = response.bytes().await.map_err(unknown)?;
    if status.is_success() {
        return serde_json::from_slice(&bytes).map_err(|error| {
            ProviderError::unknown(format!("its answer makes no sense: {error}"))
        });
    }
    let definite = matches!(
        status,
        StatusCode::BAD_REQUEST
            | StatusCode::NOT_FOUND
            | StatusCode::CONFLICT
            | StatusCode::UNPROCESSABLE_ENTITY
    );
    match serde_json::from_slice::<ErrorBody>(&bytes) {
        Ok(ErrorBody { error }) if error.code == "unknown_intent" => Err(ProviderError::Forgotten),
        Ok(ErrorBody { error }) if definite => Err(ProviderError::Refused {
            code: error.code,
            message: error.message,
        }),
        // A wrong key, a full journal, an overload: the payment itself was not refused.
        Ok(ErrorBody { error }) => Err(ProviderError::unknown(format!(
            "{status}: {}",
            error.message
        ))),
        Err(_) => Err(ProviderError::unknown(format!("{status} without a reason"))),
    }
}
