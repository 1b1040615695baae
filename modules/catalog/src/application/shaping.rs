//! The tree and the rules of a shop in memory, and which groups hold a product that changed.
//!
//! Memory is never trusted by itself: whoever holds a product's lock read the versions with it,
//! and what is in memory serves only where it is of that version. A change of the tree or of a
//! rule makes a new version and leaves work behind, which takes the lock of each product in turn:
//! it comes after everything that was worked out by an older version.

use std::collections::HashSet;
use std::sync::Arc;

use moka::sync::Cache;
use stoa_kernel::{ProductId, TenantId, Timestamp};
use stoa_storage::{Cause, Db, Error, Result, Tx};

use super::App;
use crate::domain::{CategoryId, Facts, Rules, Tree};
use crate::infrastructure::members::{self, GroupId, Member};
use crate::infrastructure::shape::{self, Shape};
use crate::infrastructure::{IDS_PER_STATEMENT, categories, listings};

/// Categories of all shops together.
const NODES_MAX: u64 = 50_000;
/// Rules of all shops together.
const RULES_MAX: u64 = 20_000;

#[derive(Clone)]
pub(crate) struct Memory {
    trees: Cache<TenantId, Arc<Tree>>,
    rules: Cache<TenantId, Arc<Rules>>,
}

impl Memory {
    pub(crate) fn new() -> Self {
        let weight = |count: usize| u32::try_from(count + 1).unwrap_or(u32::MAX);
        Self {
            trees: Cache::builder()
                .max_capacity(NODES_MAX)
                .weigher(move |_, tree: &Arc<Tree>| weight(tree.len()))
                .build(),
            rules: Cache::builder()
                .max_capacity(RULES_MAX)
                .weigher(move |_, rules: &Arc<Rules>| weight(rules.all.len()))
                .build(),
        }
    }

    pub(crate) async fn tree_in(&self, tx: &mut Tx<'_>, version: i64) -> Result<Arc<Tree>> {
        let tenant = tx.tenant();
        let known = self.trees.get(&tenant);
        if let Some(tree) = known.filter(|tree| tree.version == version) {
            return Ok(tree);
        }
        let tree = match version {
            0 => Tree::default(),
            _ => categories::tree(tx, version).await?,
        };
        let tree = Arc::new(tree);
        self.trees.insert(tenant, Arc::clone(&tree));
        Ok(tree)
    }

    pub(crate) async fn rules_in(&self, tx: &mut Tx<'_>, version: i64) -> Result<Arc<Rules>> {
        let tenant = tx.tenant();
        let known = self.rules.get(&tenant);
        if let Some(rules) = known.filter(|rules| rules.version == version) {
            return Ok(rules);
        }
        let rules = match version {
            0 => Rules::default(),
            _ => members::rules(tx, version).await?,
        };
        let rules = Arc::new(rules);
        self.rules.insert(tenant, Arc::clone(&rules));
        Ok(rules)
    }
}

/// Where the products that are worked out stand now.
struct Groups {
    tree: Arc<Tree>,
    rules: Arc<Rules>,
}

impl Groups {
    /// All groups that hold the product, besides those filled by hand.
    fn of(&self, product: &Facts) -> HashSet<GroupId> {
        let path = self.tree.path(product.category);
        let names: Vec<String> = match self.rules.all.is_empty() {
            true => Vec::new(),
            false => path.iter().map(|each| each.id.to_string()).collect(),
        };
        let held = self.rules.all.iter();
        let held = held.filter(|(_, rule)| rule.holds(product, &names));
        path.iter()
            .map(|each| each.id.to_bytes())
            .chain(held.map(|(id, _)| id.to_bytes()))
            .collect()
    }
}

impl App {
    pub(crate) async fn tree_in(&self, tx: &mut Tx<'_>, version: i64) -> Result<Arc<Tree>> {
        self.memory.tree_in(tx, version).await
    }

    pub(crate) async fn rules_in(&self, tx: &mut Tx<'_>, version: i64) -> Result<Arc<Rules>> {
        self.memory.rules_in(tx, version).await
    }

    /// A version of the tree, or of the rules, that there never was.
    pub(crate) fn next_version(&self, version: i64, now: Timestamp) -> i64 {
        let drawn: CategoryId = self.deps.ids.make(now);
        shape::next_version(version, drawn.as_u128())
    }

