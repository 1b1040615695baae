//! Random changes of the tree: it stays one, and lists of branches hold what a recount holds.

use std::collections::HashMap;

use proptest::prelude::*;
use proptest::strategy::ValueTree as _;
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};
use serde_json::json;
use stoa_kernel::ProductId;
use stoa_testkit::TestCells;

use super::{CATEGORIES, listed, patch_product, path_of, settle};
use crate::support::{Shop, everywhere, shirt};

#[derive(Debug, Clone)]
enum Step {
    Create {
        parent: usize,
    },
    Move {
        which: usize,
        parent: usize,
        position: Option<u32>,
    },
    Delete {
        which: usize,
    },
    Put {
        product: usize,
        which: usize,
    },
    Jobs,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        4 => (0..12usize).prop_map(|parent| Step::Create { parent }),
        5 => (0..12usize, 0..12usize, proptest::option::of(0..4u32))
            .prop_map(|(which, parent, position)| Step::Move { which, parent, position }),
        1 => (0..12usize).prop_map(|which| Step::Delete { which }),
        5 => (0..6usize, 0..12usize).prop_map(|(product, which)| Step::Put { product, which }),
        1 => Just(Step::Jobs),
    ];
    proptest::collection::vec(step, 30..45)
}

/// What the tree is to be, kept the plain way: handle to parent.
#[derive(Default)]
struct Model {
    parents: HashMap<String, Option<String>>,
    paths: HashMap<String, String>,
    products: HashMap<usize, Option<String>>,
    made: usize,
}

impl Model {
    fn names(&self) -> Vec<String> {
        let mut names: Vec<String> = self.parents.keys().cloned().collect();
        names.sort();
        names
    }

    fn pick(&self, number: usize) -> Option<String> {
        let names = self.names();
        names.get(number % names.len().max(1)).cloned()
    }

    fn path(&self, handle: &str) -> Vec<String> {
        let mut path = vec![handle.to_owned()];
        while let Some(Some(parent)) = self.parents.get(&path[path.len() - 1]) {
            assert!(!path.contains(parent), "a ring: {path:?}");
            path.push(parent.clone());
        }
        path
    }
}

async fn take(shop: &Shop, cells: &TestCells, model: &mut Model, ids: &[ProductId], step: Step) {
    match step {
        Step::Create { parent } => {
            let parent = model.pick(parent).filter(|_| parent % 3 != 0);
            let handle = format!("c{}", model.made);
            model.made += 1;
            let body = json!({"title": handle, "parent": parent});
            let made = shop.admin("POST", CATEGORIES, None, Some(body)).await;
            if made.status == 201 {
                model.paths.insert(handle.clone(), path_of(&made.json));
                model.parents.insert(handle, parent);
            }
        }
        Step::Move {
            which,
            parent,
            position,
        } => {
            let Some(handle) = model.pick(which) else {
                return;
            };
            let parent = model.pick(parent).filter(|_| parent % 4 != 0);
            let path = model.paths[&handle].clone();
            let body = json!({"parent": parent, "position": position});
            let moved = shop.admin("PATCH", &path, Some("*"), Some(body)).await;
            let rings = parent
                .as_ref()
                .is_some_and(|parent| model.path(parent).contains(&handle));
            if rings {
                assert_eq!(moved.status, 422, "{handle} below {parent:?}");
            }
            if moved.status == 200 {
                model.parents.insert(handle, parent);
            }
        }
        Step::Delete { which } => {
            let Some(handle) = model.pick(which) else {
                return;
            };
            let path = model.paths[&handle].clone();
            let gone = shop.admin("DELETE", &path, Some("*"), None).await;
            assert_eq!(gone.status, 204);
            let heir = model.parents.remove(&handle).flatten();
            for parent in model
                .parents
                .values_mut()
                .chain(model.products.values_mut())
            {
                if parent.as_ref() == Some(&handle) {
                    parent.clone_from(&heir);
                }
            }
        }
        Step::Put { product, which } => {
            let handle = model.pick(which);
            patch_product(shop, ids[product], json!({"category": handle})).await;
            model.products.insert(product, handle);
        }
        Step::Jobs => settle(shop, cells).await,
    }
}

#[tokio::test]
async fn however_branches_move_it_stays_a_tree_and_lists_equal_a_recount() {
    let rng = TestRng::from_seed(RngAlgorithm::ChaCha, &[7; 32]);
    let mut runner = TestRunner::new_with_rng(Config::default(), rng);
    for cells in everywhere().await {
        for case in 0..4 {
            let shop = Shop::open(&cells, &format!("random-{case}")).await;
            let mut ids = Vec::new();
            for number in 0..6 {
                ids.push(shop.upsert(&shirt(&format!("p{number}"))).await.product);
            }
            let mut model = Model::default();
            for step in steps().new_tree(&mut runner).expect("steps").current() {
                take(&shop, &cells, &mut model, &ids, step).await;
            }
            settle(&shop, &cells).await;
            let shown = shop
                .catalog
                .categories(shop.tenant, None)
                .await
                .expect("a tree");
            let shown: HashMap<String, Option<String>> = shown
                .into_iter()
                .map(|each| (each.handle, each.parent))
                .collect();
            assert_eq!(shown, model.parents, "{} {case}", cells.kind);
            for handle in model.names() {
                let held = |product: &usize| {
                    let at = model.products.get(product).cloned().flatten();
                    at.is_some_and(|at| model.path(&at).contains(&handle))
                };
                let expected: Vec<String> = (0..6)
                    .filter(held)
                    .map(|number| format!("p{number}"))
                    .collect();
                let path = format!("/api/v1/categories/{handle}/products?sort=title");
                let seen = listed(&shop, &path).await;
                assert_eq!(seen, expected.join(" "), "{} {case} {handle}", cells.kind);
            }
        }
    }
}
