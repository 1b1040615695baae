//! What merchants ask of their endpoints: set up, look into, send again. Speaks no HTTP.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use serde_json::json;
use stoa_kernel::{DeliveryId, EndpointId, EventId, TenantId, Timestamp};
use stoa_storage::{Db, Error, Tx};

use super::{Lane, Shared, listener};
use crate::domain::{
    Attempt, DESCRIPTION_LENGTH_MAX, Delivery, DeliveryState, ENDPOINTS_MAX, Endpoint, Health,
    Subscription, TEST_SUBJECT, Target, WAITING_MAX,
};
use crate::infrastructure::{self, NewDelivery, NewEndpoint, Page, Range, random_key};

/// How long the secret before stays valid, so that receivers can change over.
const OLD_SECRET_VALID: Duration = Duration::from_secs(24 * 3_600);
const REPLAYED_AT_ONCE_MAX: usize = 250;

#[derive(Debug, Clone, thiserror::Error)]
pub(crate) enum WebhookError {
    #[error("no such endpoint")]
    NotFound,
    #[error("no such delivery")]
    DeliveryNotFound,
    #[error("the shop has {max} endpoints already")]
    Limit { max: u32 },
    #[error("the endpoint is not active")]
    Inactive,
    /// As many wait for the endpoint as may.
    #[error("too many deliveries wait for the endpoint")]
    Crowded,
    #[error("{field}: {reason}")]
    Invalid { field: String, reason: String },
    #[error(transparent)]
    Storage(#[from] Error),
}

/// An endpoint as a merchant wants it.
#[derive(Debug, Clone)]
pub(crate) struct Given {
    pub(crate) url: String,
    pub(crate) description: String,
    pub(crate) subjects: Vec<String>,
    pub(crate) active: bool,
}

/// What of an endpoint is to be different; `None` stays.
#[derive(Debug, Clone, Default)]
pub(crate) struct Change {
    pub(crate) url: Option<String>,
    pub(crate) description: Option<String>,
    pub(crate) subjects: Option<Vec<String>>,
    pub(crate) active: Option<bool>,
}

/// An endpoint with a new secret, the only time it is seen. Not `Debug`: it stays out of logs.
pub(crate) struct Created {
    pub(crate) endpoint: Endpoint,
    pub(crate) secret: String,
}

/// A delivery with its attempts, oldest first.
#[derive(Debug, Clone)]
pub(crate) struct Listed {
    pub(crate) delivery: Delivery,
    pub(crate) attempts: Vec<Attempt>,
}

pub(crate) struct ReplayAsked {
    pub(crate) endpoint: EndpointId,
    pub(crate) from: Timestamp,
    pub(crate) until: Timestamp,
    pub(crate) state: Option<DeliveryState>,
    pub(crate) after: Option<(i64, i64)>,
}

pub(crate) struct Replayed {
    pub(crate) count: usize,
    /// Where to go on, if there are more.
    pub(crate) next: Option<(i64, i64)>,
}

pub(crate) struct Desk {
    shared: Arc<Shared>,
}

impl Desk {
    pub(crate) fn new(shared: Arc<Shared>) -> Self {
        Self { shared }
    }

    pub(crate) async fn list(&self, tenant: TenantId) -> Result<Vec<Endpoint>, WebhookError> {
        Ok(infrastructure::all(&self.db(tenant).await?).await?)
    }

    pub(crate) async fn get(
        &self,
        tenant: TenantId,
        id: EndpointId,
    ) -> Result<Endpoint, WebhookError> {
        let found = infrastructure::endpoint(&self.db(tenant).await?, id).await?;
        found.ok_or(WebhookError::NotFound)
    }

    pub(crate) async fn create(
        &self,
        tenant: TenantId,
        given: Given,
    ) -> Result<Created, WebhookError> {
        let now = self.shared.deps.now();
        let id: EndpointId = self.shared.deps.ids.make(now);
        let key = random_key()?;
        let new = NewEndpoint {
            id,
            url: self.url(&given.url)?,
            description: description(given.description)?,
            subscription: subscription(given.subjects)?,
            active: given.active,
            sealed: self.shared.seal.close(tenant, id, &key)?,
        };
        let inserted = self
            .db(tenant)
            .await?
            .write(async move |tx: &mut Tx<'_>| infrastructure::insert(tx, &new, now).await)
            .await?;
        if !inserted {
            return Err(WebhookError::Limit { max: ENDPOINTS_MAX });
        }
        Ok(Created {
            endpoint: self.get(tenant, id).await?,
            secret: key.text(),
        })
    }

    /// Switching on, and another address, start afresh: what waits is sent now.
    pub(crate) async fn change(
        &self,
        tenant: TenantId,
        id: EndpointId,
        change: Change,
    ) -> Result<Endpoint, WebhookError> {
        let url = change.url.map(|url| self.url(&url)).transpose()?;
        let text = change.description.map(description).transpose()?;
        let subscription = change.subjects.map(subscription).transpose()?;
        let (shared, now) = (self.shared.clone(), self.shared.deps.now());
        let db = self.db(tenant).await?;
        db.write(async move |tx: &mut Tx<'_>| {
            let found = infrastructure::lock(tx, id).await?;
            let mut endpoint = found.ok_or(WebhookError::NotFound)?;
            let afresh =
                change.active == Some(true) || url.as_ref().is_some_and(|url| *url != endpoint.url);
            if let Some(active) = change.active {
                endpoint.active = active;
                endpoint.disabled = None;
            }
            if afresh {
                endpoint.health = Health::default();
            }
            endpoint.url = url.clone().unwrap_or(endpoint.url);
            endpoint.description = text.clone().unwrap_or(endpoint.description);
            endpoint.subscription = subscription.clone().unwrap_or(endpoint.subscription);
            infrastructure::put(tx, &endpoint, now).await?;
            if afresh {
                shared.hasten(tx, id, now).await?;
            }
            Ok::<_, WebhookError>(())
        })
        .await?;
        self.get(tenant, id).await
    }

