//! SQL over endpoints. Decides nothing.

use stoa_kernel::{EndpointId, Timestamp};
use stoa_storage::{Db, Error, Result, Row, Tx, params};

use crate::domain::{Disabled, ENDPOINTS_MAX, Endpoint, Health, Subscription};

pub(crate) struct NewEndpoint {
    pub(crate) id: EndpointId,
    pub(crate) url: String,
    pub(crate) description: String,
    pub(crate) subscription: Subscription,
    pub(crate) active: bool,
    pub(crate) sealed: Vec<u8>,
}

/// Sealed signing keys: the current one, and the one before with its end.
pub(crate) struct Keys {
    pub(crate) current: Vec<u8>,
    pub(crate) old: Option<(Vec<u8>, Timestamp)>,
}

/// False where the shop has as many endpoints as it may.
pub(crate) async fn insert(tx: &mut Tx<'_>, new: &NewEndpoint, now: Timestamp) -> Result<bool> {
    const TAKEN: &str = "SELECT slot FROM webhooks_endpoint WHERE tenant_id = :tenant \
         AND slot IS NOT NULL ORDER BY slot";
    const SQL: &str = "INSERT INTO webhooks_endpoint (tenant_id, id, slot, url, description, \
         subjects, active, secret, last_position, lane, lane_open, failures, created_at, \
         updated_at) VALUES (:tenant, $1, $2, $3, $4, $5, $6, $7, 0, 0, 0, 0, $8, $8) \
         ON CONFLICT DO NOTHING";
    let subjects = new.subscription.to_string();
    // A slot that another request took meanwhile is seen as taken the next time round.
    for _ in 0..ENDPOINTS_MAX {
        let taken = tx.query(TAKEN, &[], |row| row.get::<u32>(0)).await?;
        let Some(free) = (1..=ENDPOINTS_MAX).find(|slot| !taken.contains(slot)) else {
            return Ok(false);
        };
        let values = params![
            new.id,
            free,
            &new.url,
            &new.description,
            &subjects,
            new.active,
            new.sealed.as_slice(),
            now
        ];
        if tx.execute(SQL, values).await? == 1 {
            return Ok(true);
        }
    }
    Ok(false)
}

/// All there are, oldest first.
pub(crate) async fn all(db: &Db) -> Result<Vec<Endpoint>> {
    const SQL: &str = "SELECT id, url, description, subjects, active, lane, failures, \
         failing_since, not_before, disabled_at, disabled_reason, old_secret_until, created_at, \
         updated_at FROM webhooks_endpoint WHERE tenant_id = :tenant AND deleted_at IS NULL \
         ORDER BY id";
    db.fetch(SQL, &[], endpoint_of).await
}

pub(crate) async fn endpoint(db: &Db, id: EndpointId) -> Result<Option<Endpoint>> {
    const SQL: &str = "SELECT id, url, description, subjects, active, lane, failures, \
         failing_since, not_before, disabled_at, disabled_reason, old_secret_until, created_at, \
         updated_at FROM webhooks_endpoint \
         WHERE tenant_id = :tenant AND id = $1 AND deleted_at IS NULL";
    Ok(db.fetch(SQL, params![id], endpoint_of).await?.pop())
}

pub(crate) async fn lock(tx: &mut Tx<'_>, id: EndpointId) -> Result<Option<Endpoint>> {
    const SQL: &str = "SELECT id, url, description, subjects, active, lane, failures, \
         failing_since, not_before, disabled_at, disabled_reason, old_secret_until, created_at, \
         updated_at FROM webhooks_endpoint \
         WHERE tenant_id = :tenant AND id = $1 AND deleted_at IS NULL {lock}";
    tx.query_opt(SQL, params![id], endpoint_of).await
}

