//! What merchants read of their stock, and the audit. Changes nothing.

use stoa_kernel::{LocationId, TenantId, TransferId, VariantId};
use stoa_storage::{Error, Tx};

use super::{Sourcing, Stockroom};
use crate::domain::{
    self, Level, LevelKey, Mismatch, Movement, Place, Reading, Transfer, TransferStatus,
};
use crate::infrastructure::{self as store, LEVELS_PER_AUDIT_STEP};

/// Mismatches an audit reports before it stops: where there are more, the first explain the rest.
pub(crate) const MISMATCHES_MAX: usize = 250;

/// What an audit found.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Audit {
    pub(crate) levels: u64,
    pub(crate) mismatches: Vec<Mismatch>,
    /// False where it stopped at [`MISMATCHES_MAX`].
    pub(crate) complete: bool,
}

impl Stockroom {
    pub(crate) async fn levels(
        &self,
        tenant: TenantId,
        variant: Option<VariantId>,
        after: LevelKey,
        limit: i64,
    ) -> Result<Vec<Level>, Error> {
        let db = self.deps.storage.db(tenant).await?;
        db.read(async move |tx: &mut Tx<'_>| store::levels_after(tx, variant, after, limit).await)
            .await
    }

    pub(crate) async fn movements(
        &self,
        tenant: TenantId,
        key: LevelKey,
        before: i64,
        limit: i64,
    ) -> Result<Vec<Movement>, Error> {
        let db = self.deps.storage.db(tenant).await?;
        db.read(async move |tx: &mut Tx<'_>| store::movements_before(tx, key, before, limit).await)
            .await
    }

    /// Every place, the default one first.
    pub(crate) async fn places(&self, tenant: TenantId) -> Result<Vec<Place>, Error> {
        let db = self.deps.storage.db(tenant).await?;
        let rule = db
            .read(async |tx: &mut Tx<'_>| store::rule(tx).await)
            .await?;
        Ok(rule.places().to_vec())
    }

    pub(crate) async fn place_of(
        &self,
        tenant: TenantId,
        id: LocationId,
    ) -> Result<Option<Place>, Error> {
        let db = self.deps.storage.db(tenant).await?;
        db.read(async move |tx: &mut Tx<'_>| store::place(tx, id).await)
            .await
    }

    pub(crate) async fn sourcing(&self, tenant: TenantId) -> Result<Sourcing, Error> {
        let db = self.deps.storage.db(tenant).await?;
        let (preference, split, version) = db
            .read(async |tx: &mut Tx<'_>| store::sourcing(tx).await)
            .await?;
        Ok(Sourcing {
            preference,
            split,
            version,
        })
    }

    pub(crate) async fn transfer_of(
        &self,
        tenant: TenantId,
        id: TransferId,
    ) -> Result<Option<Transfer>, Error> {
        let db = self.deps.storage.db(tenant).await?;
        db.read(async move |tx: &mut Tx<'_>| store::transfer(tx, id).await)
            .await
    }

    pub(crate) async fn transfers_before(
        &self,
        tenant: TenantId,
        status: Option<TransferStatus>,
        before: TransferId,
        limit: i64,
    ) -> Result<Vec<Transfer>, Error> {
        let db = self.deps.storage.db(tenant).await?;
        db.read(async move |tx: &mut Tx<'_>| store::transfers(tx, status, before, limit).await)
            .await
    }

    /// Adds up the tenant's movements, holds and transfers, and compares. Each step reads one
    /// snapshot.
    pub(crate) async fn audit(&self, tenant: TenantId) -> Result<Audit, Error> {
        let db = self.deps.storage.db(tenant).await?;
        let mut audit = Audit::default();
        let mut after = VariantId::from_u128(0);
        loop {
            let (levels, last, mismatches) = db
                .read(async move |tx: &mut Tx<'_>| audit_step(tx, after).await)
                .await?;
            audit.levels += levels;
            audit.mismatches.extend(mismatches);
            if audit.mismatches.len() >= MISMATCHES_MAX {
                audit.mismatches.truncate(MISMATCHES_MAX);
                return Ok(audit);
            }
            let Some(last) = last else { break };
            after = last;
        }
        audit.complete = true;
        Ok(audit)
    }
}

/// Levels seen, the last variant unless this was the end, and what does not add up.
async fn audit_step(
    tx: &mut Tx<'_>,
    after: VariantId,
) -> Result<(u64, Option<VariantId>, Vec<Mismatch>), Error> {
    let start = (after, LocationId::from_u128(u128::MAX));
    let mut levels = store::levels_after(tx, None, start, LEVELS_PER_AUDIT_STEP).await?;
    let is_end = (levels.len() as i64) < LEVELS_PER_AUDIT_STEP;
    let last = match levels.last().map(|level| level.variant) {
        Some(cut) if !is_end => {
            // Its other places may be in the next step.
            levels.retain(|level| level.variant != cut);
            levels.last().map(|level| level.variant)
        }
        _ => None,
    };
    let until = last.unwrap_or(VariantId::from_u128(u128::MAX));
    let count = levels.len() as u64;
    let reading = Reading {
        levels,
        moved: store::moved_per_level(tx, after, until).await?,
        held: store::held_per_level(tx, after, until).await?,
        due: store::due_per_level(tx, after, until).await?,
    };
    Ok((count, last, domain::resum(&reading)))
}