    pub(crate) async fn delete(
        &self,
        tenant: TenantId,
        id: EndpointId,
    ) -> Result<(), WebhookError> {
        let now = self.shared.deps.now();
        let db = self.db(tenant).await?;
        let deleted = db
            .write(async move |tx: &mut Tx<'_>| infrastructure::delete(tx, id, now).await)
            .await?;
        deleted.then_some(()).ok_or(WebhookError::NotFound)
    }

    /// A new secret; the one before stays valid for a day, an older one no longer.
    pub(crate) async fn rotate(
        &self,
        tenant: TenantId,
        id: EndpointId,
    ) -> Result<Created, WebhookError> {
        let now = self.shared.deps.now();
        let key = random_key()?;
        let sealed = self.shared.seal.close(tenant, id, &key)?;
        let until = now.plus(OLD_SECRET_VALID);
        let db = self.db(tenant).await?;
        let rotated = db
            .write(async move |tx: &mut Tx<'_>| {
                infrastructure::rotate(tx, id, &sealed, until, now).await
            })
            .await?;
        if !rotated {
            return Err(WebhookError::NotFound);
        }
        Ok(Created {
            endpoint: self.get(tenant, id).await?,
            secret: key.text(),
        })
    }

    /// One page of the log, newest first.
    pub(crate) async fn deliveries(
        &self,
        tenant: TenantId,
        page: Page,
    ) -> Result<Vec<Listed>, WebhookError> {
        self.get(tenant, page.endpoint).await?;
        let db = self.db(tenant).await?;
        let found = infrastructure::list(&db, &page).await?;
        Ok(with_attempts(&db, page.endpoint, page.state, found).await?)
    }

    /// One delivery and its body.
    pub(crate) async fn delivery(
        &self,
        tenant: TenantId,
        endpoint: EndpointId,
        id: DeliveryId,
    ) -> Result<(Listed, String), WebhookError> {
        self.get(tenant, endpoint).await?;
        let db = self.db(tenant).await?;
        let found = db
            .read(async move |tx: &mut Tx<'_>| {
                let Some(delivery) = infrastructure::one(tx, endpoint, id).await? else {
                    return Ok::<_, Error>(None);
                };
                let body = infrastructure::body_of(tx, id).await?;
                Ok(Some((delivery, body)))
            })
            .await?;
        let (delivery, body) = found.ok_or(WebhookError::DeliveryNotFound)?;
        let listed = with_attempts(&db, endpoint, None, vec![delivery]).await?;
        let listed = listed.into_iter().next();
        Ok((listed.ok_or(WebhookError::DeliveryNotFound)?, body))
    }