/// Writes what a merchant may change.
pub(crate) async fn put(tx: &mut Tx<'_>, endpoint: &Endpoint, now: Timestamp) -> Result<()> {
    const SQL: &str = "UPDATE webhooks_endpoint SET url = $2, description = $3, subjects = $4, \
         active = $5, failures = $6, failing_since = $7, not_before = $8, updated_at = $9, \
         disabled_at = $10, disabled_reason = $11 \
         WHERE tenant_id = :tenant AND id = $1";
    let subjects = endpoint.subscription.to_string();
    let values = params![
        endpoint.id,
        &endpoint.url,
        &endpoint.description,
        &subjects,
        endpoint.active,
        endpoint.health.failures,
        endpoint.health.failing_since,
        endpoint.health.not_before,
        now,
        endpoint.disabled.map(|(at, _)| at),
        endpoint.disabled.map(|(_, reason)| reason.as_str())
    ];
    tx.execute(SQL, values).await.map(|_| ())
}

/// Hides it, forgets its secrets and frees its place; its deliveries go bit by bit.
pub(crate) async fn delete(tx: &mut Tx<'_>, id: EndpointId, now: Timestamp) -> Result<bool> {
    const SQL: &str = "UPDATE webhooks_endpoint SET slot = NULL, deleted_at = $2, active = 0, \
         secret = $3, old_secret = NULL, old_secret_until = NULL \
         WHERE tenant_id = :tenant AND id = $1 AND deleted_at IS NULL";
    let forgotten: &[u8] = &[];
    Ok(tx.execute(SQL, params![id, now, forgotten]).await? == 1)
}

/// The current key becomes the old one, until `until`.
pub(crate) async fn rotate(
    tx: &mut Tx<'_>,
    id: EndpointId,
    sealed: &[u8],
    until: Timestamp,
    now: Timestamp,
) -> Result<bool> {
    const SQL: &str = "UPDATE webhooks_endpoint SET old_secret = secret, old_secret_until = $3, \
         secret = $2, updated_at = $4 \
         WHERE tenant_id = :tenant AND id = $1 AND deleted_at IS NULL";
    Ok(tx.execute(SQL, params![id, sealed, until, now]).await? == 1)
}

pub(crate) async fn keys(tx: &mut Tx<'_>, id: EndpointId) -> Result<Keys> {
    const SQL: &str = "SELECT secret, old_secret, old_secret_until FROM webhooks_endpoint \
         WHERE tenant_id = :tenant AND id = $1";
    tx.query_one(SQL, params![id], |row| {
        let old: Option<Vec<u8>> = row.get(1)?;
        let until: Option<Timestamp> = row.get(2)?;
        Ok(Keys {
            current: row.get(0)?,
            old: old.zip(until),
        })
    })
    .await
}

/// What each active endpoint hears.
pub(crate) async fn subscriptions(tx: &mut Tx<'_>) -> Result<Vec<(EndpointId, Subscription)>> {
    const SQL: &str = "SELECT id, subjects FROM webhooks_endpoint \
         WHERE tenant_id = :tenant AND active = 1 ORDER BY id";
    tx.query(SQL, &[], |row| {
        Ok((row.get(0)?, Subscription::from_stored(row.str(1)?)))
    })
    .await
}

/// Takes the next `count` places in the endpoint's order and opens its lane: the last place taken
/// and the lane; `None` where it is not active.
pub(crate) async fn take_places(
    tx: &mut Tx<'_>,
    id: EndpointId,
    count: i64,
) -> Result<Option<(i64, i64)>> {
    const SQL: &str = "UPDATE webhooks_endpoint SET last_position = last_position + $2, \
         lane = lane + 1 - lane_open, lane_open = 1 \
         WHERE tenant_id = :tenant AND id = $1 AND active = 1 RETURNING last_position, lane";
    tx.query_opt(SQL, params![id, count], |row| {
        Ok((row.get(0)?, row.get(1)?))
    })
    .await
}

