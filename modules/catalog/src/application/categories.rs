//! What merchants do to the tree of categories. One change at a time: each holds the lock of the
//! shop's shape, so that no two moves make a ring together.

use std::sync::Arc;

use stoa_contracts::catalog::{CatalogError, CategoryInput, CategoryLink, CategoryView};
use stoa_kernel::{CollectionId, TenantId};
use stoa_storage::{Cause, Db, Result, Tx};

use super::writing::plain;
use super::{App, EditError, check_version};
use crate::domain::{
    AttributeRule, CATEGORIES_MAX, Category, CategoryId, Flaw, Locale, Tree, check_attribute_rules,
    check_category,
};
use crate::infrastructure::members::GroupId;
use crate::infrastructure::regroup::Reason;
use crate::infrastructure::shape::{self, Shape};
use crate::infrastructure::{categories, translations};

/// A category on its way in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct CategoryDraft {
    pub(crate) handle: String,
    pub(crate) title: String,
    /// A handle; `None` at the root.
    pub(crate) parent: Option<String>,
    /// Among its siblings, from 0; last where it is not said or there are fewer.
    pub(crate) position: Option<usize>,
    pub(crate) attributes: Vec<AttributeRule>,
}

/// A category as merchants see it, and the tree around it.
pub(crate) struct Placed {
    pub(crate) category: Category,
    pub(crate) tree: Arc<Tree>,
}

