//! The tree of categories as a whole: paths, branches, what may be moved where. Never does IO.

use std::collections::HashMap;

use stoa_kernel::{Id, IdKind, Timestamp};

use super::{AttributeRule, Flaw};

pub(crate) const CATEGORIES_MAX: usize = 10_000;
/// Branches below one another, the root's own counted.
pub(crate) const DEPTH_MAX: usize = 8;

#[derive(Debug, Clone, Copy)]
pub(crate) enum CategoryTag {}
impl IdKind for CategoryTag {
    const PREFIX: &'static str = "category";
}
pub(crate) type CategoryId = Id<CategoryTag>;

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Category {
    pub(crate) id: CategoryId,
    pub(crate) handle: String,
    pub(crate) title: String,
    pub(crate) parent: Option<CategoryId>,
    /// Among those of the same parent.
    pub(crate) position: i64,
    pub(crate) attributes: Vec<AttributeRule>,
    pub(crate) version: i64,
    pub(crate) created_at: Timestamp,
    pub(crate) updated_at: Timestamp,
}

/// All categories of a shop, every one before what grows from it, siblings in their order.
#[derive(Debug, Default)]
pub(crate) struct Tree {
    pub(crate) version: i64,
    nodes: Vec<Category>,
    depths: Vec<usize>,
    places: HashMap<CategoryId, usize>,
    handles: HashMap<String, usize>,
    /// What stands for categories that are gone.
    gone: HashMap<CategoryId, Option<CategoryId>>,
}

impl Tree {
    pub(crate) fn of(
        version: i64,
        rows: Vec<Category>,
        gone: HashMap<CategoryId, Option<CategoryId>>,
    ) -> Self {
        let mut below: HashMap<Option<CategoryId>, Vec<Category>> = HashMap::new();
        for row in rows {
            below.entry(row.parent).or_default().push(row);
        }
        for siblings in below.values_mut() {
            // The last one first: they are taken from the end.
            siblings.sort_by_key(|each| std::cmp::Reverse((each.position, each.id)));
        }
        let mut tree = Self {
            version,
            gone,
            ..Self::default()
        };
        let roots = below.remove(&None).unwrap_or_default();
        let mut waiting = vec![roots];
        while let Some(siblings) = waiting.last_mut() {
            let Some(node) = siblings.pop() else {
                waiting.pop();
                continue;
            };
            let children = below.remove(&Some(node.id)).unwrap_or_default();
            tree.places.insert(node.id, tree.nodes.len());
            tree.handles.insert(node.handle.clone(), tree.nodes.len());
            tree.depths.push(waiting.len() - 1);
            tree.nodes.push(node);
            waiting.push(children);
        }
        tree
    }

    pub(crate) fn len(&self) -> usize {
        self.nodes.len()
    }

    /// Each with its depth, 0 at the root.
    pub(crate) fn all(&self) -> impl Iterator<Item = (&Category, usize)> {
        self.nodes.iter().zip(self.depths.iter().copied())
    }

    pub(crate) fn get(&self, id: CategoryId) -> Option<&Category> {
        self.places.get(&id).map(|place| &self.nodes[*place])
    }

    pub(crate) fn by_handle(&self, handle: &str) -> Option<&Category> {
        self.handles.get(handle).map(|place| &self.nodes[*place])
    }

    pub(crate) fn depth(&self, id: CategoryId) -> Option<usize> {
        self.places.get(&id).map(|place| self.depths[*place])
    }

    /// The category that a product is in whose row names this one.
    pub(crate) fn standing_for(&self, id: CategoryId) -> Option<&Category> {
        match self.gone.get(&id) {
            Some(heir) => heir.and_then(|heir| self.get(heir)),
            None => self.get(id),
        }
    }

    /// Whether it went while products named it, and what stands for it.
    pub(crate) fn heir(&self, id: CategoryId) -> Option<Option<CategoryId>> {
        self.gone.get(&id).copied()
    }

    /// From the root to the category that stands for this one.
    pub(crate) fn path(&self, id: Option<CategoryId>) -> Vec<&Category> {
        let mut path = Vec::new();
        let mut at = id.and_then(|id| self.standing_for(id));
        while let Some(node) = at {
            path.push(node);
            at = node.parent.and_then(|parent| self.get(parent));
        }
        path.reverse();
        path
    }

    /// It and everything below it.
    pub(crate) fn branch(&self, id: CategoryId) -> &[Category] {
        let Some(&from) = self.places.get(&id) else {
            return &[];
        };
        let depth = self.depths[from];
        let below = self.depths[from + 1..].iter();
        let more = below.take_while(|each| **each > depth).count();
        &self.nodes[from..=from + more]
    }

