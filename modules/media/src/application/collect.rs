//! Takes away what nobody needs: uploads that never ended, pictures nobody shows, blobs nobody owns.
//! A condemned picture never lives again and its blobs' names are never used again, so nothing here
//! can meet an upload of the same content.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use parking_lot::Mutex;
use stoa_blobs::{BlobGroup, BlobKey};
use stoa_bus::{HandlerError, Recurring};
use stoa_kernel::{CellId, TenantId, Timestamp};
use stoa_storage::{Error, Tx};

use super::{MediaError, Shared, group};
use crate::infrastructure::{self, Unused};

const COLLECT_EVERY: Duration = Duration::from_secs(3_600);
const SWEEP_EVERY: Duration = Duration::from_secs(24 * 3_600);
/// How long an upload may take, and how long a blob without a row is left alone: a version may be
/// written while its picture goes.
const GRACE: Duration = Duration::from_secs(24 * 3_600);
/// Pictures of one shop in one round.
const COLLECTED_MAX: i64 = 500;
/// Blobs of one shop looked at in one round; the next goes on behind them.
const SWEPT_MAX: usize = 10_000;
const SWEPT_AT_ONCE_MAX: usize = 1_000;

/// By rows: what is condemned goes, first its blobs, then its row.
pub(crate) struct Collect {
    shared: Arc<Shared>,
}

impl Collect {
    pub(crate) fn new(shared: Arc<Shared>) -> Self {
        Self { shared }
    }

    async fn collect(&self, tenant: TenantId, now: Timestamp) -> Result<(), MediaError> {
        let shared = &self.shared;
        let db = shared.deps.storage.db(tenant).await?;
        let stale = now.minus(GRACE);
        let unused = shared.collect_unused_after.map(|after| Unused {
            before: now.minus(after),
            limit: COLLECTED_MAX,
        });
        db.write_bulk(async move |tx: &mut Tx<'_>| {
            infrastructure::condemn_stale(tx, stale).await?;
            if let Some(unused) = unused {
                infrastructure::condemn_unused(tx, unused).await?;
            }
            Ok::<_, Error>(())
        })
        .await?;
        for (id, sha256) in infrastructure::condemned(&db, COLLECTED_MAX).await? {
            let group = group(tenant, id, sha256)?;
            shared.blobs.delete_group(&group).await?;
            db.write_bulk(async move |tx: &mut Tx<'_>| infrastructure::forget(tx, id).await)
                .await?;
        }
        Ok(())
    }
}

#[async_trait]
impl Recurring for Collect {
    fn name(&self) -> &'static str {
        "media.collect"
    }

    fn every(&self) -> Duration {
        COLLECT_EVERY
    }

    async fn run(&self, cell: CellId, now: Timestamp) -> Result<(), HandlerError> {
        let mut failed = None;
        for tenant in tenants_of(&self.shared, cell).await? {
            // One shop's trouble must not keep the others' from going.
            if let Err(error) = self.collect(tenant, now).await {
                tracing::warn!(%tenant, %error, "unused pictures cannot be collected");
                failed = Some(error);
            }
        }
        ended(failed)
    }
}

/// By blobs: what has no row at all, such as after the database was restored, goes.
pub(crate) struct Sweep {
    shared: Arc<Shared>,
    /// Where the next round goes on; from the start after a restart.
    places: Mutex<HashMap<TenantId, BlobKey>>,
}

impl Sweep {
    pub(crate) fn new(shared: Arc<Shared>) -> Self {
        Self {
            shared,
            places: Mutex::default(),
        }
    }

    async fn sweep(&self, tenant: TenantId, now: Timestamp) -> Result<(), MediaError> {
        let shared = &self.shared;
        let db = shared.deps.storage.db(tenant).await?;
        let space = tenant.to_string();
        let mut after = self.places.lock().remove(&tenant);
        let mut looked_at: Option<(BlobGroup, bool)> = None;
        for _ in 0..SWEPT_MAX / SWEPT_AT_ONCE_MAX {
            let listed = shared.blobs.list(&space, after.as_ref(), SWEPT_AT_ONCE_MAX);
            let listed = listed.await?;
            let Some(last) = listed.last() else {
                return Ok(());
            };
            after = Some(last.key.clone());
            for blob in &listed {
                let owner = blob.key.group();
                let owned = match &looked_at {
                    Some((known, owned)) if known == owner => *owned,
                    _ => {
                        let owned = match owner.owner().parse() {
                            Ok(id) => infrastructure::exists(&db, id).await?,
                            Err(_) => false,
                        };
                        looked_at = Some((owner.clone(), owned));
                        owned
                    }
                };
                if !owned && blob.modified < now.minus(GRACE) {
                    shared.blobs.delete(&blob.key).await?;
                }
            }
            if listed.len() < SWEPT_AT_ONCE_MAX {
                return Ok(());
            }
        }
        if let Some(after) = after {
            self.places.lock().insert(tenant, after);
        }
        Ok(())
    }
}

#[async_trait]
impl Recurring for Sweep {
    fn name(&self) -> &'static str {
        "media.sweep"
    }

    fn every(&self) -> Duration {
        SWEEP_EVERY
    }

    async fn run(&self, cell: CellId, now: Timestamp) -> Result<(), HandlerError> {
        let mut failed = None;
        for tenant in tenants_of(&self.shared, cell).await? {
            if let Err(error) = self.sweep(tenant, now).await {
                tracing::warn!(%tenant, %error, "blobs without a picture cannot be swept");
                failed = Some(error);
            }
        }
        ended(failed)
    }
}

fn ended(failed: Option<MediaError>) -> Result<(), HandlerError> {
    match failed {
        None => Ok(()),
        Some(MediaError::Storage(error)) => Err(error.into()),
        Some(error) => Err(HandlerError::Failed(error.to_string())),
    }
}

async fn tenants_of(shared: &Shared, cell: CellId) -> Result<Vec<TenantId>, Error> {
    let all = shared.deps.storage.tenants().await?;
    let own = all.into_iter().filter(|tenant| tenant.cell == cell);
    Ok(own.map(|tenant| tenant.id).collect())
}