    /// The tree at a version that was read just now.
    pub(crate) async fn tree_at(&self, db: &Db, version: Option<i64>) -> Result<Arc<Tree>> {
        let version = version.unwrap_or_default();
        let known = self.memory.trees.get(&db.tenant());
        if let Some(tree) = known.filter(|tree| tree.version == version) {
            return Ok(tree);
        }
        let memory = self.memory.clone();
        db.read(async move |tx: &mut Tx<'_>| memory.tree_in(tx, version).await)
            .await
    }

    /// The tree as it is.
    pub(crate) async fn tree_now(&self, db: &Db) -> Result<Arc<Tree>> {
        let memory = self.memory.clone();
        db.read(async move |tx: &mut Tx<'_>| {
            let shape = shape::read(tx).await?;
            let version = shape.map(|shape| shape.tree).unwrap_or_default();
            memory.tree_in(tx, version).await
        })
        .await
    }

    /// Works out anew which groups hold these products, whose locks the caller holds; answers
    /// those for which that changed. A shop without groups pays nothing.
    pub(crate) async fn regroup(
        &self,
        tx: &mut Tx<'_>,
        shape: Option<Shape>,
        products: &[ProductId],
    ) -> Result<Vec<ProductId>> {
        let Some(shape) = shape else {
            return Ok(Vec::new());
        };
        let mut products = products.to_vec();
        products.sort_unstable();
        products.dedup();
        let groups = match shape {
            Shape { tree: 0, rules: 0 } => None,
            _ => Some(Groups {
                tree: self.tree_in(tx, shape.tree).await?,
                rules: self.rules_in(tx, shape.rules).await?,
            }),
        };
        let mut changed = Vec::new();
        for chunk in products.chunks(IDS_PER_STATEMENT) {
            changed.extend(regroup_some(tx, groups.as_ref(), chunk).await?);
        }
        Ok(changed)
    }

    /// Works out cards anew and what follows from them; the caller holds the products' locks.
    pub(crate) async fn renew_cards(
        &self,
        tx: &mut Tx<'_>,
        shape: Option<Shape>,
        products: &[ProductId],
    ) -> Result<()> {
        listings::renew_cards(tx, products).await?;
        self.regroup(tx, shape, products).await.map(|_| ())
    }

    /// As [`Self::tell`], of several.
    pub(crate) async fn tell_all(
        &self,
        tx: &mut Tx<'_>,
        products: &[(ProductId, String)],
        cause: &Cause,
    ) -> Result<()> {
        let ids: Vec<ProductId> = products.iter().map(|(id, _)| *id).collect();
        self.outdate_answers(tx, &ids).await?;
        for (id, handle) in products {
            self.announce(tx, *id, handle, cause).await?;
        }
        Ok(())
    }
}

/// As [`App::regroup`], for at most 32 products.
async fn regroup_some(
    tx: &mut Tx<'_>,
    groups: Option<&Groups>,
    products: &[ProductId],
) -> Result<Vec<ProductId>, Error> {
    let rows = members::of(tx, products).await?;
    let mut known = members::by_product(rows);
    let mut priced: HashSet<ProductId> = known.keys().copied().collect();
    let (mut out, mut into) = (Vec::new(), Vec::new());
    if let Some(groups) = groups {
        for facts in members::facts(tx, products).await? {
            let is: Vec<Member> = known.remove(&facts.id).unwrap_or_default();
            let mut wanted = groups.of(&facts);
            for member in is {
                let stays = wanted.remove(&member.group) || member.by_hand;
                if !stays {
                    out.push((facts.id, member.group));
                }
            }
            into.extend(wanted.into_iter().map(|group| (facts.id, group)));
        }
    }
    out.sort_unstable();
    into.sort_unstable();
    let moved: HashSet<ProductId> = out.iter().chain(&into).map(|(id, _)| *id).collect();
    priced.extend(&moved);
    let mut priced: Vec<ProductId> = priced.into_iter().collect();
    priced.sort_unstable();
    if !priced.is_empty() {
        members::change(tx, &out, &into, &priced).await?;
    }
    Ok(moved.into_iter().collect())
}