    pub(crate) fn children(&self, parent: Option<CategoryId>) -> Vec<&Category> {
        let all = match parent {
            Some(parent) => self.branch(parent),
            None => &self.nodes[..],
        };
        all.iter().filter(|each| each.parent == parent).collect()
    }

    /// Whether the branch may stand below `parent`.
    pub(crate) fn check_move(
        &self,
        id: CategoryId,
        parent: Option<CategoryId>,
    ) -> Result<(), Flaw> {
        let branch = self.branch(id);
        let inside = |parent| branch.iter().any(|each| each.id == parent);
        if parent.is_some_and(inside) {
            return Err(Flaw::new("parent", "is the category itself or below it"));
        }
        let own = self.depth(id).unwrap_or_default();
        let depths = branch.iter().filter_map(|each| self.depth(each.id));
        let height = depths.max().unwrap_or(own) - own;
        self.check_depth(parent, height)
    }

    /// Whether a branch so many levels high may grow from `parent`.
    pub(crate) fn check_depth(
        &self,
        parent: Option<CategoryId>,
        height: usize,
    ) -> Result<(), Flaw> {
        let above = parent.and_then(|parent| self.depth(parent)).map(|d| d + 1);
        if above.unwrap_or_default() + height >= DEPTH_MAX {
            let reason = format!("is too deep: there are at most {DEPTH_MAX} levels");
            return Err(Flaw::new("parent", reason));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn node(id: u128, parent: Option<u128>, position: i64) -> Category {
        Category {
            id: CategoryId::from_u128(id),
            handle: format!("c{id}"),
            title: format!("C {id}"),
            parent: parent.map(CategoryId::from_u128),
            position,
            attributes: Vec::new(),
            version: 1,
            created_at: Timestamp::from_micros(0),
            updated_at: Timestamp::from_micros(0),
        }
    }

    fn id(number: u128) -> CategoryId {
        CategoryId::from_u128(number)
    }

    /// 1 (2 (4), 3), 5
    fn tree() -> Tree {
        let rows = vec![
            node(4, Some(2), 0),
            node(3, Some(1), 1),
            node(5, None, 1),
            node(2, Some(1), 0),
            node(1, None, 0),
        ];
        Tree::of(
            1,
            rows,
            HashMap::from([(id(9), Some(id(3))), (id(8), None)]),
        )
    }

    #[test]
    fn branches_come_before_what_grows_from_them() {
        let tree = tree();
        let all: Vec<(&str, usize)> = tree
            .all()
            .map(|(each, depth)| (each.handle.as_str(), depth))
            .collect();
        assert_eq!(all, [("c1", 0), ("c2", 1), ("c4", 2), ("c3", 1), ("c5", 0)]);
        let names = |nodes: &[Category]| -> Vec<u128> {
            nodes.iter().map(|each| each.id.as_u128()).collect()
        };
        assert_eq!(names(tree.branch(id(2))), [2, 4]);
        assert_eq!(names(tree.branch(id(1))), [1, 2, 4, 3]);
        let path: Vec<u128> = tree
            .path(Some(id(4)))
            .iter()
            .map(|c| c.id.as_u128())
            .collect();
        assert_eq!(path, [1, 2, 4]);
        assert_eq!(tree.children(None).len(), 2);
    }

    #[test]
    fn what_is_gone_stands_where_its_heir_does() {
        let tree = tree();
        assert_eq!(tree.path(Some(id(9))).len(), 2);
        assert_eq!(tree.path(Some(id(8))).len(), 0);
        assert_eq!(tree.path(Some(id(77))).len(), 0);
    }

    #[test]
    fn no_branch_moves_into_itself_or_too_deep() {
        let tree = tree();
        assert!(tree.check_move(id(1), Some(id(4))).is_err());
        assert!(tree.check_move(id(1), Some(id(1))).is_err());
        assert!(tree.check_move(id(1), Some(id(5))).is_ok());
        let rows = (1..=8)
            .map(|n| node(n, (n > 1).then(|| n - 1), 0))
            .collect();
        let deep = Tree::of(1, rows, HashMap::new());
        assert!(deep.check_depth(Some(id(8)), 0).is_err());
        assert!(deep.check_depth(Some(id(7)), 0).is_ok());
        assert!(deep.check_depth(Some(id(6)), 2).is_err());
    }
}
