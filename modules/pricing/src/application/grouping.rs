//! Customer groups as merchants make, fill and remove them; one transaction each.

use std::sync::Arc;

use stoa_kernel::{Currency, CustomerId, TenantId, Timestamp};
use stoa_storage::{IdempotencyKey, Result, Tx};

use super::App;
use super::setting::{EditError, Seen, check_version, claim};
use crate::domain::{Flaw, GroupId, GroupTerms, ListTerms, check_group};
use crate::infrastructure::groups::{self, GroupRow};
use crate::infrastructure::terms;

const GROUPS_MAX: usize = 100;
const MEMBERS_PER_CALL_MAX: usize = 1_000;
const CREATED: u16 = 201;

/// A group to make, once per key.
#[derive(Debug, Clone)]
pub(crate) struct NewGroup {
    pub(crate) terms: GroupTerms,
    pub(crate) key: IdempotencyKey,
    pub(crate) now: Timestamp,
    /// Makes the answer; kept for later uses of the key.
    pub(crate) answer: fn(GroupRow) -> String,
}

impl App {
    pub(crate) async fn groups(&self, tenant: TenantId) -> Result<Vec<GroupRow>, EditError> {
        let db = self.deps.storage.db(tenant).await?;
        Ok(groups::all(&db).await?)
    }

    pub(crate) async fn group(&self, tenant: TenantId, id: GroupId) -> Result<GroupRow, EditError> {
        let db = self.deps.storage.db(tenant).await?;
        db.read(async move |tx: &mut Tx<'_>| groups::one(tx, id).await?.ok_or(EditError::Missing))
            .await
    }

    /// Returns the answer's JSON, the same for every use of the key.
    pub(crate) async fn create_group(
        self: &Arc<Self>,
        tenant: TenantId,
        currency: Currency,
        new: NewGroup,
    ) -> Result<String, EditError> {
        check_group(&new.terms)?;
        self.ensure(tenant, currency).await?;
        let id: GroupId = self.deps.ids.make(new.now);
        let db = self.deps.storage.db(tenant).await?;
        db.write(async move |tx: &mut Tx<'_>| {
            if let Some(answer) = claim(tx, &new.key, new.now).await? {
                return Ok(answer);
            }
            terms::touch(tx, new.now).await?;
            if groups::handles(tx).await?.len() >= GROUPS_MAX {
                let reason = format!("a shop has at most {GROUPS_MAX} customer groups");
                return Err(Flaw::new("handle", reason).into());
            }
            if !groups::insert(tx, id, &new.terms, new.now).await? {
                let handle = new.terms.handle.clone();
                return Err(EditError::GroupTaken { handle });
            }
            let made = groups::one(tx, id).await?.ok_or(EditError::Missing)?;
            let answer = (new.answer)(made);
            tx.store_response(&new.key, CREATED, &answer).await?;
            Ok(answer)
        })
        .await
    }

    /// The handle stays: price lists name the group by it.
    pub(crate) async fn replace_group(
        &self,
        tenant: TenantId,
        id: GroupId,
        seen: Seen,
        changed: GroupTerms,
    ) -> Result<GroupRow, EditError> {
        check_group(&changed)?;
        let now = self.deps.now();
        let db = self.deps.storage.db(tenant).await?;
        db.write(async move |tx: &mut Tx<'_>| {
            let found = groups::lock(tx, id).await?.ok_or(EditError::Missing)?;
            check_version(seen, found.version)?;
            if found.terms.handle != changed.handle {
                let reason = "cannot change: price lists name the group by it";
                return Err(Flaw::new("handle", reason).into());
            }
            groups::rename(tx, id, &changed.name, now).await?;
            groups::one(tx, id).await?.ok_or(EditError::Missing)
        })
        .await
    }

    /// Refused while a price list names the group: without it the list would hold for nobody.
    pub(crate) async fn delete_group(
        &self,
        tenant: TenantId,
        id: GroupId,
        seen: Seen,
    ) -> Result<(), EditError> {
        let now = self.deps.now();
        let db = self.deps.storage.db(tenant).await?;
        db.write(async move |tx: &mut Tx<'_>| {
            terms::touch(tx, now).await?;
            let found = groups::lock(tx, id).await?.ok_or(EditError::Missing)?;
            check_version(seen, found.version)?;
            let lists = terms::price_lists(tx).await?;
            let names = |list: &&_| names_group(list, &found.terms.handle);
            if let Some(list) = lists.iter().map(|list| &list.terms).find(names) {
                let list = list.name.clone();
                return Err(EditError::GroupInUse { list });
            }
            groups::delete(tx, id).await?;
            Ok(())
        })
        .await
    }

    pub(crate) async fn group_members(
        &self,
        tenant: TenantId,
        id: GroupId,
        after: Option<CustomerId>,
        limit: i64,
    ) -> Result<Vec<CustomerId>, EditError> {
        self.group(tenant, id).await?;
        let db = self.deps.storage.db(tenant).await?;
        Ok(groups::members(&db, id, after, limit).await?)
    }

    /// How many were not in it as asked before.
    pub(crate) async fn change_members(
        &self,
        tenant: TenantId,
        id: GroupId,
        mut add: Vec<CustomerId>,
        mut remove: Vec<CustomerId>,
    ) -> Result<usize, EditError> {
        if add.len() + remove.len() > MEMBERS_PER_CALL_MAX {
            let reason = format!("and `remove` hold at most {MEMBERS_PER_CALL_MAX} entries");
            return Err(Flaw::new("add", reason).into());
        }
        // Rows in one order everywhere: two such transactions wait, and never for each other.
        for ids in [&mut add, &mut remove] {
            ids.sort_unstable();
            ids.dedup();
        }
        if let Some(both) = add.iter().find(|id| remove.binary_search(id).is_ok()) {
            let reason = format!("holds {both}, and `remove` does");
            return Err(Flaw::new("add", reason).into());
        }
        let db = self.deps.storage.db(tenant).await?;
        db.write(async move |tx: &mut Tx<'_>| {
            // Locked, so that no member comes into a group that is being removed.
            groups::lock(tx, id).await?.ok_or(EditError::Missing)?;
            let changed = groups::change_members(tx, id, &add, &remove).await?;
            Ok(usize::try_from(changed).unwrap_or(usize::MAX))
        })
        .await
    }
}

fn names_group(list: &ListTerms, handle: &str) -> bool {
    list.groups.iter().any(|named| named == handle)
}

/// Refuses lists for groups that the shop does not have; the caller has touched the terms.
pub(super) async fn check_groups(tx: &mut Tx<'_>, list: &ListTerms) -> Result<(), EditError> {
    if list.groups.is_empty() {
        return Ok(());
    }
    let known = groups::handles(tx).await?;
    match list.groups.iter().position(|named| !known.contains(named)) {
        None => Ok(()),
        Some(index) => {
            let reason = "is no customer group of this shop";
            Err(Flaw::new(format!("groups[{index}]"), reason).into())
        }
    }
}
