//! Promotions as merchants make, change and remove them; one transaction each.

use std::sync::Arc;

use stoa_kernel::{Currency, PromotionId, TenantId, Timestamp};
use stoa_storage::{IdempotencyKey, Result, Tx};

use super::App;
use super::setting::{EditError, Seen, check_version, claim};
use crate::domain::{Flaw, PromotionTerms, check_promotion};
use crate::infrastructure::promotions::{self, PromotionRow};
use crate::infrastructure::terms;

/// A quote looks at every promotion of its shop.
const PROMOTIONS_MAX: i64 = 500;
const CREATED: u16 = 201;

/// A promotion to make, once per key.
#[derive(Debug, Clone)]
pub(crate) struct NewPromotion {
    pub(crate) terms: PromotionTerms,
    pub(crate) key: IdempotencyKey,
    pub(crate) now: Timestamp,
    /// Makes the answer; kept for later uses of the key.
    pub(crate) answer: fn(PromotionRow) -> String,
}

impl App {
    pub(crate) async fn promotions(
        &self,
        tenant: TenantId,
        after: Option<PromotionId>,
        limit: i64,
    ) -> Result<Vec<PromotionRow>, EditError> {
        let db = self.deps.storage.db(tenant).await?;
        Ok(promotions::page(&db, after, limit).await?)
    }

    pub(crate) async fn promotion(
        &self,
        tenant: TenantId,
        id: PromotionId,
    ) -> Result<PromotionRow, EditError> {
        let db = self.deps.storage.db(tenant).await?;
        db.read(async move |tx: &mut Tx<'_>| {
            promotions::one(tx, id).await?.ok_or(EditError::Missing)
        })
        .await
    }

    /// Returns the answer's JSON, the same for every use of the key.
    pub(crate) async fn create_promotion(
        self: &Arc<Self>,
        tenant: TenantId,
        currency: Currency,
        new: NewPromotion,
    ) -> Result<String, EditError> {
        check_promotion(&new.terms)?;
        self.ensure(tenant, currency).await?;
        let id: PromotionId = self.deps.ids.make(new.now);
        let db = self.deps.storage.db(tenant).await?;
        db.write(async move |tx: &mut Tx<'_>| {
            if let Some(answer) = claim(tx, &new.key, new.now).await? {
                return Ok(answer);
            }
            // The settings' row is locked from here on: nobody else counts or adds meanwhile.
            terms::touch(tx, new.now).await?;
            if promotions::count(tx).await? >= PROMOTIONS_MAX {
                let reason = format!("a shop has at most {PROMOTIONS_MAX} promotions");
                return Err(Flaw::new("title", reason).into());
            }
            promotions::insert(tx, id, &new.terms, new.now).await?;
            put_codes(tx, id, &new.terms).await?;
            let made = promotions::one(tx, id).await?.ok_or(EditError::Missing)?;
            let answer = (new.answer)(made);
            tx.store_response(&new.key, CREATED, &answer).await?;
            Ok(answer)
        })
        .await
    }

    pub(crate) async fn replace_promotion(
        &self,
        tenant: TenantId,
        id: PromotionId,
        seen: Seen,
        changed: PromotionTerms,
    ) -> Result<PromotionRow, EditError> {
        check_promotion(&changed)?;
        let now = self.deps.now();
        let db = self.deps.storage.db(tenant).await?;
        db.write(async move |tx: &mut Tx<'_>| {
            terms::touch(tx, now).await?;
            let found = promotions::lock(tx, id).await?.ok_or(EditError::Missing)?;
            check_version(seen, found.version)?;
            if let Some(most) = changed.budget.uses_max
                && i64::from(most) < found.uses
            {
                let reason = format!("is below the {} uses taken", found.uses);
                return Err(Flaw::new("budget.uses_max", reason).into());
            }
            promotions::replace(tx, id, &changed, now).await?;
            put_codes(tx, id, &changed).await?;
            promotions::one(tx, id).await?.ok_or(EditError::Missing)
        })
        .await
    }

    /// One whose uses are counted and taken stays: orders hold on to it.
    pub(crate) async fn delete_promotion(
        &self,
        tenant: TenantId,
        id: PromotionId,
        seen: Seen,
    ) -> Result<(), EditError> {
        let now = self.deps.now();
        let db = self.deps.storage.db(tenant).await?;
        db.write(async move |tx: &mut Tx<'_>| {
            terms::touch(tx, now).await?;
            let found = promotions::lock(tx, id).await?.ok_or(EditError::Missing)?;
            check_version(seen, found.version)?;
            if found.uses > 0 {
                return Err(EditError::InUse { uses: found.uses });
            }
            promotions::delete(tx, id).await?;
            Ok(())
        })
        .await
    }
}

async fn put_codes(
    tx: &mut Tx<'_>,
    id: PromotionId,
    terms: &PromotionTerms,
) -> Result<(), EditError> {
    match promotions::put_codes(tx, id, &terms.codes).await? {
        None => Ok(()),
        Some(at) => Err(EditError::CodeTaken {
            code: terms.codes[at].clone(),
        }),
    }
}