impl App {
    pub(crate) async fn create_category(
        self: &Arc<Self>,
        tenant: TenantId,
        draft: CategoryDraft,
        cause: Cause,
    ) -> Result<Placed, EditError> {
        check_draft(&draft)?;
        let app = Arc::clone(self);
        let db = self.deps.storage.db(tenant).await?;
        db.write(async move |tx: &mut Tx<'_>| {
            let shape = shape::lock(tx).await?;
            let tree = app.tree_in(tx, shape.tree).await?;
            let id = app.plant(tx, shape, &tree, &draft, &cause).await?;
            app.placed(tx, id).await
        })
        .await
    }

    /// As [`Self::create_category`], in a transaction of others; what is there stays as it is.
    pub(super) async fn ensure_category_row(
        &self,
        tx: &mut Tx<'_>,
        input: &CategoryInput,
        cause: &Cause,
    ) -> Result<(), CatalogError> {
        let draft = CategoryDraft {
            handle: input.handle.clone(),
            title: input.title.clone(),
            parent: input.parent.clone(),
            position: None,
            attributes: Vec::new(),
        };
        check_draft(&draft)?;
        let shape = shape::lock(tx).await?;
        // Never from memory: this transaction may have changed the tree before.
        let tree = categories::tree(tx, shape.tree).await?;
        if tree.by_handle(&draft.handle).is_none() {
            let planted = self.plant(tx, shape, &tree, &draft, cause).await;
            planted.map_err(plain)?;
        }
        Ok(())
    }

    /// The caller holds the shape's lock, under which it read the tree.
    async fn plant(
        &self,
        tx: &mut Tx<'_>,
        shape: Shape,
        tree: &Tree,
        draft: &CategoryDraft,
        cause: &Cause,
    ) -> Result<CategoryId, EditError> {
        if tree.len() >= CATEGORIES_MAX {
            let reason = format!("a shop has at most {CATEGORIES_MAX} categories");
            return Err(Flaw::new("handle", reason).into());
        }
        free_handle(tree, &draft.handle, None)?;
        let parent = parent_of(tree, draft.parent.as_deref())?;
        tree.check_depth(parent, 0)?;
        let now = cause.occurred_at;
        let id: CategoryId = self.deps.ids.make(now);
        let siblings = tree.children(parent);
        let place = draft.position.unwrap_or(usize::MAX).min(siblings.len());
        let category = Category {
            id,
            handle: draft.handle.clone(),
            title: draft.title.clone(),
            parent,
            position: place as i64,
            attributes: draft.attributes.clone(),
            version: 1,
            created_at: now,
            updated_at: now,
        };
        categories::insert(tx, &category).await?;
        let mut order: Vec<CategoryId> = siblings.iter().map(|each| each.id).collect();
        order.insert(place, id);
        put_order(tx, tree, parent, &order).await?;
        self.tree_changed(tx, shape, &[], &category, cause).await?;
        Ok(id)
    }

    pub(crate) async fn edit_category(
        self: &Arc<Self>,
        tenant: TenantId,
        id: CategoryId,
        seen: Option<i64>,
        cause: Cause,
        change: impl Fn(CategoryDraft) -> CategoryDraft + Send + Sync + 'static,
    ) -> Result<Placed, EditError> {
        let app = Arc::clone(self);
        let db = self.deps.storage.db(tenant).await?;
        db.write(async move |tx: &mut Tx<'_>| {
            let shape = shape::lock(tx).await?;
            let tree = app.tree_in(tx, shape.tree).await?;
            let found = tree.get(id).ok_or(EditError::NotFound)?;
            check_version(seen, found.version)?;
            let before = draft_of(&tree, found);
            let draft = change(before.clone());
            if draft == before {
                return app.placed(tx, id).await;
            }
            check_draft(&draft)?;
            free_handle(&tree, &draft.handle, Some(id))?;
            let parent = parent_of(&tree, draft.parent.as_deref())?;
            tree.check_move(id, parent)?;
            let category = Category {
                handle: draft.handle.clone(),
                title: draft.title.clone(),
                parent,
                attributes: draft.attributes.clone(),
                version: found.version + 1,
                updated_at: cause.occurred_at,
                ..found.clone()
            };
            categories::replace(tx, &category).await?;
            let siblings = tree.children(parent).into_iter().map(|each| each.id);
            let mut order: Vec<CategoryId> = siblings.filter(|each| *each != id).collect();
            if parent != found.parent {
                let left = tree.children(found.parent).into_iter();
                let left: Vec<CategoryId> = left
                    .map(|each| each.id)
                    .filter(|each| *each != id)
                    .collect();
                put_order(tx, &tree, found.parent, &left).await?;
            }
            // One that comes from elsewhere, and is not told where to, comes last.
            let same = parent == found.parent;
            let kept = usize::try_from(found.position).ok().filter(|_| same);
            let place = draft.position.or(kept).unwrap_or(usize::MAX);
            order.insert(place.min(order.len()), id);
            put_order(tx, &tree, parent, &order).await?;
            let only_order = CategoryDraft {
                position: before.position,
                ..draft.clone()
            } == before;
            let branch: Vec<GroupId> = match only_order {
                true => Vec::new(),
                false => owners(tree.branch(id)),
            };
            app.tree_changed(tx, shape, &branch, &category, &cause)
                .await?;
            app.placed(tx, id).await
        })
        .await
    }

    /// What grew from it, and its products, go to where it grew from.
    pub(crate) async fn delete_category(
        self: &Arc<Self>,
        tenant: TenantId,
        id: CategoryId,
        seen: Option<i64>,
        cause: Cause,
    ) -> Result<(), EditError> {
        let app = Arc::clone(self);
        let db = self.deps.storage.db(tenant).await?;
        db.write(async move |tx: &mut Tx<'_>| {
            let shape = shape::lock(tx).await?;
            let tree = app.tree_in(tx, shape.tree).await?;
            let found = tree.get(id).ok_or(EditError::NotFound)?;
            check_version(seen, found.version)?;
            let rules = app.rules_in(tx, shape.rules).await?;
            if rules.all.iter().any(|(_, rule)| rule.names(id)) {
                return Err(EditError::CategoryInUse);
            }
            let mut order = Vec::new();
            for sibling in tree.children(found.parent) {
                match sibling.id == id {
                    true => order.extend(tree.children(Some(id)).iter().map(|each| each.id)),
                    false => order.push(sibling.id),
                }
            }
            put_order(tx, &tree, found.parent, &order).await?;
            categories::delete(tx, id, found.parent).await?;
            let branch = owners(tree.branch(id));
            Ok(app.tree_changed(tx, shape, &branch, found, &cause).await?)
        })
        .await
    }

    /// Makes a new version of the tree, tells of it, and leaves the products of `branch` to the
    /// job. The caller holds the shape's lock.
    pub(crate) async fn tree_changed(
        &self,
        tx: &mut Tx<'_>,
        shape: Shape,
        branch: &[GroupId],
        category: &Category,
        cause: &Cause,
    ) -> Result<()> {
        let next = Shape {
            tree: self.next_version(shape.tree, cause.occurred_at),
            ..shape
        };
        shape::save(tx, next).await?;
        let stamp = format!("tree:{}", next.tree);
        self.plan_regroup(tx, branch, Reason::Category, &stamp, cause.occurred_at)
            .await?;
        // What is said of any category may be another thing now.
        self.plan_answers(tx).await?;
        // Who shows collections shows categories too, and follows the same fact.
        let group = CollectionId::from_u128(category.id.as_u128());
        self.tell_collection(tx, group, &category.handle, cause)
            .await
    }

    pub(crate) async fn category(
        &self,
        tenant: TenantId,
        id: CategoryId,
    ) -> Result<Placed, EditError> {
        let db = self.deps.storage.db(tenant).await?;
        let tree = self.tree_now(&db).await?;
        let category = tree.get(id).ok_or(EditError::NotFound)?.clone();
        Ok(Placed { category, tree })
    }

    /// The tree as shoppers see it.
    pub(crate) async fn category_views(
        &self,
        tenant: TenantId,
        locale: Option<&str>,
    ) -> Result<Vec<CategoryView>, CatalogError> {
        let db = self.deps.storage.db(tenant).await?;
        let tree = self.tree_now(&db).await?;
        let mut words = match locale.and_then(Locale::of).filter(|_| tree.len() > 0) {
            Some(locale) => translations::of_categories(&db, &locale).await?,
            None => std::collections::HashMap::new(),
        };
        let view = |(each, depth): (&Category, usize)| CategoryView {
            handle: each.handle.clone(),
            title: words
                .remove(&each.id.to_bytes())
                .unwrap_or_else(|| each.title.clone()),
            parent: each
                .parent
                .and_then(|parent| tree.get(parent))
                .map(|parent| parent.handle.clone()),
            depth: u32::try_from(depth).unwrap_or(u32::MAX),
        };
        Ok(tree.all().map(view).collect())
    }

    /// As it is after this transaction's own change, which memory must not keep.
    async fn placed(&self, tx: &mut Tx<'_>, id: CategoryId) -> Result<Placed, EditError> {
        let tree = Arc::new(categories::tree(tx, 0).await?);
        let category = tree.get(id).ok_or(EditError::NotFound)?.clone();
        Ok(Placed { category, tree })
    }
}