/// Opens the lane and lifts what an open circuit holds back; the lane, or `None` where the
/// endpoint is not active.
pub(crate) async fn open_lane(tx: &mut Tx<'_>, id: EndpointId) -> Result<Option<i64>> {
    const SQL: &str = "UPDATE webhooks_endpoint SET lane = lane + 1 - lane_open, lane_open = 1, \
         not_before = NULL WHERE tenant_id = :tenant AND id = $1 AND active = 1 RETURNING lane";
    tx.query_opt(SQL, params![id], |row| row.get(0)).await
}

/// The next delivery starts a lane of its own.
pub(crate) async fn close_lane(tx: &mut Tx<'_>, id: EndpointId, lane: i64) -> Result<()> {
    const SQL: &str = "UPDATE webhooks_endpoint SET lane_open = 0 \
         WHERE tenant_id = :tenant AND id = $1 AND lane = $2";
    tx.execute(SQL, params![id, lane]).await.map(|_| ())
}

pub(crate) async fn set_health(
    tx: &mut Tx<'_>,
    id: EndpointId,
    health: Health,
    disabled: Option<Disabled>,
    now: Timestamp,
) -> Result<()> {
    const SQL: &str = "UPDATE webhooks_endpoint SET failures = $2, failing_since = $3, \
         not_before = $4 WHERE tenant_id = :tenant AND id = $1";
    const OFF: &str = "UPDATE webhooks_endpoint SET active = 0, disabled_at = $2, \
         disabled_reason = $3 WHERE tenant_id = :tenant AND id = $1 AND active = 1";
    let values = params![id, health.failures, health.failing_since, health.not_before];
    tx.execute(SQL, values).await?;
    if let Some(reason) = disabled {
        tx.execute(OFF, params![id, now, reason.as_str()]).await?;
    }
    Ok(())
}

/// Active endpoints with something to send, and whether it is time to.
pub(crate) async fn due(db: &Db, now: Timestamp) -> Result<Vec<(EndpointId, bool)>> {
    const SQL: &str = "SELECT e.id, d.next_attempt_at, e.not_before \
         FROM webhooks_endpoint e JOIN webhooks_delivery d \
         ON d.tenant_id = e.tenant_id AND d.endpoint_id = e.id AND d.state = 'pending' \
         WHERE e.tenant_id = :tenant AND e.active = 1 AND d.position = \
         (SELECT min(f.position) FROM webhooks_delivery f WHERE f.tenant_id = :tenant \
         AND f.endpoint_id = e.id AND f.state = 'pending') ORDER BY e.id";
    db.fetch(SQL, &[], |row| {
        let next: Timestamp = row.get(1)?;
        let not_before: Option<Timestamp> = row.get(2)?;
        let is_due = next.max(not_before.unwrap_or(next)) <= now;
        Ok((row.get(0)?, is_due))
    })
    .await
}

fn endpoint_of(row: &Row<'_>) -> Result<Endpoint> {
    let disabled_at: Option<Timestamp> = row.get(9)?;
    let reason: Option<String> = row.get(10)?;
    let reason = reason
        .map(|text| Disabled::parse(&text).ok_or_else(|| unknown("disabled_reason", text)))
        .transpose()?;
    Ok(Endpoint {
        id: row.get(0)?,
        url: row.get(1)?,
        description: row.get(2)?,
        subscription: Subscription::from_stored(row.str(3)?),
        active: row.get(4)?,
        lane: row.get(5)?,
        health: Health {
            failures: row.get(6)?,
            failing_since: row.get(7)?,
            not_before: row.get(8)?,
        },
        disabled: disabled_at.zip(reason),
        old_secret_until: row.get(11)?,
        created_at: row.get(12)?,
        updated_at: row.get(13)?,
    })
}

/// A word that the table's CHECK should have kept out.
pub(super) fn unknown(column: &str, found: String) -> Error {
    Error::Io {
        context: format!("reading `{column}`"),
        message: format!("`{found}` is none of its words"),
    }
}