    /// Sends the event of a delivery once more, after those that wait. One that waits itself is
    /// not doubled: what is first in line is sent now.
    pub(crate) async fn replay(
        &self,
        tenant: TenantId,
        endpoint: EndpointId,
        id: DeliveryId,
    ) -> Result<Listed, WebhookError> {
        let (shared, now) = (self.shared.clone(), self.shared.deps.now());
        let db = self.db(tenant).await?;
        let sent = db
            .write(async move |tx: &mut Tx<'_>| {
                let found = infrastructure::lock(tx, endpoint).await?;
                let active = found.ok_or(WebhookError::NotFound)?.active;
                let delivery = infrastructure::one(tx, endpoint, id).await?;
                let delivery = delivery.ok_or(WebhookError::DeliveryNotFound)?;
                if !active {
                    return Err(WebhookError::Inactive);
                }
                if delivery.state == DeliveryState::Pending {
                    shared.hasten(tx, endpoint, now).await?;
                    return Ok(id);
                }
                let copy = shared.deps.ids.make(now);
                send_again(&shared, tx, endpoint, &[(id, copy)], now).await?;
                Ok(copy)
            })
            .await?;
        Ok(self.delivery(tenant, endpoint, sent).await?.0)
    }

    /// As [`Self::replay`] for a time range, a bounded number at a time and in order.
    pub(crate) async fn replay_range(
        &self,
        tenant: TenantId,
        asked: ReplayAsked,
    ) -> Result<Replayed, WebhookError> {
        let (shared, now) = (self.shared.clone(), self.shared.deps.now());
        let db = self.db(tenant).await?;
        db.write(async move |tx: &mut Tx<'_>| {
            let found = infrastructure::lock(tx, asked.endpoint).await?;
            if !found.ok_or(WebhookError::NotFound)?.active {
                return Err(WebhookError::Inactive);
            }
            let range = Range {
                endpoint: asked.endpoint,
                from: asked.from,
                until: asked.until,
                after: asked.after,
                state: asked.state,
                limit: REPLAYED_AT_ONCE_MAX as i64 + 1,
            };
            let mut found = infrastructure::in_range(tx, &range).await?;
            let more = found.len() > REPLAYED_AT_ONCE_MAX;
            found.truncate(REPLAYED_AT_ONCE_MAX);
            let copies: Vec<_> = found
                .iter()
                .map(|&(id, _)| (id, shared.deps.ids.make(now)))
                .collect();
            send_again(&shared, tx, asked.endpoint, &copies, now).await?;
            Ok(Replayed {
                count: copies.len(),
                next: found.last().filter(|_| more).map(|&(_, place)| place),
            })
        })
        .await
    }

    /// Sends an event that says nothing, after those that wait.
    pub(crate) async fn test(
        &self,
        tenant: TenantId,
        endpoint: EndpointId,
    ) -> Result<Listed, WebhookError> {
        self.get(tenant, endpoint).await?;
        let (shared, now) = (self.shared.clone(), self.shared.deps.now());
        let id: DeliveryId = shared.deps.ids.make(now);
        let event: EventId = shared.deps.ids.make(now);
        let data = json!({ "endpoint": endpoint });
        let body = listener::body(TEST_SUBJECT, now, &data)?;
        let db = self.db(tenant).await?;
        let sent = db
            .write(async move |tx: &mut Tx<'_>| {
                let new = NewDelivery {
                    id,
                    event,
                    subject: TEST_SUBJECT.to_owned(),
                    body: body.clone(),
                };
                shared.append(tx, endpoint, &new, now).await
            })
            .await?;
        if !sent {
            return Err(WebhookError::Inactive);
        }
        Ok(self.delivery(tenant, endpoint, id).await?.0)
    }

    async fn db(&self, tenant: TenantId) -> Result<Db, Error> {
        self.shared.deps.storage.db(tenant).await
    }

    fn url(&self, text: &str) -> Result<String, WebhookError> {
        let target = Target::parse(text, self.shared.reach);
        let target = target.map_err(|reason| invalid("url", reason))?;
        Ok(target.as_str().to_owned())
    }
}

/// Copies deliveries, pairs of original and copy, to the end of the endpoint's order.
async fn send_again(
    shared: &Shared,
    tx: &mut Tx<'_>,
    endpoint: EndpointId,
    copies: &[(DeliveryId, DeliveryId)],
    now: Timestamp,
) -> Result<(), WebhookError> {
    let count = copies.len() as i64;
    if count == 0 {
        return Ok(());
    }
    let taken = infrastructure::take_places(tx, endpoint, count).await?;
    let (last, lane) = taken.ok_or(WebhookError::Inactive)?;
    // Replays that pile up would push out the events that come meanwhile.
    let oldest = infrastructure::oldest_pending(tx, endpoint).await?;
    if oldest.is_some_and(|oldest| last - oldest >= WAITING_MAX) {
        return Err(WebhookError::Crowded);
    }
    infrastructure::copy(tx, copies, last - count + 1, now).await?;
    shared.run(tx, Lane { endpoint, lane }, now).await?;
    Ok(())
}

async fn with_attempts(
    db: &Db,
    endpoint: EndpointId,
    state: Option<DeliveryState>,
    deliveries: Vec<Delivery>,
) -> Result<Vec<Listed>, Error> {
    let places = deliveries.iter().map(|delivery| delivery.position);
    let (Some(first), Some(last)) = (places.clone().min(), places.max()) else {
        return Ok(Vec::new());
    };
    let mut of: HashMap<i64, Vec<Attempt>> = HashMap::new();
    for (position, attempt) in infrastructure::attempts(db, endpoint, state, (first, last)).await? {
        of.entry(position).or_default().push(attempt);
    }
    let listed = deliveries.into_iter().map(|delivery| Listed {
        attempts: of.remove(&delivery.position).unwrap_or_default(),
        delivery,
    });
    Ok(listed.collect())
}

fn subscription(patterns: Vec<String>) -> Result<Subscription, WebhookError> {
    Subscription::new(patterns)
        .map_err(|(index, reason)| invalid(format!("subjects[{index}]"), reason))
}

fn description(text: String) -> Result<String, WebhookError> {
    if text.chars().count() > DESCRIPTION_LENGTH_MAX || text.contains('\0') {
        let reason = format!("has at most {DESCRIPTION_LENGTH_MAX} characters, none of them NUL");
        return Err(invalid("description", reason));
    }
    Ok(text)
}

fn invalid(field: impl Into<String>, reason: impl Into<String>) -> WebhookError {
    WebhookError::Invalid {
        field: field.into(),
        reason: reason.into(),
    }
}
