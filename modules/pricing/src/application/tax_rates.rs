//! Rates of a shop's tax provider: asked before a transaction, kept for those inside. Tells the
//! provider where goods go and which categories there are; of the buyer nothing.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use hmac::{Hmac, KeyInit as _, Mac as _};
use serde::{Deserialize, Serialize};
use sha2::Sha256;
use stoa_contracts::Destination;
use stoa_kernel::{TenantId, Timestamp};
use stoa_storage::{Error, Result, Tx};

use super::App;
use crate::domain::{KeptRates, TaxProvider, Whereabouts, check_kept_rates, yes};
use crate::infrastructure::kept_rates::{self, KeptRow};
use crate::infrastructure::rate_source::{AskError, SignedQuestion};
use crate::infrastructure::terms;

const LIFE_DEFAULT_SECONDS: u64 = 24 * 60 * 60;
const LIFE_MIN_SECONDS: u64 = 60;
const LIFE_MAX_SECONDS: u64 = 7 * 24 * 60 * 60;
/// A provider that failed is left alone for so long: checkouts do not wait for it one by one.
const REST: Duration = Duration::from_secs(30);

#[derive(Serialize)]
struct Question<'q> {
    destination: Place<'q>,
    categories: Vec<&'q str>,
}

#[derive(Serialize)]
struct Place<'q> {
    country: Option<&'q str>,
    region: Option<&'q str>,
    postal_code: Option<&'q str>,
}

#[derive(Deserialize)]
struct Answer {
    rates: Vec<crate::domain::TaxRate>,
    #[serde(default = "yes")]
    shipping_taxed: bool,
    #[serde(default)]
    expires_in_seconds: Option<u64>,
}

/// What a provider is asked for a place.
struct Errand {
    provider: TaxProvider,
    categories: Vec<String>,
}

impl App {
    /// Keeps fresh rates of a destination. A provider that does not answer changes nothing: what
    /// was kept holds until it expires, and then the shop's own table.
    pub(crate) async fn refresh_rates(
        &self,
        tenant: TenantId,
        destination: &Destination,
    ) -> Result<()> {
        let to = Whereabouts::of(destination);
        let Some(place) = to.key() else {
            return Ok(());
        };
        let now = self.deps.now();
        if self
            .provider_rests
            .get(&tenant)
            .is_some_and(|until| now < until)
        {
            return Ok(());
        }
        let Some(errand) = self.errand(tenant, &place, now).await? else {
            return Ok(());
        };
        match self.asked(tenant, &errand, &to, now).await? {
            Ok(row) => {
                let db = self.deps.storage.db(tenant).await?;
                db.write(async move |tx: &mut Tx<'_>| {
                    // A provider that was replaced meanwhile is not listened to.
                    let table = terms::tax_table(tx).await?;
                    if table.provider.as_ref() != Some(&errand.provider) {
                        return Ok(());
                    }
                    kept_rates::keep(tx, &place, &row).await
                })
                .await
            }
            Err(error) => {
                self.provider_rests.insert(tenant, now.plus(REST));
                tracing::warn!(tenant = %tenant, %error, "the tax provider gave no rates");
                Ok(())
            }
        }
    }

    /// `None` where the shop has no provider, or the rates kept are in the first half of their life.
    async fn errand(
        &self,
        tenant: TenantId,
        place: &str,
        now: Timestamp,
    ) -> Result<Option<Errand>> {
        let place = place.to_owned();
        let db = self.deps.storage.db(tenant).await?;
        db.read(async move |tx: &mut Tx<'_>| {
            let table = terms::tax_table(tx).await?;
            let Some(provider) = table.provider else {
                return Ok(None);
            };
            let is_fresh = |row: &KeptRow| {
                let life = row.expires_at.since(row.kept_at);
                now < row.kept_at.plus(life / 2)
            };
            let kept = kept_rates::find(tx, &place, now).await?;
            if kept.as_ref().is_some_and(is_fresh) {
                return Ok(None);
            }
            let categories = table.categories.into_iter().map(|each| each.name);
            Ok(Some(Errand {
                provider,
                categories: categories.collect(),
            }))
        })
        .await
    }

    async fn asked(
        &self,
        tenant: TenantId,
        errand: &Errand,
        to: &Whereabouts,
        now: Timestamp,
    ) -> Result<Result<KeptRow, AskError>> {
        let question = Question {
            destination: Place {
                country: to.country.as_deref(),
                region: to.region.as_deref(),
                postal_code: to.postal_code.as_deref(),
            },
            categories: errand.categories.iter().map(String::as_str).collect(),
        };
        let body = serde_json::to_string(&question)?;
        let id = format!("msg_{:032x}", self.deps.ids.next_u128());
        let at = (now.unix_ms() / 1_000).to_string();
        let signature = sign(&self.provider_key(tenant).await?, &id, &at, &body);
        let question = SignedQuestion {
            url: errand.provider.url.clone(),
            headers: [
                ("webhook-id", id),
                ("webhook-timestamp", at),
                ("webhook-signature", signature),
            ],
            body,
        };
        let answer = self.rate_source.ask(&question).await;
        Ok(answer.and_then(|body| kept_row(&body, now)))
    }

    /// The key that a shop's questions are signed with: the shop's own, the same from then on.
    pub(crate) async fn provider_key(&self, tenant: TenantId) -> Result<[u8; 32]> {
        let root = self.deps.storage.secret("pricing.tax_provider").await?;
        Ok(authenticated(&root, &tenant.to_bytes()))
    }

    /// As merchants give it to their provider.
    pub(crate) async fn provider_secret(&self, tenant: TenantId) -> Result<String, Error> {
        Ok(format!(
            "whsec_{}",
            BASE64.encode(self.provider_key(tenant).await?)
        ))
    }
}

/// As Standard Webhooks signs: `v1,` and the HMAC-SHA256 of id, time and body.
fn sign(key: &[u8; 32], id: &str, at: &str, body: &str) -> String {
    let signed = authenticated(key, format!("{id}.{at}.{body}").as_bytes());
    format!("v1,{}", BASE64.encode(signed))
}

fn authenticated(key: &[u8; 32], message: &[u8]) -> [u8; 32] {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).expect("an HMAC takes a key of any length");
    mac.update(message);
    mac.finalize().into_bytes().into()
}

fn kept_row(body: &[u8], now: Timestamp) -> Result<KeptRow, AskError> {
    let unreadable = |message: String| AskError::Broken { message };
    let answer: Answer =
        serde_json::from_slice(body).map_err(|error| unreadable(error.to_string()))?;
    let rates = KeptRates {
        shipping_taxed: answer.shipping_taxed,
        rates: answer.rates,
    };
    check_kept_rates(&rates).map_err(|flaw| unreadable(flaw.to_string()))?;
    let life = answer
        .expires_in_seconds
        .unwrap_or(LIFE_DEFAULT_SECONDS)
        .clamp(LIFE_MIN_SECONDS, LIFE_MAX_SECONDS);
    Ok(KeptRow {
        rates,
        kept_at: now,
        expires_at: now.plus(Duration::from_secs(life)),
    })
}