/// The way to a product's category, in a language.
pub(crate) async fn links(
    db: &Db,
    path: &[&Category],
    locale: Option<&Locale>,
) -> Result<Vec<CategoryLink>> {
    let ids: Vec<GroupId> = path.iter().map(|each| each.id.to_bytes()).collect();
    let mut titles = match locale.filter(|_| !ids.is_empty()) {
        Some(locale) => translations::titles(db, &ids, locale).await?,
        None => std::collections::HashMap::new(),
    };
    let link = |each: &&Category| CategoryLink {
        handle: each.handle.clone(),
        title: titles
            .remove(&each.id.to_bytes())
            .unwrap_or_else(|| each.title.clone()),
    };
    Ok(path.iter().map(link).collect())
}

pub(crate) fn owners(branch: &[Category]) -> Vec<GroupId> {
    branch.iter().map(|each| each.id.to_bytes()).collect()
}

fn check_draft(draft: &CategoryDraft) -> Result<(), Flaw> {
    check_category(&draft.handle, &draft.title)?;
    check_attribute_rules(&draft.attributes)
}

fn draft_of(tree: &Tree, category: &Category) -> CategoryDraft {
    let parent = category.parent.and_then(|parent| tree.get(parent));
    CategoryDraft {
        handle: category.handle.clone(),
        title: category.title.clone(),
        parent: parent.map(|parent| parent.handle.clone()),
        position: None,
        attributes: category.attributes.clone(),
    }
}

fn free_handle(tree: &Tree, handle: &str, besides: Option<CategoryId>) -> Result<(), EditError> {
    match tree.by_handle(handle) {
        Some(other) if Some(other.id) != besides => Err(EditError::HandleTaken {
            handle: handle.to_owned(),
        }),
        _ => Ok(()),
    }
}

fn parent_of(tree: &Tree, handle: Option<&str>) -> Result<Option<CategoryId>, Flaw> {
    let Some(handle) = handle else {
        return Ok(None);
    };
    match tree.by_handle(handle) {
        Some(parent) => Ok(Some(parent.id)),
        None => Err(Flaw::new("parent", "is the handle of no category")),
    }
}

/// Writes the places of those that are not where they are to be.
async fn put_order(
    tx: &mut Tx<'_>,
    tree: &Tree,
    parent: Option<CategoryId>,
    order: &[CategoryId],
) -> Result<()> {
    let places = order.iter().enumerate().filter_map(|(place, id)| {
        let known = tree.get(*id);
        let stays = known.is_some_and(|it| it.parent == parent && it.position == place as i64);
        (!stays).then_some((*id, parent, place as i64))
    });
    let mut places: Vec<_> = places.collect();
    places.sort_unstable_by_key(|(id, ..)| *id);
    categories::put_places(tx, &places).await
}
